/**
 * What a line carries: the mean of what arrived while it worked without a pause, and how to find out when that is too low.
 *
 * A rate that is too low confirms itself, as we hold back by it. Two things give it away, round by round: a packet that met
 * much less of a queue than was believed to stand before it, and a line that was held back and had hardly a queue. The
 * rate is then raised, boldly while nothing shows an end.
 *
 * Contract: rates are bytes per second, times µs. A round lasts from when a byte is sent until it is reported. Late processes
 * make a queue seem longer and never shorter, so neither sign is given by them. Allocates nothing.
 * Source: the rounds and gains follow BBR (draft-ietf-ccwg-bbr, 4.1 and 5.3).
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

/** What a path is held to carry before anything was measured: senders feel their way themselves. */
const FIRST_RATE = 12_500_000;
/** Below this there is no line; it keeps a wrong measure from stopping a path for long. */
const LOWEST_RATE = 4_000;
/** The rate is the mean of about so much of the line's time (µs). */
const MEMORY = 300_000;
/** A sample below this part of the rate, with a queue that grows, is a line that became slower: what was before is void. */
const FALLEN = 0.8;
/** One sample takes no more than this part away: other traffic may have had the line for a moment. */
const DEEPEST_FALL = 0.5;
/** Much less of a queue than was believed. */
const QUEUE_SHORT = 0.5;
/** Faster while nothing is known, and again when this many rounds in a row found no end. */
const FAST_RAISE = 2;
const SLOW_RAISE = 1.25;
const SLOW_ROUNDS = 3;
/** A line that loses much is tried in small steps. */
const WARY_RAISE = 1.03;

export class LineRate {
  value = FIRST_RATE + DOUBLE_ZERO;

  #busyBytes = DOUBLE_ZERO;
  #busyTime = DOUBLE_ZERO;
  /** The round ends when so many bytes of all that were sent are covered. */
  #roundEnd = DOUBLE_ZERO;
  /** Whether the line was seen working without a pause in this round. */
  #busy = false;
  #longestQueue = DOUBLE_ZERO;
  /** Whether the line was held back in this round, and in the one whose bytes this round's reports tell of. */
  #heldBack = false;
  #heldBackBefore = false;
  /** Whether a packet met much less of a queue than we believed in. */
  #metLess = false;
  /** Rounds in a row that ended with a raise. */
  #fruitless = SLOW_ROUNDS;

  /** Whether the line has shown its rate. */
  get isMeasured(): boolean {
    return this.#busyTime > 0;
  }

  heldBack(): void {
    this.#heldBack = true;
  }

  /** A packet met this queue, and was thought to meet `expected`; @param full how long the queue should be */
  met(queue: number, expected: number, full: number): void {
    if (queue > this.#longestQueue) this.#longestQueue = queue;
    if (expected > full / 2 && queue < QUEUE_SHORT * expected) this.#metLess = true;
  }

  /** The line worked without a pause. @param growing whether its queue stood longer than it should; @param most see `LineLoss` */
  observe(bytes: number, time: number, growing: boolean, most: number): void {
    this.#busy = true;
    const slower = growing && (bytes * 1e6) / time < FALLEN * this.value;
    const kept = slower || this.#busyTime === 0 ? 0 : Math.max(0, 1 - time / MEMORY);
    const least = slower ? (DEEPEST_FALL * this.value * time) / 1e6 : 0;
    this.#busyBytes = this.#busyBytes * kept + Math.max(bytes, least);
    this.#busyTime = this.#busyTime * kept + time;
    this.#set((this.#busyBytes * 1e6) / this.#busyTime, most);
  }

  /** The line must not be asked for more than this. */
  bound(most: number): void {
    if (this.value > most) this.#set(most, most);
  }

  /** So many of the bytes `sent` are covered. @param undisturbed whether queues show how the line is */
  covered(
    covered: number,
    sent: number,
    full: number,
    most: number,
    undisturbed: boolean,
    noQueue: boolean,
  ): void {
    if (covered < this.#roundEnd) return;
    const idle = this.#heldBackBefore && this.#longestQueue < QUEUE_SHORT * full;
    if (undisturbed && (this.#metLess || idle)) this.#raise(most, noQueue);
    else if (this.#busy) this.#fruitless = 0;
    this.#roundEnd = sent;
    this.#busy = false;
    this.#metLess = false;
    this.#longestQueue = 0;
    this.#heldBackBefore = this.#heldBack;
    this.#heldBack = false;
  }

  /** What the operator said. */
  declare(rate: number): void {
    this.value = rate + DOUBLE_ZERO;
  }

  #raise(most: number, noQueue: boolean): void {
    this.#fruitless++;
    const bold = this.#fruitless > SLOW_ROUNDS && noQueue;
    const by = most !== Number.POSITIVE_INFINITY ? WARY_RAISE : bold ? FAST_RAISE : SLOW_RAISE;
    this.#set(this.value * by, most);
    this.#busyBytes *= by;
  }

  #set(rate: number, most: number): void {
    this.value = Math.max(LOWEST_RATE, Math.min(rate, most));
  }
}
