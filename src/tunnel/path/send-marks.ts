/**
 * What was sent over a path and not yet covered by the far side's reports, as a few marks instead of a list of packets.
 *
 * A mark is a moment: the newest packet sent by then, and when its report is due. Links deliver in order, so a report
 * that names a newer packet covers every older mark; packets lost on the way cost nothing but their share of `loss`.
 * Contract: marks are kept in order of sending; several packets within `MARK_MICROS` share one. Allocates
 * only while it grows.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

/** Marks closer than this say nothing more (µs). */
const MARK_MICROS = 4_000;
/** Holds a second of steady sending, which is the longest that a path may take to answer. */
const LAST_CAPACITY = 256;
/** An idle path has a probe or two under way. */
const FIRST_CAPACITY = 8;

export class SendMarks {
  #capacity = FIRST_CAPACITY;
  #spi = new Float64Array(FIRST_CAPACITY);
  #sequence = new Float64Array(FIRST_CAPACITY);
  #sentAt = new Float64Array(FIRST_CAPACITY);
  #dueAt = new Float64Array(FIRST_CAPACITY);
  #first = 0;
  #count = 0;
  /** When the newest packet was sent that a report covered (µs), or somewhat before. */
  coveredSentAt = DOUBLE_ZERO;

  get count(): number {
    return this.#count;
  }

  /** When the first report is due, which is the oldest mark's (µs); Infinity without marks. */
  get dueAt(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#dueAt[this.#first] as number);
  }

  /** When the oldest mark was sent (µs); Infinity without marks. */
  get sentAt(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#sentAt[this.#first] as number);
  }

  /** Notes that everything up to `sequence` was sent. No mark is due later than one after it. */
  add(spi: number, sequence: number, now: number, dueAt: number): void {
    if (this.#count > 0) {
      const last = (this.#first + this.#count - 1) % this.#capacity;
      const young = now - (this.#sentAt[last] as number) < MARK_MICROS && this.#count > 1;
      // What may take longer than the mark allows would make it overdue.
      const asUrgent = dueAt - (this.#dueAt[last] as number) < MARK_MICROS;
      if (this.#spi[last] === spi && young && asUrgent) {
        this.#sequence[last] = sequence;
        if (dueAt < (this.#dueAt[last] as number)) this.#hasten(this.#count - 1, dueAt);
        return;
      }
      if (this.#count === this.#capacity) this.#makeRoom();
    }
    const index = (this.#first + this.#count) % this.#capacity;
    this.#spi[index] = spi;
    this.#sequence[index] = sequence;
    this.#sentAt[index] = now;
    this.#dueAt[index] = dueAt;
    this.#hasten(this.#count - 1, dueAt);
    this.#count++;
  }

  /**
   * Removes the marks that a report covers: `newest` was received under `spi`. Marks of an earlier association are
   * covered by any report of a later one.
   * @returns how many were covered
   */
  cover(spi: number, newest: number): number {
    const last = this.#lastCovered(spi, newest);
    const covered = last + 1;
    if (last >= 0) this.coveredSentAt = this.#sentAt[(this.#first + last) % this.#capacity] as number;
    for (let index = 0; index < covered; index++) this.#drop();
    return covered;
  }

  /** Gives up every mark. */
  clear(): void {
    this.#count = 0;
  }

  /** A report that covers a mark covers those before it: up to the mark at `index` none is due later than `dueAt`. */
  #hasten(index: number, dueAt: number): void {
    for (let before = index; before >= 0; before--) {
      const at = (this.#first + before) % this.#capacity;
      if ((this.#dueAt[at] as number) <= dueAt) return;
      this.#dueAt[at] = dueAt;
    }
  }

  #lastCovered(spi: number, newest: number): number {
    for (let index = this.#count - 1; index >= 0; index--) {
      const at = (this.#first + index) % this.#capacity;
      if (this.#spi[at] === spi && (this.#sequence[at] as number) <= newest) return index;
    }
    return -1;
  }

  #drop(): void {
    this.#first = (this.#first + 1) % this.#capacity;
    this.#count--;
  }

  /** When it is as large as it gets the newest gives way: a mark with its time and a later packet would be overdue too early. */
  #makeRoom(): void {
    if (this.#capacity === LAST_CAPACITY) {
      this.#count--;
      return;
    }
    const capacity = this.#capacity * 2;
    this.#spi = this.#grown(this.#spi, capacity);
    this.#sequence = this.#grown(this.#sequence, capacity);
    this.#sentAt = this.#grown(this.#sentAt, capacity);
    this.#dueAt = this.#grown(this.#dueAt, capacity);
    this.#first = 0;
    this.#capacity = capacity;
  }

  /** The same marks in a larger ring, the oldest in the first place. */
  #grown(ring: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
    const grown = new Float64Array(capacity);
    grown.set(ring.subarray(this.#first));
    grown.set(ring.subarray(0, this.#first), ring.length - this.#first);
    return grown;
  }
}
