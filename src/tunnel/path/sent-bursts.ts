/**
 * The bursts that were sent over a path and are not yet covered by the far side's reports.
 *
 * Contract: added in order of sending; `cover` finds what a report covers, and says of the last of it when it was sent,
 * how many bytes had been sent by then, and what queue it was thought to meet. What is covered stays, for `ranDry`, until `release`. A report under the keys
 * of before covers nothing that was sent under newer ones. Allocates only while it grows; bounded, the oldest give way.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

/** Bursts closer than this are one (µs). */
const MERGE_MICROS = 200;
const FIRST_CAPACITY = 16;
const LAST_CAPACITY = 8192;

export class SentBursts {
  /** Of the newest packet covered: when it was sent (µs), and the bytes sent up to it. */
  sentAt = DOUBLE_ZERO;
  covered = DOUBLE_ZERO;
  /** How many of the bytes that are covered were sent before, over this path or another. */
  coveredAgain = DOUBLE_ZERO;
  /** The queue that was thought to stand before it (µs). */
  expectedQueue = DOUBLE_ZERO;
  /** It was sent more than once, and nobody knows which of them came: its times mean nothing (Karn's rule). */
  ambiguous = false;

  #capacity = FIRST_CAPACITY;
  #generation = new Float64Array(FIRST_CAPACITY);
  #firstNumber = new Float64Array(FIRST_CAPACITY);
  #lastNumber = new Float64Array(FIRST_CAPACITY);
  #total = new Float64Array(FIRST_CAPACITY);
  #bytes = new Float64Array(FIRST_CAPACITY);
  #time = new Float64Array(FIRST_CAPACITY);
  #queue = new Float64Array(FIRST_CAPACITY);
  #again = new Uint8Array(FIRST_CAPACITY);
  #first = 0;
  #count = 0;
  /** How many of them, from the first, are covered whole. */
  #coveredCount = 0;
  /** Keys by the order of their use: the newest, and the ones before. */
  #spi = DOUBLE_ZERO;
  #earlierSpi = DOUBLE_ZERO;
  #generations = 0;
  /** The highest number sent; a burst below it is sent again. */
  #highest = DOUBLE_ZERO;

  get count(): number {
    return this.#count;
  }

