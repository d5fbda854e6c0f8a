/** The request and the first line of the answer of an HTTP target. Pure. Source: RFC 9112 sections 3 and 4. */

export function httpRequest(host: string, path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: backstay\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

/** What a server may say before the end of its first line. */
export const mostStatusLineBytes = 512;

/** @returns `answer`, why it is none, or undefined while the line is not complete */
export function readStatusLine(text: string): 'answer' | { reason: string } | undefined {
  const end = text.indexOf('\n');
  if (end < 0) return text.length < mostStatusLineBytes ? undefined : { reason: 'not HTTP' };
  const status = /^HTTP\/1\.[01] (?<status>\d{3})(?: |\r?$)/.exec(text.slice(0, end))?.groups?.['status'];
  if (status === undefined) return { reason: 'not HTTP' };
  return status.startsWith('2') ? 'answer' : { reason: `HTTP status ${status}` };
}
