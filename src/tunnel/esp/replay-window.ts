/**
 * Refuses packets that were received before, and tells the whole sequence number from its low half.
 *
 * Contract: for each packet `locate(low)` gives the 64-bit number it must have (as a double, exact to 2^53);
 * `isFresh` says whether it may be accepted; after the packet proved authentic, `accept` marks it. Numbers more than
 * the window behind the newest are refused. Allocates only while it grows: no more is kept than numbers were used, so that
 * the keys of a tunnel that is idle take little.
 *
 * The window is a ring of words that is cleared word by word as it moves, so that moving costs little (RFC 6479).
 * Source: RFC 4303, 3.4.3 and appendix A2; RFC 6479.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

const WORD_BITS = 32;
const WORD_SHIFT = 5;
const TWO_32 = 0x1_0000_0000;
/** An hour of an idle tunnel's probes is some thousand packets. */
const FIRST_RING = 2_048;

/**
 * Wide enough for the delay spread of uneven links at full rate: at 10 Gbit/s in packets of 1,400 bytes a spread of
 * 70 ms is 62,500 packets.
 */
export const REPLAY_WINDOW_PACKETS = 65_536;

export class ReplayWindow {
  /**
   * Twice the window, so that a word that is partly cleared is never counted as inside, and a power of two, so that a
   * number's place is a mask away: a modulo of doubles is a call. Until then it has room for every number from 0 on, each
   * in the place that it keeps.
   */
  #words: Int32Array;
  #mask: number;
  readonly #size: number;
  #newest = DOUBLE_ZERO;

  /** @param size packets, a power of two and at least 32 */
  constructor(size = REPLAY_WINDOW_PACKETS) {
    if (size < WORD_BITS || (size & (size - 1)) !== 0) {
      throw new RangeError('the size of a replay window is a power of two');
    }
    this.#size = size;
    this.#words = new Int32Array(Math.min(FIRST_RING, 2 * size) / WORD_BITS);
    this.#mask = this.#words.length - 1;
    // A double from now on. Code that calculates with it as an integer is given up at a zero with a sign.
    this.#newest = 0;
  }

  /** The highest number accepted so far; 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  /** The lowest number of which it knows whether it came; what is below is not fresh. */
  get oldest(): number {
    return Math.max(1, this.#newest - this.#size + 1);
  }

  /** The number nearest to the window whose low half is `low` (RFC 4303, A2.2); negative when there is none. */
  locate(low: number): number {
    const newest = this.#newest;
    const newestLow = newest >>> 0;
    const high = newest - newestLow;
    const bottom = newestLow - this.#size + 1;
    if (bottom >= 0) return low >= bottom ? high + low : high + TWO_32 + low;
    return low >= bottom + TWO_32 ? high - TWO_32 + low : high + low;
  }

  /** Not seen, not too old, not zero (the first packet of an association has number 1). */
  isFresh(sequence: number): boolean {
    const newest = this.#newest;
    if (sequence > newest) return true;
    if (sequence <= 0 || newest - sequence >= this.#size) return false;
    const low = sequence >>> 0;
    return ((this.#words[(low >>> WORD_SHIFT) & this.#mask] as number) & (1 << low)) === 0;
  }

  /** Marks a number whose packet was fresh and authentic. */
  accept(sequence: number): void {
    if (sequence > this.#newest) this.#advance(sequence);
    const low = sequence >>> 0;
    const word = (low >>> WORD_SHIFT) & this.#mask;
    // A shift counts modulo 32, so the low bits of the number name the bit.
    this.#words[word] = (this.#words[word] as number) | (1 << low);
  }

  #advance(sequence: number): void {
    if (sequence >= this.#words.length * WORD_BITS && this.#words.length * WORD_BITS < 2 * this.#size)
      this.#grow(sequence);
    const words = this.#words;
    const from = (this.#newest >>> 0) >>> WORD_SHIFT;
    const distance = Math.floor(sequence / WORD_BITS) - Math.floor(this.#newest / WORD_BITS);
    const steps = Math.min(distance, words.length);
    for (let step = 1; step <= steps; step++) words[(from + step) & this.#mask] = 0;
    this.#newest = sequence;
  }

  /** It has not come round yet, so what it holds stays where it is. */
  #grow(sequence: number): void {
    let ring = this.#words.length * WORD_BITS;
    while (ring <= sequence && ring < 2 * this.#size) ring *= 2;
    const words = new Int32Array(ring / WORD_BITS);
    words.set(this.#words);
    this.#words = words;
    this.#mask = words.length - 1;
  }
}
