/**
 * The part of ASN.1's Basic Encoding Rules that SNMP messages are made of. Writes only.
 *
 * Contract: pure; each function gives a whole element, identifier and length included, with the shortest length.
 * Source: ITU-T X.690 section 8, RFC 3417 section 8, RFC 2578 section 7.
 */

const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
const UNSIGNED_32 = 0x42;
const TIME_TICKS = 0x43;

/** @param value a whole number of 32 bits, signed */
export function berInteger(value: number): Uint8Array {
  return element(INTEGER, twosComplement(value));
}

/** @param value 0 to 4,294,967,295 */
export function berUnsigned(value: number): Uint8Array {
  return element(UNSIGNED_32, twosComplement(value));
}

/** @param hundredths of a second; counts modulo 2^32 */
export function berTimeTicks(hundredths: number): Uint8Array {
  return element(TIME_TICKS, twosComplement(hundredths % 2 ** 32));
}

export function berOctets(value: Uint8Array | string): Uint8Array {
  return element(OCTET_STRING, typeof value === 'string' ? new TextEncoder().encode(value) : value);
}

/** @param numbers at least two, the first 0 to 2 */
export function berObjectIdentifier(numbers: readonly number[]): Uint8Array {
  const [first = 0, second = 0, ...rest] = numbers;
  return element(
    OBJECT_IDENTIFIER,
    Uint8Array.from([first * 40 + second, ...rest].flatMap((number) => base128(number))),
  );
}

export function berSequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(SEQUENCE, joinBytes(parts));
}

/** A PDU: implicit, constructed and of the context's class. */
export function berContext(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return element(0xa0 | number, joinBytes(parts));
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function element(identifier: number, content: Uint8Array): Uint8Array {
  return joinBytes([Uint8Array.from([identifier, ...lengthOctets(content.length)]), content]);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest & 0xff);
  return [0x80 | octets.length, ...octets];
}

/** As few octets as the sign allows. */
function twosComplement(value: number): Uint8Array {
  const octets = [value & 0xff];
  let rest = Math.floor(value / 256);
  while (!isSignOf(rest, octets[0] ?? 0)) {
    octets.unshift(rest & 0xff);
    rest = Math.floor(rest / 256);
  }
  return Uint8Array.from(octets);
}

function isSignOf(rest: number, first: number): boolean {
  return (rest === 0 && first < 0x80) || (rest === -1 && first >= 0x80);
}

function base128(number: number): number[] {
  const octets = [number % 128];
  for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128))
    octets.unshift(0x80 | (rest % 128));
  return octets;
}
