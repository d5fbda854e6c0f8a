/**
 * Puts the packets of one lane back into the order in which they were sent, when they came over several links.
 *
 * It waits only where waiting can help. Links deliver in order, so what is missing below the lowest of the links' newest
 * packets is lost and not waited for (RFC 1990, 4); a link that is silent is waited for no longer than packets were
 * seen to need lately.
 *
 * Contract: knows numbers, not packets: a held packet is a slot of the caller's (1 and up), or `NOTHING` for a number
 * that came and has nothing to deliver. Order numbers count the lane's packets from 1; sequence numbers are the tunnel's
 * and grow with them. For each number that arrives the caller asks `judge` and then calls `passed` or `hold`; after either,
 * and after `loseBelow` and `expire`, it takes what is due by `take` until that gives 0. Every held slot comes out once,
 * in ascending order of numbers. Times are µs. Allocates only while it grows.
 * Source: S4.2; RFC 1990, section 4 (sequence numbers over several links).
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import type { Patience } from './patience.ts';

/** A number that came and has nothing to deliver: a packet that was refused. */
export const NOTHING = -1;

export const inOrder = 0;
export const ahead = 1;
/** Its place was given up: it is delivered as it comes, which is better than not at all. */
export const late = 2;

/** How far ahead of the missing one a number may be; at 1 Gbit/s in packets of 1,400 bytes this is 180 ms. */
const CAPACITY = 16_384;
/** Most lanes never hold a packet; those that do mostly hold few. */
const FIRST_CAPACITY = 128;

const NO_SLOTS = new Int32Array(0);
const NO_SEQUENCES = new Float64Array(0);

export class Resequencer {
  readonly #patience: Patience;
  #slots = NO_SLOTS;
  #sequences = NO_SEQUENCES;
  #mask = -1;
  #next = DOUBLE_ZERO;
  /** The lowest and the highest number held. */
  #first = Number.POSITIVE_INFINITY;
  #newest = DOUBLE_ZERO;
  #held = 0;
  #sequence = DOUBLE_ZERO;
  /** What was sent before this sequence number and is missing is lost. */
  #sentBefore = DOUBLE_ZERO;
  /** Order numbers below this are lost where they are missing. */
  #lostBelow = DOUBLE_ZERO;
  #waitingSince = Number.POSITIVE_INFINITY;
  #lost = DOUBLE_ZERO;
  #lateUntil = DOUBLE_ZERO;
  #askedFor = DOUBLE_ZERO;

  constructor(patience: Patience) {
    this.#patience = patience;
    this.begin();
  }

  /** A new association counts from 1. What is held must have been taken. */
  begin(): void {
    this.#next = 1;
    this.#first = Number.POSITIVE_INFINITY;
    this.#newest = 0;
    this.#sequence = 0;
    this.#sentBefore = 0;
    this.#lostBelow = 0;
  }

  /** The number that is waited for. */
  get next(): number {
    return this.#next;
  }

  /** The sequence number of the newest packet delivered in its place; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }

  get held(): number {
    return this.#held;
  }

  /** Numbers that were given up, which may still come. */
  get lost(): number {
    return this.#lost + 0;
  }

  /** When the gap at hand is given up (µs); Infinity when nothing waits. */
  get dueAt(): number {
    return this.#held === 0 ? Number.POSITIVE_INFINITY : this.#waitingSince + this.#patience.micros;
  }

  judge(number: number): number {
    return number === this.#next ? inOrder : number > this.#next ? ahead : late;
  }

