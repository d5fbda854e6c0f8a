/**
 * The layout of an AGGFRAG payload: inner packets one behind the other, cut where the payload ends.
 *
 * ```
 *  0            1            2                          4
 *  | sub-type 0 | reserved 0 | block offset u16         | data blocks …
 * ```
 * A block is an inner packet, told by its first four bits (4, 6), or padding up to the end (0). The block offset says how
 * many bytes of data, counted over this payload and those that follow, belong to the block that an earlier payload began.
 *
 * Contract: offsets into the caller's memory; allocates nothing. Big-endian.
 * Source: RFC 9347, 2.2, 6.1.
 */
import { ESP_PAYLOAD_OFFSET, ESP_TAG_LENGTH, ESP_TRAILER_LENGTH } from '../esp/format.ts';

export const AGGFRAG_HEADER_LENGTH = 4;
/** Without congestion control (RFC 9347, 6.1.1). */
export const PLAIN_SUB_TYPE = 0;
/** The longest inner packet: that of a tunnel's largest MTU, with some room. */
export const LONGEST_INNER = 9_216;

/** First four bits of a block. */
export const blockKind = { padding: 0, ipv4: 4, ipv6: 6 } as const;

export function writeAggfragHeader(data: DataView, at: number, blockOffset: number): void {
  data.setUint16(at, PLAIN_SUB_TYPE << 8);
  data.setUint16(at + 2, blockOffset);
}

/** Whether it is a payload whose blocks can be read. */
export function isAggfrag(data: DataView, at: number, length: number): boolean {
  return length > AGGFRAG_HEADER_LENGTH && data.getUint8(at) === PLAIN_SUB_TYPE;
}

export function blockOffsetOf(data: DataView, at: number): number {
  return data.getUint16(at + 2);
}

/** Bytes of blocks in an ESP packet of this length, a multiple of 4: it then needs no padding. */
export function blockRoom(sealed: number): number {
  return sealed - ESP_PAYLOAD_OFFSET - ESP_TRAILER_LENGTH - ESP_TAG_LENGTH - AGGFRAG_HEADER_LENGTH;
}

/** More bytes are needed to tell. */
export const NOT_TOLD = 0;
export const NO_BLOCK = -1;

/**
 * The length of the inner packet that begins at `at`, by its own account.
 * @param known how many of its bytes are there. @returns `NOT_TOLD` or `NO_BLOCK` where there is no such length
 */
export function blockLength(data: DataView, at: number, known: number): number {
  if (known < 1) return NOT_TOLD;
  const first = data.getUint8(at);
  if (first >> 4 === blockKind.ipv4) {
    const headerLength = (first & 15) * 4;
    if (headerLength < 20) return NO_BLOCK;
    if (known < 4) return NOT_TOLD;
    return checked(data.getUint16(at + 2), headerLength);
  }
  if (first >> 4 !== blockKind.ipv6) return NO_BLOCK;
  return known < 6 ? NOT_TOLD : checked(40 + data.getUint16(at + 4), 40);
}

function checked(length: number, headerLength: number): number {
  return length >= headerLength && length <= LONGEST_INNER ? length : NO_BLOCK;
}
