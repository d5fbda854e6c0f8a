/**
 * The IV of our packets: it numbers the packet three times over.
 *
 * ```
 *  63  60 59          44 43                                  0
 *  | lane | order number | sequence number                   |
 * ```
 * A lane is a group of flows that are kept in order among themselves; the order number counts the packets of the lane,
 * from 1, modulo 2^16. Lane 0 is for what needs no order: reports, and they hold nobody up. Because the sequence
 * number never repeats under one key, neither does the IV (RFC 4106, 3.1). The rest of it travels in the open, is
 * authenticated as part of the nonce, and means nothing to another ESP implementation.
 *
 * Contract: the IV is two words, high and low. Where it is not built like this, because another implementation sealed the
 * packet, its lane is 0.
 */
export const LANES = 16;
/** For what needs no order. */
export const NO_LANE = 0;
/** Beyond this an association must not seal: the IV would repeat. */
export const LAST_SEQUENCE = 2 ** 44 - 1;
/** Order numbers are known modulo this. */
export const ORDER_NUMBERS = 0x1_0000;

const TWO_32 = 0x1_0000_0000;
const SEQUENCE_BITS = 12;
const SEQUENCE_MASK = 0xfff;

/** @param order any number; its lowest 16 bits are used. @returns the IV's high word; its low word is that of the sequence number */
export function ivHigh(lane: number, order: number, sequence: number): number {
  return (
    ((lane << 28) | ((order & (ORDER_NUMBERS - 1)) << SEQUENCE_BITS) | Math.floor(sequence / TWO_32)) >>> 0
  );
}

/** @returns the lane; `NO_LANE` for an IV that is not ours */
export function laneOf(high: number, low: number, sequence: number): number {
  if (low !== sequence >>> 0 || (high & SEQUENCE_MASK) !== Math.floor(sequence / TWO_32)) return NO_LANE;
  return high >>> 28;
}

/** @returns the order number, modulo 2^16 */
export function orderOf(high: number): number {
  return (high >>> SEQUENCE_BITS) & (ORDER_NUMBERS - 1);
}

/** The number that is congruent to `order` and nearest to `near`. */
export function nearestOrder(order: number, near: number): number {
  return near + (((order - near) << 16) >> 16);
}
