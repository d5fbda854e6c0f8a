/**
 * A DNS question, and whether what comes back answers it.
 *
 * Contract: pure; never throws, whatever comes. An answer has the question's number and repeats the question itself. That
 * there is no such name is an answer; that the server cannot say (SERVFAIL, REFUSED …) is none: whoever is behind it is
 * not reached. Source: RFC 1035 section 4.1.
 */

const headerBytes = 12;
const flags = { response: 0x8000, opcodeMask: 0x7800, recursionDesired: 0x0100, codeMask: 0x000f } as const;
const goodCodes = new Set([0, 3]);
const typeA = 1;
const classIn = 1;

/** @param name letters, digits, `-`, `_` and dots, as the configuration has seen to it */
export function encodeDnsQuestion(identifier: number, name: string): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...[...label].map(codeOf)]);
  const question = [...labels, 0, 0, typeA, 0, classIn];
  const bytes = new Uint8Array(headerBytes + question.length);
  const data = new DataView(bytes.buffer);
  data.setUint16(0, identifier);
  data.setUint16(2, flags.recursionDesired);
  data.setUint16(4, 1);
  bytes.set(question, headerBytes);
  return bytes;
}

/** @returns `answer`, why it is none, or undefined for what is no response to this question at all */
export function readDnsAnswer(
  question: Uint8Array,
  packet: Uint8Array,
): 'answer' | { refused: number } | undefined {
  if (packet.length < question.length || packet[0] !== question[0] || packet[1] !== question[1])
    return undefined;
  const data = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const word = data.getUint16(2);
  if ((word & flags.response) === 0 || (word & flags.opcodeMask) !== 0) return undefined;
  if (data.getUint16(4) !== 1 || !repeats(question, packet)) return undefined;
  const code = word & flags.codeMask;
  return goodCodes.has(code) ? 'answer' : { refused: code };
}

/** Servers may change the case of letters. */
function repeats(question: Uint8Array, packet: Uint8Array): boolean {
  return question.every((byte, index) => index < headerBytes || lower(byte) === lower(packet[index] ?? 0));
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function codeOf(character: string): number {
  return character.charCodeAt(0) & 0x7f;
}
