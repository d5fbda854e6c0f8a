/**
 * The bursts that were sent over a path and are not yet covered by the far side's reports.
 *
 * Contract: added in order of sending; `cover` finds what a report covers, and says of the last of it when it was sent,
 * how many bytes had been sent by then, and what queue it was thought to meet. What is covered stays, for `ranDry`, until `release`. A report under the keys
 * of before covers nothing that was sent under newer ones. Allocates only while it grows; bounded, the oldest give way.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import { RecordRing } from '../record-ring.ts';

/** Bursts closer than this are one (µs). */
const MERGE_MICROS = 200;
const FIRST_CAPACITY = 16;
const LAST_CAPACITY = 8192;

/** The fields of a burst: keys by the order of their use, numbers, bytes, when it was sent, the queue before it (µs). */
const GENERATION = 0;
const FIRST_NUMBER = 1;
const LAST_NUMBER = 2;
const TOTAL = 3;
const BYTES = 4;
const TIME = 5;
const QUEUE = 6;
/** 1 for what was sent before. */
const AGAIN = 7;
const FIELDS = 8;

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

  readonly #bursts = new RecordRing(FIELDS, FIRST_CAPACITY, LAST_CAPACITY);
  /** How many of them, from the first, are covered whole. */
  #coveredCount = 0;
  /** Keys by the order of their use: the newest, and the ones before. */
  #spi = DOUBLE_ZERO;
  #earlierSpi = DOUBLE_ZERO;
  #generations = 0;
  /** The highest number sent; a burst below it is sent again. */
  #highest = DOUBLE_ZERO;

  get count(): number {
    return this.#bursts.count;
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
    const bursts = this.#bursts;
    if (bursts.count > 0) {
      const { values } = bursts;
      const newest = bursts.at(bursts.count - 1);
      const sameKeys = values[newest + GENERATION] === this.#generations;
      const grows = !copied && first > (values[newest + LAST_NUMBER] as number) && first > this.#highest;
      const young = now - (values[newest + TIME] as number) < MERGE_MICROS;
      if (sameKeys && grows && values[newest + AGAIN] === 0 && young) {
        values[newest + LAST_NUMBER] = last;
        this.#highest = last;
        values[newest + TOTAL] = total;
        values[newest + BYTES] = (values[newest + BYTES] as number) + bytes;
        return;
      }
    }
    if (bursts.isFull) this.#forgetOldest();
    const again = copied || first <= this.#highest;
    if (last > this.#highest) this.#highest = last;
    const at = bursts.append();
    const { values } = bursts;
    values[at + GENERATION] = this.#generations;
    values[at + FIRST_NUMBER] = first;
    values[at + LAST_NUMBER] = last;
    values[at + TOTAL] = total;
    values[at + BYTES] = bytes;
    values[at + TIME] = now;
    values[at + QUEUE] = queue;
    values[at + AGAIN] = again ? 1 : 0;
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
    const bursts = this.#bursts;
    const { values } = bursts;
    while (this.#coveredCount < bursts.count) {
      const at = bursts.at(this.#coveredCount);
      const older = (values[at + GENERATION] as number) < generation;
      if (!older && this.#coveredCount >= holder) break;
      this.#coverWhole(at);
    }
    if (holder < bursts.count && this.#coveredCount === holder) {
      const at = bursts.at(holder);
      if (values[at + LAST_NUMBER] === newest) this.#coverWhole(at);
      else this.#coverPart(at, newest);
    }
    return this.covered > before;
  }

  /**
   * Whether a line of this rate would have been without work at any time while it sent what is covered and not released.
   * @param from when it would have been done with the first `after` bytes (µs). @param microsPerByte its rate, inverse
   */
  ranDry(from: number, after: number, microsPerByte: number): boolean {
    const { values } = this.#bursts;
    for (let index = 0; index < this.#coveredCount; index++) {
      const at = this.#bursts.at(index);
      const before = (values[at + TOTAL] as number) - (values[at + BYTES] as number) - after;
      if (before >= 0 && (values[at + TIME] as number) > from + before * microsPerByte) return true;
    }
    return false;
  }

  /** Forgets what is covered. */
  release(): void {
    this.#bursts.dropFirst(this.#coveredCount);
    this.#coveredCount = 0;
  }

  clear(): void {
    const bursts = this.#bursts;
    if (bursts.count === 0) return;
    this.covered = bursts.values[bursts.at(bursts.count - 1) + TOTAL] as number;
    bursts.clear();
    this.#coveredCount = 0;
  }

  /** The index of the burst with this number, as it was sent first; -1 when it is not there, or covered before. */
  #holderOf(generation: number, number: number): number {
    const bursts = this.#bursts;
    const { values } = bursts;
    let again = -1;
    for (let index = bursts.count - 1; index >= this.#coveredCount; index--) {
      const at = bursts.at(index);
      if ((values[at + GENERATION] as number) < generation) break;
      const holds =
        (values[at + FIRST_NUMBER] as number) <= number && number <= (values[at + LAST_NUMBER] as number);
      if (values[at + GENERATION] !== generation || !holds) continue;
      if (values[at + AGAIN] === 0) {
        this.ambiguous = again >= 0;
        return index;
      }
      again = index;
    }
    this.ambiguous = again >= 0;
    return again;
  }

  #coverWhole(at: number): void {
    const { values } = this.#bursts;
    this.sentAt = values[at + TIME] as number;
    this.expectedQueue = values[at + QUEUE] as number;
    this.covered = values[at + TOTAL] as number;
    if (values[at + AGAIN] === 1) this.coveredAgain += values[at + BYTES] as number;
    this.#coveredCount++;
  }

  #coverPart(at: number, newest: number): void {
    const { values } = this.#bursts;
    const first = values[at + FIRST_NUMBER] as number;
    const share = (newest - first + 1) / ((values[at + LAST_NUMBER] as number) - first + 1);
    const bytes = values[at + BYTES] as number;
    const covered = (values[at + TOTAL] as number) - bytes + Math.floor(bytes * share);
    if (covered <= this.covered) return;
    this.covered = covered;
    this.sentAt = values[at + TIME] as number;
    this.expectedQueue = values[at + QUEUE] as number;
  }

  #forgetOldest(): void {
    this.#bursts.dropFirst();
    if (this.#coveredCount > 0) this.#coveredCount--;
  }
}
