/**
 * Fields of the schema that name things: gateways, links, tunnels, network interfaces, files, peers.
 */

import { patternField, textField } from './text-field.ts';

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

/** SHA-256 over the peer's DER SubjectPublicKeyInfo; the last of 43 characters carries four bits only. */
export function fingerprint() {
  const allowed = '"SHA256:" and 43 characters, as "backstay keygen" prints it on the peer';
  return patternField(allowed, /^SHA256:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, (text) => {
    if (!text.startsWith('SHA256:')) return undefined;
    const length = text.length - 'SHA256:'.length;
    return length === 43 ? undefined : `which has ${length} characters after "SHA256:"`;
  });
}
