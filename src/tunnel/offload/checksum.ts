/**
 * The internet checksum (RFC 1071) over parts of a packet. Sums are kept unfolded as plain numbers: 2^53 is far away.
 */

/** Adds the 16-bit words of a range; an odd last byte counts as the high half of a word. */
export function sumWords(data: DataView, offset: number, length: number): number {
  let sum = 0;
  let at = offset;
  const end = offset + length;
  for (; at + 4 <= end; at += 4) sum += data.getUint32(at);
  // A 32-bit word is its two halves with the upper one 2^16 times too large, and 2^16 is 1 modulo 2^16 - 1.
  if (at + 2 <= end) {
    sum += data.getUint16(at);
    at += 2;
  }
  if (at < end) sum += data.getUint8(at) << 8;
  return sum;
}

/** Folds a sum to 16 bits (ones' complement addition). */
export function fold(sum: number): number {
  let folded = Math.floor(sum / 0x1_0000_0000) + (sum % 0x1_0000_0000);
  folded = Math.floor(folded / 0x1_0000) + (folded % 0x1_0000);
  folded = (folded >>> 16) + (folded & 0xffff);
  return (folded >>> 16) + (folded & 0xffff);
}

/** The same for sums below 2^31, in integers only: for what is folded once per packet. */
export function foldSmall(sum: number): number {
  const folded = (sum >>> 16) + (sum & 0xffff);
  return (folded >>> 16) + (folded & 0xffff);
}

/** The checksum that a sum amounts to. */
export function checksumOf(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/**
 * Completes a checksum of which only the pseudo-header is summed, over everything from `start` to the end.
 * @param start where the transport header begins; @param field where the checksum lies
 */
export function finishChecksum(data: DataView, start: number, end: number, field: number): void {
  const checksum = checksumOf(sumWords(data, start, end - start));
  // A UDP checksum of zero would mean "none" (RFC 768); TCP may as well have the other form of zero.
  data.setUint16(field, checksum === 0 ? 0xffff : checksum);
}
