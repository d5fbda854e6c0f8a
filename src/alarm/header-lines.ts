/**
 * A file of HTTP headers, `Name: value` on each line; empty lines and lines with # are passed over.
 *
 * Contract: pure and total; what is wrong is told by its line, never by its contents. Source: RFC 9110 sections 5.1, 5.5.
 */

export type HeaderLines =
  | { readonly headers: Readonly<Record<string, string>> }
  | { readonly wrongLine: number };

export function parseHeaderLines(text: string): HeaderLines {
  const headers: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const parts = /^(?<name>[!#$%&'*+.^_`|~A-Za-z0-9-]+):[ \t]*(?<value>[\t -~]*?)[ \t]*$/.exec(line)?.groups;
    const name = (parts?.['name'] ?? '').toLowerCase();
    if (parts === undefined || Object.hasOwn(headers, name) || isOurs(name)) return { wrongLine: index + 1 };
    headers[name] = parts['value'] ?? '';
  }
  return { headers };
}

/** What belongs to the connection and to the body. */
function isOurs(name: string): boolean {
  return ['__proto__', 'connection', 'content-length', 'host', 'transfer-encoding'].includes(name);
}
