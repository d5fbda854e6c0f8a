/**
 * A line's own delay, and with it the queue that a packet met: the delay of each packet reported is the sum of both.
 *
 * The lowest delay of the last seconds is the line's own. A line that was held back all the time may never have been without a
 * queue, so after some seconds we look: nothing is sent until its queue has run empty, and then only as much as it takes
 * at once, until a report tells of it. A queue that stays long although we hold back may be another delay: we look then
 * as well.
 *
 * Contract: delays are µs and include the difference of the two clocks. Allocates nothing.
 * Source: BBR's ProbeRTT (draft-ietf-ccwg-bbr, 4.3.4) has the same purpose.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

/** After so long without seeing the line's own delay we look for it, the first time and later (µs). */
const FIRST_WINDOW = 1_000_000;
const WINDOW = 5_000_000;
/** A queue that stays this many times too long, for this long (µs), although we hold back, may be the line's delay. */
const STRAIN = 2.5;
const STRAIN_TIME = 400_000;
/** A line does not pause longer than this for its queue to run empty (µs). */
const LONGEST_PAUSE = 100_000;
/** The queue is kept empty for so long that a report falls into the time, and its arrival is waited for (µs). */
const EMPTY_TIME = 25_000;
const REPORT_TIME = 40_000;
/** For so long afterwards a short queue is our own doing (µs): as many samples as show a queue that stands. */
const SETTLE_TIME = 120_000;
/** A delay that grew by less than this did not (µs). */
const NOISE = 1_000;
/** A delay that differs by so much from all that was seen is another clock's. */
const CLOCK_JUMP = 20_000_000;

export class LineDelay {
  /** The delay with an empty queue. */
  base = DOUBLE_ZERO;
  /** The queue that the newest packet reported met. */
  queue = DOUBLE_ZERO;

  #known = false;
  #lowest = Number.POSITIVE_INFINITY;
  #windowEnd = DOUBLE_ZERO;
  /** Held back at any time in this window: the line may never have been idle. */
  #heldBack = false;
  #looking = false;
  /** No sending at all until then, and none into a queue until then. */
  #pauseUntil = DOUBLE_ZERO;
  #emptyUntil = DOUBLE_ZERO;
  #strainedSince = DOUBLE_ZERO;
  /** What was known before the look. */
  #baseBefore = DOUBLE_ZERO;
  /** What the first of two looks saw; Infinity before. */
  #seenOnce = Number.POSITIVE_INFINITY;

  /** What was known is void. */
  forget(): void {
    this.#known = false;
    this.#pauseUntil = 0;
    this.#emptyUntil = 0;
  }

  heldBack(): void {
    this.#heldBack = true;
  }

  /** Whether the queue has to stay empty for a look. */
  isLooking(now: number): boolean {
    return now < this.#emptyUntil;
  }

  /** Whether a queue is short only because we kept it so. */
  isDisturbed(roundTrip: number, now: number): boolean {
    return now < this.#emptyUntil + SETTLE_TIME + roundTrip;
  }

  /** While looking: when a packet may be sent, the line being clear at `clearAt`. */
  roomAt(clearAt: number): number {
    return Math.max(this.#pauseUntil, Math.min(clearAt, this.#emptyUntil));
  }

  /**
   * A packet's delay was reported.
   * @param fullQueue how long the queue should be; @param clearAt when what was sent will be through
   * @returns whether what was known before is void: another clock
   */
  observe(delay: number, fullQueue: number, clearAt: number, roundTrip: number, now: number): boolean {
    const anew = !this.#known || Math.abs(delay - this.base) > CLOCK_JUMP;
    if (anew) this.#begin(delay, now);
    else this.#follow(delay, fullQueue, clearAt, roundTrip, now);
    this.queue = delay - this.base;
    return anew;
  }

  #begin(delay: number, now: number): void {
    this.#known = true;
    this.base = delay;
    this.#openWindow(now);
    this.#windowEnd = now + FIRST_WINDOW;
  }

  #follow(delay: number, fullQueue: number, clearAt: number, roundTrip: number, now: number): void {
    if (delay < this.base) this.base = delay;
    if (delay < this.#lowest) this.#lowest = delay;
    if (delay - this.base < STRAIN * fullQueue) this.#strainedSince = now;
    const strained = !this.#looking && now - this.#strainedSince > STRAIN_TIME + roundTrip;
    if (now < this.#windowEnd && !strained) return;
    if (this.#heldBack && !this.#looking) {
      this.#look(fullQueue, clearAt, roundTrip, now);
      return;
    }
    // Clocks drift and routes change: the lowest of the window is what the line's delay is now.
    if (this.#looking && this.#seenOnce === Number.POSITIVE_INFINITY && this.#lowest > this.base + NOISE) {
      // A look takes few packets, and a process may have been late for all of them: only a second one is believed.
      const seen = this.#lowest;
      this.#look(fullQueue, clearAt, roundTrip, now);
      this.#seenOnce = seen;
      return;
    }
    this.base = Math.min(this.#seenOnce, this.#lowest);
    // Where a look found less there may be less still: a pause empties only as much of the queue as we know of.
    const foundLess = this.#looking && this.base < this.#baseBefore - NOISE;
    this.#openWindow(now);
    if (foundLess) this.#windowEnd = now + FIRST_WINDOW;
  }

  #look(fullQueue: number, clearAt: number, roundTrip: number, now: number): void {
    this.#looking = true;
    this.#baseBefore = this.base;
    this.#lowest = Number.POSITIVE_INFINITY;
    this.#pauseUntil = Math.min(Math.max(clearAt, now), now + LONGEST_PAUSE) + fullQueue;
    this.#emptyUntil = this.#pauseUntil + EMPTY_TIME;
    this.#windowEnd = this.#emptyUntil + REPORT_TIME + roundTrip;
  }

  #openWindow(now: number): void {
    this.#looking = false;
    this.#seenOnce = Number.POSITIVE_INFINITY;
    this.#heldBack = false;
    this.#lowest = Number.POSITIVE_INFINITY;
    this.#windowEnd = now + WINDOW;
    this.#strainedSince = now;
  }
}
