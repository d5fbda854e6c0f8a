/**
 * The bursts that were sent over a path and are not yet covered by the far side's reports.
 *
 * Contract: added in order of sending; `cover` finds what a report covers, and says of the last of it when it was sent and
 * how many bytes had been sent by then. What is covered stays, for `ranDry`, until `release`. A report under the keys
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

  #capacity = FIRST_CAPACITY;
  #generation = new Float64Array(FIRST_CAPACITY);
  #firstNumber = new Float64Array(FIRST_CAPACITY);
  #lastNumber = new Float64Array(FIRST_CAPACITY);
  #total = new Float64Array(FIRST_CAPACITY);
  #bytes = new Float64Array(FIRST_CAPACITY);
  #time = new Float64Array(FIRST_CAPACITY);
  #first = 0;
  #count = 0;
  /** How many of them, from the first, are covered whole. */
  #coveredCount = 0;
  /** Keys by the order of their use: the newest, and the ones before. */
  #spi = DOUBLE_ZERO;
  #earlierSpi = DOUBLE_ZERO;
  #generations = 0;

  get count(): number {
    return this.#count;
  }

  /** @param total the bytes sent over the path with this burst; `bytes` of them are its own */
  add(spi: number, first: number, last: number, total: number, bytes: number, now: number): void {
    if (spi !== this.#spi) {
      this.#earlierSpi = this.#spi;
      this.#spi = spi;
      this.#generations++;
    }
    if (this.#count > 0) {
      const newest = (this.#first + this.#count - 1) % this.#capacity;
      const sameKeys = this.#generation[newest] === this.#generations;
      if (sameKeys && now - (this.#time[newest] as number) < MERGE_MICROS) {
        this.#lastNumber[newest] = last;
        this.#total[newest] = total;
        this.#bytes[newest] = (this.#bytes[newest] as number) + bytes;
        return;
      }
    }
    if (this.#count === this.#capacity) this.#makeRoom();
    const at = (this.#first + this.#count) % this.#capacity;
    this.#generation[at] = this.#generations;
    this.#firstNumber[at] = first;
    this.#lastNumber[at] = last;
    this.#total[at] = total;
    this.#bytes[at] = bytes;
    this.#time[at] = now;
    this.#count++;
  }

  /** So many more bytes went out after the newest burst, and have no numbers of their own. */
  extend(total: number, bytes: number): void {
    if (this.#count === this.#coveredCount) {
      this.covered = total;
      return;
    }
    const newest = (this.#first + this.#count - 1) % this.#capacity;
    this.#total[newest] = total;
    this.#bytes[newest] = (this.#bytes[newest] as number) + bytes;
  }

  /** @returns whether a report of `newest` under these keys covers anything that was not covered before */
  cover(spi: number, newest: number): boolean {
    const generation =
      spi === this.#spi ? this.#generations : spi === this.#earlierSpi ? this.#generations - 1 : 0;
    const before = this.covered;
    while (this.#coveredCount < this.#count) {
      const at = (this.#first + this.#coveredCount) % this.#capacity;
      const own = this.#generation[at] as number;
      if (own > generation) break;
      const last = this.#lastNumber[at] as number;
      if (own === generation && last > newest) {
        this.#coverPart(at, newest);
        break;
      }
      this.sentAt = this.#time[at] as number;
      this.covered = this.#total[at] as number;
      this.#coveredCount++;
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

  #coverPart(at: number, newest: number): void {
    const first = this.#firstNumber[at] as number;
    if (newest < first) return;
    const share = (newest - first + 1) / ((this.#lastNumber[at] as number) - first + 1);
    const bytes = this.#bytes[at] as number;
    const covered = (this.#total[at] as number) - bytes + Math.floor(bytes * share);
    if (covered <= this.covered) return;
    this.covered = covered;
    this.sentAt = this.#time[at] as number;
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
