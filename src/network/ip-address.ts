/**
 * IPv4 and IPv6 addresses, prefixes and endpoints: text to bytes and back.
 *
 * Contract: parsers take the whole text and return undefined for anything that is not exactly one value; they never
 * throw. `text` is always the canonical form, so two addresses are equal when their texts are equal.
 * Input: RFC 4291 section 2.2 (all three forms, no zone), IPv4 as four decimal numbers without leading zeros.
 * Output: RFC 5952, with the mixed form for IPv4-mapped addresses (section 5).
 */

export type IpFamily = 4 | 6;

/** An address; `bytes` has 4 or 16 bytes in network order and must not be written to. */
export type IpAddress = { readonly family: IpFamily; readonly text: string; readonly bytes: Uint8Array };

/** An address with a prefix length. Whether host bits may be set is said by the function that made it. */
export type IpPrefix = { readonly address: IpAddress; readonly length: number };

/** Where a UDP or TCP peer is found. */
export type Endpoint = { readonly address: IpAddress; readonly port: number };

export function parseIpAddress(text: string): IpAddress | undefined {
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return bytes === undefined ? undefined : ipAddressOf(bytes);
}

/** Wraps 4 or 16 bytes, which are copied. */
export function ipAddressOf(bytes: Uint8Array): IpAddress {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RangeError('an IP address has 4 or 16 bytes');
  return { family: bytes.length === 4 ? 4 : 6, text: formatIpAddress(bytes), bytes: Uint8Array.from(bytes) };
}

/** Canonical text of 4 or 16 bytes. */
export function formatIpAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes);
}

/** A network such as `10.2.0.0/16`: all host bits must be zero, the length must be given. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const prefix = parseInterfaceAddress(text);
  if (prefix === undefined || networkOf(prefix).address.text !== prefix.address.text) return undefined;
  return prefix;
}

/** The address of an interface with its subnet, such as `10.255.0.1/30`: host bits are kept. */
export function parseInterfaceAddress(text: string): IpPrefix | undefined {
  const [addressText, lengthText, ...rest] = text.split('/');
  const address = parseIpAddress(addressText ?? '');
  if (address === undefined || lengthText === undefined || rest.length > 0) return undefined;
  const length = parseDecimal(lengthText, address.bytes.length * 8);
  return length === undefined ? undefined : { address, length };
}

export function formatPrefix(prefix: IpPrefix): string {
  return `${prefix.address.text}/${prefix.length}`;
}

/** The network an interface address lies in: the same prefix with its host bits cleared. */
export function networkOf(prefix: IpPrefix): IpPrefix {
  const bytes = prefix.address.bytes.map((byte, index) => byte & maskByte(prefix.length, index));
  return { address: ipAddressOf(bytes), length: prefix.length };
}

/** Whether the address lies in the prefix; false between families (IPv4-mapped addresses are IPv6). */
export function prefixContains(prefix: IpPrefix, address: Pick<IpAddress, 'bytes'>): boolean {
  const network = prefix.address.bytes;
  if (network.length !== address.bytes.length) return false;
  return network.every((byte, index) => {
    const difference = byte ^ (address.bytes[index] ?? 0);
    return (difference & maskByte(prefix.length, index)) === 0;
  });
}

/** Whether some address lies in both. */
export function prefixesOverlap(one: IpPrefix, other: IpPrefix): boolean {
  const [wide, narrow] = one.length <= other.length ? [one, other] : [other, one];
  return prefixContains(wide, narrow.address);
}

/** `192.0.2.1`, `192.0.2.1:4501`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4501`. */
export function parseEndpoint(text: string, defaultPort: number): Endpoint | undefined {
  const bare = parseIpAddress(text);
  if (bare !== undefined) return { address: bare, port: defaultPort };
  const parts = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:]*))(?::(?<port>.*))?$/s.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const address = parseIpAddress(parts['v6'] ?? parts['v4'] ?? '');
  const port = parts['port'] === undefined ? defaultPort : parseDecimal(parts['port'], 65535);
  if (address?.family !== (parts['v6'] === undefined ? 4 : 6) || !port) return undefined;
  return { address, port };
}

/** Always with the port; IPv6 in brackets (RFC 3986 section 3.2.2). */
export function formatEndpoint(endpoint: Endpoint): string {
  const { family, text } = endpoint.address;
  return family === 6 ? `[${text}]:${endpoint.port}` : `${text}:${endpoint.port}`;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const numbers = text.split('.').map((part) => parseDecimal(part, 255));
  if (numbers.length !== 4 || numbers.includes(undefined)) return undefined;
  return Uint8Array.from(numbers as number[]);
}

function parseIpv6(text: string): Uint8Array | undefined {
  const [headText = '', tailText, ...rest] = text.split('::');
  if (rest.length > 0) return undefined;
  const head = parseGroups(headText, tailText === undefined);
  const tail = tailText === undefined ? [] : parseGroups(tailText, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // `::` stands for at least one group; without it nothing may be missing.
  if (tailText === undefined ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.of(...head, ...new Array<number>(missing).fill(0), ...tail);
}

/** The bytes of `a:b:c`; only the last group of the address may be a dotted quad. */
function parseGroups(text: string, endsAddress: boolean): number[] | undefined {
  const groups = text === '' ? [] : text.split(':');
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const quad = endsAddress && index === groups.length - 1 ? parseIpv4(group) : undefined;
    if (quad === undefined) return undefined;
    bytes.push(...quad);
  }
  return bytes.length > 16 ? undefined : bytes;
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => groupAt(bytes, index));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12).join('.')}`;
  }
  const zeros = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (zeros.length < 2) return hex.join(':');
  return `${hex.slice(0, zeros.start).join(':')}::${hex.slice(zeros.start + zeros.length).join(':')}`;
}

function groupAt(bytes: Uint8Array, index: number): number {
  return ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0);
}

/** The first of the longest runs (RFC 5952 section 4.2.3). */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  }
  return best;
}

/** Decimal digits without a sign or leading zeros (which other programs read as octal). */
function parseDecimal(text: string, maximum: number): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,4})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= maximum ? value : undefined;
}

function maskByte(prefixLength: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixLength - index * 8));
  return (0xff00 >> bits) & 0xff;
}
