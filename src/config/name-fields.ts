/**
 * Fields of the schema that name things: gateways, links, tunnels, network interfaces, files, peers.
 */

import { z } from 'zod';
import { patternField, textField } from './text-field.ts';
import { wrongValue } from './wording.ts';

/**
 * Names that the operator gives. A letter is needed because a YAML key of digits only is a number to other programs,
 * and because objects in JavaScript do not keep such keys in order.
 */
export function givenName() {
  const allowed = '1 to 31 of a-z, 0-9 and -, with at least one letter, not beginning with -';
  return patternField(allowed, /^(?=.*[a-z])[a-z0-9][a-z0-9-]{0,30}$/);
}

/** Kernel: `dev_valid_name` (at most 15 bytes, no `/`, `:` or space); kept to what every other program takes as well. */
export function interfaceName() {
  const allowed = 'an interface name: 1 to 15 of letters, digits, "_", "." and "-"';
  return textField<string>(allowed, (text) => {
    if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(text) && !reservedInterfaceNames.has(text))
      return { value: text };
    if (reservedInterfaceNames.has(text))
      return { wrong: 'which the kernel uses for all interfaces together' };
    return { wrong: text.length > 15 ? `which has ${text.length} characters` : undefined };
  });
}

/** `/proc/sys/net/ipv4/conf/all` and `default` are not interfaces. */
const reservedInterfaceNames = new Set(['all', 'default']);

export function absolutePath(maximumBytes = 4095) {
  const allowed = `an absolute path of at most ${maximumBytes} bytes, without a slash at its end`;
  return textField<string>(allowed, (text) => {
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > maximumBytes) return { wrong: `which has ${bytes} bytes` };
    return /^\/[^\n\r]*[^/\n\r]$/.test(text) ? { value: text } : { wrong: undefined };
  });
}

/** A program and its arguments, as the kernel gets them: without a shell there is nothing to be quoted. */
export function commandWords() {
  const allowed = 'a list of an absolute path and up to 63 arguments, such as [/etc/backstay/lte, up]';
  const error = (issue: { input?: unknown }) => wrongValue(issue.input, allowed);
  return z
    .array(argument(), { error })
    .min(1, { error: `is an empty list, must be ${allowed}` })
    .max(64, { error: `has too many arguments, must be ${allowed}` })
    .refine(([program]) => program === undefined || program.startsWith('/'), {
      error: (issue) => `begins with ${JSON.stringify((issue.input as string[])[0])}, must be ${allowed}`,
    })
    .meta({ allowed, several: 'with up to 63 arguments' });
}

function argument() {
  const allowed = 'text of at most 4095 characters on one line';
  return patternField(allowed, /^[^\0\n\r]{1,4095}$/);
}

/** SHA-256 over the peer's DER SubjectPublicKeyInfo; the last of 43 characters carries four bits only. */
export function fingerprint() {
  const allowed = '"SHA256:" and 43 characters, as "backstay keygen" prints it on the peer';
  return patternField(allowed, /^SHA256:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, (text) => {
    if (!text.startsWith('SHA256:')) return undefined;
    const length = text.length - 'SHA256:'.length;
    return length === 43 ? undefined : `which has ${length} characters after "SHA256:"`;
  });
}
