/**
 * Puts the packets of a tunnel back into the order in which they were sent, when they came over several links.
 *
 * It waits only where waiting can help. Links deliver in order, so a number that is missing below the lowest of the links'
 * newest ones is lost and not waited for (RFC 1990, 4); a link that is silent is waited for no longer than packets
 * were seen to need lately.
 *
 * Contract: knows numbers, not packets: a held packet is a slot of the caller's (1 and up), or `NOTHING` for a number
 * that came and has nothing to deliver. For each number that arrives the caller asks `judge` and then calls `passed`
 * or `hold`; after either, and after `loseBelow` and `expire`, it takes what is due by `take` until that gives 0. Every
 * held slot comes out once, in ascending order of numbers. Times are µs. Allocates nothing.
 * Source: S4.2; RFC 1990, section 4 (sequence numbers over several links).
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

/** A number that came and has nothing to deliver: a report, a packet that was refused. */
export const NOTHING = -1;

export const inOrder = 0;
export const ahead = 1;
/** Its place was given up: it is delivered as it comes, which is better than not at all. */
export const late = 2;

/** How far ahead of the missing one a number may be; at 5 Gbit/s in packets of 1,400 bytes this is 18 ms. */
const CAPACITY = 8_192;
const MASK = CAPACITY - 1;

/** How long to wait before anything was learnt, at least and at most (µs). */
const FIRST_PATIENCE = 60_000;
const SHORTEST_PATIENCE = 10_000;
const LONGEST_PATIENCE = 400_000;
/** What gaps needed is remembered for one to two of these (µs). */
const MEMORY = 2_000_000;
/** Room above what was needed lately. */
const MARGIN = 1.5;

export class Resequencer {
  readonly #slots = new Int32Array(CAPACITY);
  #next = DOUBLE_ZERO;
  #newest = DOUBLE_ZERO;
  #held = 0;
  /** Numbers below this are lost where they are missing: `take` steps over them. */
  #lostBelow = DOUBLE_ZERO;
  #waitingSince = Number.POSITIVE_INFINITY;
  /** The longest that a gap needed to be filled, in the stretch of time at hand and in the one before (µs). */
  #needed = FIRST_PATIENCE / MARGIN;
  #neededBefore = DOUBLE_ZERO;
  #stretchEnd = DOUBLE_ZERO;
  #lost = DOUBLE_ZERO;
  #lateUntil = DOUBLE_ZERO;

  constructor() {
    this.begin();
  }

  /** A new association counts from 1. What is held must have been taken. */
  begin(): void {
    this.#next = 1;
    this.#newest = 0;
    this.#lostBelow = 0;
  }

  get held(): number {
    return this.#held;
  }

  /** Numbers that were given up, which may still come. */
  get lost(): number {
    return this.#lost + 0;
  }

  /** How long a gap is waited for (µs). */
  get patience(): number {
    const needed = Math.max(this.#needed, this.#neededBefore) * MARGIN;
    return Math.min(LONGEST_PATIENCE, Math.max(SHORTEST_PATIENCE, needed));
  }

  /** When the gap at hand is given up (µs); Infinity when nothing waits. */
  get dueAt(): number {
    return this.#held === 0 ? Number.POSITIVE_INFINITY : this.#waitingSince + this.patience;
  }

  judge(sequence: number): number {
    return sequence === this.#next ? inOrder : sequence > this.#next ? ahead : late;
  }

  /** The number that was waited for came, and was delivered. */
  passed(now: number): void {
    if (this.#held > 0) this.#learn(now - this.#waitingSince, now);
    this.#advance(now);
  }

  /** A number came that had been given up: patience was too short. */
  cameLate(now: number): void {
    // Those that come behind it were given up together with it.
    if (now < this.#lateUntil) return;
    this.#lateUntil = now + this.patience;
    this.#learn(this.patience, now);
  }

  /** @returns whether `hold` has room for this number; without it, `loseBelow(sequence)` comes first */
  reaches(sequence: number): boolean {
    return sequence - this.#next < CAPACITY;
  }

  /** Keeps the slot of a number that is ahead. */
  hold(sequence: number, slot: number, now: number): void {
    if (this.#held === 0) this.#waitingSince = now;
    this.#slots[sequence & MASK] = slot;
    this.#held++;
    if (sequence > this.#newest) this.#newest = sequence;
  }

  /** What is missing below this number is lost. */
  loseBelow(sequence: number): void {
    if (sequence > this.#lostBelow) this.#lostBelow = sequence;
  }

  /** Gives up everything that is missing: what is held can be taken. */
  loseAll(): void {
    this.loseBelow(this.#newest + 1);
  }

  /** Gives up the gap at hand when it was waited for long enough. @returns whether it did */
  expire(now: number): boolean {
    if (now < this.dueAt) return false;
    let first = this.#next;
    while (this.#slots[first & MASK] === 0) first += 1;
    this.loseBelow(first);
    return true;
  }

  /** @returns the slot to deliver next, `NOTHING` for a number without one, 0 when nothing is due */
  take(now: number): number {
    while (this.#held > 0) {
      const at = this.#next & MASK;
      const slot = this.#slots[at] as number;
      if (slot !== 0) {
        this.#slots[at] = 0;
        this.#held--;
        this.#advance(now);
        return slot;
      }
      if (this.#next >= this.#lostBelow) return 0;
      this.#lost += 1;
      this.#next += 1;
    }
    if (this.#next < this.#lostBelow) {
      this.#lost += this.#lostBelow - this.#next;
      this.#next = this.#lostBelow;
    }
    return 0;
  }

  #advance(now: number): void {
    this.#next += 1;
    this.#waitingSince = now;
  }

  #learn(waited: number, now: number): void {
    if (now >= this.#stretchEnd) {
      this.#neededBefore = this.#needed;
      this.#needed = 0;
      this.#stretchEnd = now + MEMORY;
    }
    if (waited > this.#needed) this.#needed = waited;
  }
}