  /**
   * @param total the bytes sent over the path with this burst; `bytes` of them are its own
   * @param queue that is thought to stand before it (µs). Numbers grow but for packets that are sent again, which are a
   * burst of their own
   * @param copied as `Delivery.sent` says: like what is sent again
   */
  add(
    spi: number,
    first: number,
    last: number,
    total: number,
    bytes: number,
    queue: number,
    now: number,
    copied = false,
  ): void {
    if (spi !== this.#spi) {
      this.#earlierSpi = this.#spi;
      this.#spi = spi;
      this.#generations++;
      this.#highest = 0;
    }
    if (this.#count > 0) {
      const newest = (this.#first + this.#count - 1) % this.#capacity;
      const sameKeys = this.#generation[newest] === this.#generations;
      const grows = !copied && first > (this.#lastNumber[newest] as number) && first > this.#highest;
      if (
        sameKeys &&
        grows &&
        this.#again[newest] === 0 &&
        now - (this.#time[newest] as number) < MERGE_MICROS
      ) {
        this.#lastNumber[newest] = last;
        this.#highest = last;
        this.#total[newest] = total;
        this.#bytes[newest] = (this.#bytes[newest] as number) + bytes;
        return;
      }
    }
    if (this.#count === this.#capacity) this.#makeRoom();
    const again = copied || first <= this.#highest;
    if (last > this.#highest) this.#highest = last;
    const at = (this.#first + this.#count) % this.#capacity;
    this.#generation[at] = this.#generations;
    this.#firstNumber[at] = first;
    this.#lastNumber[at] = last;
    this.#total[at] = total;
    this.#bytes[at] = bytes;
    this.#time[at] = now;
    this.#queue[at] = queue;
    this.#again[at] = again ? 1 : 0;
    this.#count++;
  }

  /**
   * A report says that `newest` came, under these keys. Links deliver in order: what was sent before it is covered as well.
   * @returns whether that covers anything that was not covered before
   */
  cover(spi: number, newest: number): boolean {
    const generation =
      spi === this.#spi ? this.#generations : spi === this.#earlierSpi ? this.#generations - 1 : 0;
    const before = this.covered;
    const holder = this.#holderOf(generation, newest);
    while (this.#coveredCount < this.#count) {
      const at = (this.#first + this.#coveredCount) % this.#capacity;
      const older = (this.#generation[at] as number) < generation;
      if (!older && this.#coveredCount >= holder) break;
      this.#coverWhole(at);
    }
    if (holder < this.#count && this.#coveredCount === holder) {
      const at = (this.#first + holder) % this.#capacity;
      if (this.#lastNumber[at] === newest) this.#coverWhole(at);
      else this.#coverPart(at, newest);
    }
    return this.covered > before;
  }

  /**
   * Whether a line of this rate would have been without work at any time while it sent what is covered and not released.
   * @param from when it would have been done with the first `after` bytes (µs). @param microsPerByte its rate, inverse
   */
  ranDry(from: number, after: number, microsPerByte: number): boolean {
    for (let index = 0; index < this.#coveredCount; index++) {
      const at = (this.#first + index) % this.#capacity;
      const before = (this.#total[at] as number) - (this.#bytes[at] as number) - after;
      if (before >= 0 && (this.#time[at] as number) > from + before * microsPerByte) return true;
    }
    return false;
  }

  /** Forgets what is covered. */
  release(): void {
    this.#first = (this.#first + this.#coveredCount) % this.#capacity;
    this.#count -= this.#coveredCount;
    this.#coveredCount = 0;
  }

  clear(): void {
    if (this.#count === 0) return;
    this.covered = this.#total[(this.#first + this.#count - 1) % this.#capacity] as number;
    this.#count = 0;
    this.#coveredCount = 0;
  }

  /** The index of the burst with this number, as it was sent first; -1 when it is not there, or covered before. */
  #holderOf(generation: number, number: number): number {
    let again = -1;
    for (let index = this.#count - 1; index >= this.#coveredCount; index--) {
      const at = (this.#first + index) % this.#capacity;
      if ((this.#generation[at] as number) < generation) break;
      const holds = (this.#firstNumber[at] as number) <= number && number <= (this.#lastNumber[at] as number);
      if (this.#generation[at] !== generation || !holds) continue;
      if (this.#again[at] === 0) {
        this.ambiguous = again >= 0;
        return index;
      }
      again = index;
    }
    this.ambiguous = again >= 0;
    return again;
  }

  #coverWhole(at: number): void {
    this.sentAt = this.#time[at] as number;
    this.expectedQueue = this.#queue[at] as number;
    this.covered = this.#total[at] as number;
    if (this.#again[at] === 1) this.coveredAgain += this.#bytes[at] as number;
    this.#coveredCount++;
  }

  #coverPart(at: number, newest: number): void {
    const first = this.#firstNumber[at] as number;
    const share = (newest - first + 1) / ((this.#lastNumber[at] as number) - first + 1);
    const bytes = this.#bytes[at] as number;
    const covered = (this.#total[at] as number) - bytes + Math.floor(bytes * share);
    if (covered <= this.covered) return;
    this.covered = covered;
    this.sentAt = this.#time[at] as number;
    this.expectedQueue = this.#queue[at] as number;
  }

  #makeRoom(): void {
    if (this.#capacity === LAST_CAPACITY) {
      this.#first = (this.#first + 1) % this.#capacity;
      this.#count--;
      if (this.#coveredCount > 0) this.#coveredCount--;
      return;
    }
    const capacity = this.#capacity * 2;
    this.#generation = this.#grown(this.#generation, capacity);
    this.#firstNumber = this.#grown(this.#firstNumber, capacity);
    this.#lastNumber = this.#grown(this.#lastNumber, capacity);
    this.#total = this.#grown(this.#total, capacity);
    this.#bytes = this.#grown(this.#bytes, capacity);
    this.#time = this.#grown(this.#time, capacity);
    this.#queue = this.#grown(this.#queue, capacity);
    const again = new Uint8Array(capacity);
    again.set(this.#again.subarray(this.#first));
    again.set(this.#again.subarray(0, this.#first), this.#again.length - this.#first);
    this.#again = again;
    this.#first = 0;
    this.#capacity = capacity;
  }

  #grown(ring: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
    const grown = new Float64Array(capacity);
    const tail = ring.subarray(this.#first);
    grown.set(tail);
    grown.set(ring.subarray(0, this.#first), tail.length);
    return grown;
  }
}