  /** The number that was waited for came, and was delivered. */
  passed(sequence: number, now: number): void {
    this.#sequence = sequence;
    if (this.#held > 0) this.#patience.learn(now - this.#waitingSince, now);
    this.#advance(now);
  }

  /** A number came that had been given up: patience was too short. */
  cameLate(now: number): void {
    // Those that come behind it were given up together with it.
    if (now < this.#lateUntil) return;
    this.#lateUntil = now + this.#patience.micros;
    this.#patience.learn(this.#patience.micros, now);
  }

  /** @returns whether `hold` has room for this number; without it, `loseAllBelow(number)` comes first */
  reaches(number: number): boolean {
    return number - this.#next < CAPACITY;
  }

  /** Whether something is missing that was sent before this sequence number, and was not asked about before. */
  newlyMissesBefore(sequence: number): boolean {
    if (this.#held === 0 || this.#first === this.#next || this.#askedFor === this.#next) return false;
    if ((this.#sequences[this.#first & this.#mask] as number) > sequence) return false;
    this.#askedFor = this.#next;
    return true;
  }

  /** Keeps the slot of a number that is ahead. */
  hold(number: number, sequence: number, slot: number, now: number): void {
    if (this.#held === 0) this.#waitingSince = now;
    while (number - this.#next > this.#mask) this.#grow();
    const at = number & this.#mask;
    this.#slots[at] = slot;
    this.#sequences[at] = sequence;
    this.#held++;
    if (number < this.#first) this.#first = number;
    if (number > this.#newest) this.#newest = number;
  }

  /** What was sent before this sequence number and is missing is lost. */
  loseSentBefore(sequence: number): void {
    if (sequence > this.#sentBefore) this.#sentBefore = sequence;
  }

  /** Order numbers below this that are missing are lost. */
  loseBelow(number: number): void {
    if (number > this.#lostBelow) this.#lostBelow = number;
  }

  /** Gives up everything that is missing: what is held can be taken. */
  loseAll(): void {
    this.loseBelow(this.#newest + 1);
  }

  /** Gives up the gap at hand when it was waited for long enough. @returns whether it did */
  expire(now: number): boolean {
    if (now < this.dueAt) return false;
    this.loseBelow(this.#first);
    return true;
  }

  /** @returns the slot to deliver next, `NOTHING` for a number without one, 0 when nothing is due */
  take(now: number): number {
    if (this.#held > 0 && (this.#first === this.#next || this.#gapIsLost())) return this.#takeFirst(now);
    if (this.#held === 0 && this.#next < this.#lostBelow) this.#giveUpTo(this.#lostBelow);
    return 0;
  }

  /** Whether all numbers before the first that is held are given up. */
  #gapIsLost(): boolean {
    if (this.#first <= this.#lostBelow) return true;
    return (this.#sequences[this.#first & this.#mask] as number) <= this.#sentBefore;
  }

  #takeFirst(now: number): number {
    this.#giveUpTo(this.#first);
    const at = this.#first & this.#mask;
    const slot = this.#slots[at] as number;
    this.#sequence = this.#sequences[at] as number;
    this.#slots[at] = 0;
    this.#held--;
    this.#advance(now);
    this.#findFirst();
    return slot;
  }

  #findFirst(): void {
    if (this.#held === 0) {
      this.#first = Number.POSITIVE_INFINITY;
      return;
    }
    let first = this.#next;
    while (this.#slots[first & this.#mask] === 0) first += 1;
    this.#first = first;
  }

  #giveUpTo(number: number): void {
    this.#lost += number - this.#next;
    this.#next = number;
  }

  #advance(now: number): void {
    this.#next += 1;
    this.#waitingSince = now;
  }

  #grow(): void {
    const capacity = this.#slots.length === 0 ? FIRST_CAPACITY : 2 * this.#slots.length;
    const slots = new Int32Array(capacity);
    const sequences = new Float64Array(capacity);
    const mask = capacity - 1;
    for (let number = this.#first; this.#held > 0 && number <= this.#newest; number += 1) {
      slots[number & mask] = this.#slots[number & this.#mask] as number;
      sequences[number & mask] = this.#sequences[number & this.#mask] as number;
    }
    this.#slots = slots;
    this.#sequences = sequences;
    this.#mask = mask;
  }
}
