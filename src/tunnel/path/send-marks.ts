/**
 * What was sent over a path and not yet covered by the far side's reports, as a few marks instead of a list of packets.
 *
 * A mark is a moment: the newest packet sent by then, and when its report is due. Links deliver in order, so a report
 * that names a newer packet covers every older mark; packets lost on the way cost nothing but their share of `loss`.
 * Contract: marks are kept in order of sending; several packets within `MARK_MICROS` share one. Allocates
 * only while it grows.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import { RecordRing } from '../record-ring.ts';

/** Marks closer than this say nothing more (µs). */
const MARK_MICROS = 4_000;
/** Holds a second of steady sending, which is the longest that a path may take to answer. */
const LAST_CAPACITY = 256;
/** An idle path has a probe or two under way. */
const FIRST_CAPACITY = 8;

/** The fields of a mark; times are µs. */
const SPI = 0;
const SEQUENCE = 1;
const SENT_AT = 2;
const DUE_AT = 3;
const FIELDS = 4;

export class SendMarks {
  /** When the newest packet was sent that a report covered (µs), or somewhat before. */
  coveredSentAt = DOUBLE_ZERO;

  readonly #marks = new RecordRing(FIELDS, FIRST_CAPACITY, LAST_CAPACITY);

  get count(): number {
    return this.#marks.count;
  }

  /** When the first report is due, which is the oldest mark's (µs); Infinity without marks. */
  get dueAt(): number {
    return this.#first(DUE_AT);
  }

  /** When the oldest mark was sent (µs); Infinity without marks. */
  get sentAt(): number {
    return this.#first(SENT_AT);
  }

  /** Notes that everything up to `sequence` was sent. No mark is due later than one after it. */
  add(spi: number, sequence: number, now: number, dueAt: number): void {
    const marks = this.#marks;
    if (marks.count > 0) {
      const { values } = marks;
      const last = marks.at(marks.count - 1);
      const young = now - (values[last + SENT_AT] as number) < MARK_MICROS && marks.count > 1;
      // What may take longer than the mark allows would make it overdue.
      const asUrgent = dueAt - (values[last + DUE_AT] as number) < MARK_MICROS;
      if (values[last + SPI] === spi && young && asUrgent) {
        values[last + SEQUENCE] = sequence;
        if (dueAt < (values[last + DUE_AT] as number)) this.#hasten(marks.count - 1, dueAt);
        return;
      }
    }
    // The newest gives way: a mark with its time and a later packet would be overdue too early.
    if (marks.isFull) marks.dropLast();
    this.#hasten(marks.count - 1, dueAt);
    const at = marks.append();
    const { values } = marks;
    values[at + SPI] = spi;
    values[at + SEQUENCE] = sequence;
    values[at + SENT_AT] = now;
    values[at + DUE_AT] = dueAt;
  }

  /**
   * Removes the marks that a report covers: `newest` was received under `spi`. Marks of an earlier association are
   * covered by any report of a later one.
   * @returns how many were covered
   */
  cover(spi: number, newest: number): number {
    const marks = this.#marks;
    const covered = this.#lastCovered(spi, newest) + 1;
    if (covered > 0) this.coveredSentAt = marks.values[marks.at(covered - 1) + SENT_AT] as number;
    marks.dropFirst(covered);
    return covered;
  }

  /** Gives up every mark. */
  clear(): void {
    this.#marks.clear();
  }

  /** A report that covers a mark covers those before it: up to the mark at `index` none is due later than `dueAt`. */
  #hasten(index: number, dueAt: number): void {
    const marks = this.#marks;
    for (let before = index; before >= 0; before--) {
      const at = marks.at(before) + DUE_AT;
      if ((marks.values[at] as number) <= dueAt) return;
      marks.values[at] = dueAt;
    }
  }

  #lastCovered(spi: number, newest: number): number {
    const marks = this.#marks;
    for (let index = marks.count - 1; index >= 0; index--) {
      const at = marks.at(index);
      if (marks.values[at + SPI] === spi && (marks.values[at + SEQUENCE] as number) <= newest) return index;
    }
    return -1;
  }

  /** Of the oldest mark; Infinity without marks. */
  #first(field: number): number {
    const marks = this.#marks;
    return marks.count === 0 ? Number.POSITIVE_INFINITY : (marks.values[marks.at(0) + field] as number);
  }
}
