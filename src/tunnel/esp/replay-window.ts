/**
 * Refuses packets that were received before, and tells the whole sequence number from its low half.
 *
 * Contract: for each packet `locate(low)` gives the 64-bit number it must have (as a double, exact to 2^53);
 * `isFresh` says whether it may be accepted; after the packet proved authentic, `accept` marks it. Numbers more than
 * the window behind the newest are refused. Allocates nothing.
 *
 * The window is a ring of words that is cleared word by word as it moves, so that moving costs little (RFC 6479).
 * Source: RFC 4303, 3.4.3 and appendix A2; RFC 6479.
 */
const WORD_BITS = 32;
const TWO_32 = 0x1_0000_0000;

/**
 * Wide enough for the delay spread of uneven links at full rate: at 10 Gbit/s in packets of 1,400 bytes a spread of
 * 70 ms is 62,500 packets.
 */
export const REPLAY_WINDOW_PACKETS = 65_536;

export class ReplayWindow {
  /** One word more than the window holds, so that a partly cleared word is never counted as inside. */
  readonly #words: Int32Array;
  readonly #size: number;
  #newest = 0;

  /** @param size packets, a multiple of 32 */
  constructor(size = REPLAY_WINDOW_PACKETS) {
    if (size % WORD_BITS !== 0) throw new RangeError('a replay window is a whole number of words');
    this.#size = size;
    this.#words = new Int32Array(size / WORD_BITS + 1);
  }

  /** The highest number accepted so far; 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  /** The number nearest to the window whose low half is `low` (RFC 4303, A2.2); negative when there is none. */
  locate(low: number): number {
    const newest = this.#newest;
    const newestLow = newest % TWO_32;
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
    return ((this.#words[this.#wordOf(sequence)] as number) & bitOf(sequence)) === 0;
  }

  /** Marks a number whose packet was fresh and authentic. */
  accept(sequence: number): void {
    if (sequence > this.#newest) this.#advance(sequence);
    const word = this.#wordOf(sequence);
    this.#words[word] = (this.#words[word] as number) | bitOf(sequence);
  }

  #advance(sequence: number): void {
    const words = this.#words;
    const from = Math.floor(this.#newest / WORD_BITS);
    const steps = Math.min(Math.floor(sequence / WORD_BITS) - from, words.length);
    for (let step = 1; step <= steps; step++) words[(from + step) % words.length] = 0;
    // Beyond a whole turn every word was cleared; which ones were named does not matter.
    this.#newest = sequence;
  }

  #wordOf(sequence: number): number {
    return Math.floor(sequence / WORD_BITS) % this.#words.length;
  }
}

function bitOf(sequence: number): number {
  return 1 << (sequence % WORD_BITS);
}
