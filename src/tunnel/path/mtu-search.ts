/**
 * The largest packet that a path takes, found by probing: whatever the network tells, or does not tell, about it.
 *
 * ```
 *             the first probe, or one of the base size, is answered      nothing is left to try
 *   base ───────────────────────────────────────────────▶ searching ──────────────────────────▶ complete
 *    │ ▲                                                      ▲   after RAISE_AFTER              │ │
 *    │ │                                                      └──────────────────────────────────┘ │
 *    │ └── the size in use is not answered any more (a black hole), or the kernel refuses it ◀───────┘
 *    ▼ not even the base size is answered
 *  error ── after RETRY_AFTER ──▶ base
 * ```
 * A size has failed when `TRIES` probes of it stayed unanswered while something smaller that was sent later came through. So
 * a line that is dead, or loses much, says nothing about sizes.
 *
 * Contract: sizes are bytes of outer IP packets, multiples of 4. Times are µs of one monotonic clock, given in. `poll` says
 * which size is to be probed now; the caller then tells `sent` or `refused`. `size` is what may be sent. Allocates nothing.
 * Source: RFC 8899 (DPLPMTUD), 4.3, 5.1 to 5.3.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

export type MtuState = 'base' | 'searching' | 'complete' | 'error';

/** `blackHole`: only smaller ones came through; `refused`: by the kernel; `search`: probes of the size were answered. */
export type MtuCause = 'blackHole' | 'refused' | 'search';

/** What nearly every line carries (RFC 8899, 5.1.2). */
export const BASE_SIZE = 1_200;
/** Where not even the base size comes through: what every host has to take (RFC 791, 3.2). */
const LEAST_SIZE = 576;
/** MAX_PROBES of RFC 8899, 5.1.2. */
const TRIES = 3;
/** PMTU_RAISE_TIMER (RFC 8899, 5.1.1). */
const RAISE_AFTER = 600_000_000;
/** The base size is tried again so soon (µs): until then every inner packet is cut small. */
const RETRY_AFTER = 5_000_000;
/** While larger packets than the base are sent, one of the size in use is asked for so often (µs). */
const CONFIRM_AFTER = 1_000_000;
const STEP = 4;

/** Ethernet, PPPoE, tunnels of others around us, mobile networks, IPv6's least: lines have few different sizes. */
const usualSizes: readonly number[] = [
  1280, 1300, 1320, 1340, 1356, 1380, 1400, 1420, 1440, 1452, 1460, 1472, 1480, 1492, 1500, 2000, 4000, 4352,
  8000, 9000,
];

export class MtuSearch {
  state: MtuState = 'base';
  /** The number of the newest probe. */
  number = 0;
  /** Whether packets above the base size went since the size was confirmed. */
  largeSent = false;
  /** What `takeNews` found: the size before, and why it is another one. */
  before = 0;
  cause: MtuCause = 'search';

  readonly #most: number;
  #size = BASE_SIZE;
  /** Nothing of this size or above comes through, as far as is known. */
  #below: number;
  /** What is probed now, or next. */
  #candidate: number;
  /** A size worth being tried before others; 0 for none. */
  #hint = 0;
  #tries = 0;
  #underWay = false;
  #sentAt = DOUBLE_ZERO;
  #dueAt = DOUBLE_ZERO;
  /** When there is something to do in the states that wait (µs). */
  #wakeAt = DOUBLE_ZERO;
  #raiseAt = Number.POSITIVE_INFINITY;
  #asked = false;
  /** What was told last; 0 before the first search is over. */
  #told = 0;

  /** @param most the largest packet that the link is known to take */
  constructor(most: number) {
    this.#most = Math.max(BASE_SIZE, most - (most % STEP));
    this.#below = this.#most + STEP;
    this.#candidate = this.#most;
  }

  /** What may be sent, in bytes of the outer IP packet. */
  get size(): number {
    return this.#size;
  }

  /** Whether a search has ever come to its end. */
  get isKnown(): boolean {
    return this.#told > 0;
  }

  /** When `poll` has something to do, apart from what can wait for the next look (µs). */
  get dueAt(): number {
    return this.#underWay && !this.#asked ? this.#dueAt : Number.POSITIVE_INFINITY;
  }

  /** A probe's time is over, and nothing that was sent after it is known to have come: something small should go, once. */
  takeWantsProof(now: number, coveredSentAt: number): boolean {
    if (this.#asked || !this.#underWay || now < this.#dueAt || coveredSentAt > this.#sentAt) return false;
    this.#asked = true;
    return true;
  }

  /** The path leads elsewhere: nothing that was known holds. */
  restart(): void {
    this.cause = 'search';
    this.#begin(this.#most, 0);
  }

  /** The path does not carry: what is under way says nothing. */
  pause(): void {
    this.#underWay = false;
    this.#tries = 0;
  }

  /** The path is in question while large packets go: at once it is asked whether they are the reason. */
  suspect(now: number): void {
    if (this.state === 'complete' && this.largeSent && !this.#underWay)
      this.#wakeAt = Math.min(this.#wakeAt, now);
  }

  /**
   * @param coveredSentAt when the newest packet was sent that the far side reported (µs)
   * @returns the size to probe now; 0 for none
   */
  poll(now: number, coveredSentAt: number): number {
    if (this.#underWay) {
      if (now < this.#dueAt || coveredSentAt <= this.#sentAt) return 0;
      this.#underWay = false;
      if (++this.#tries === TRIES) this.#fail(now);
    }
    return this.#wanted(now);
  }

  /** The probe that `poll` wanted is under way. @param patience how long its answer may take (µs) */
  sent(now: number, patience: number): void {
    this.#underWay = true;
    this.#asked = false;
    this.#sentAt = now;
    this.#dueAt = now + patience;
    this.number = (this.number + 1) >>> 0;
  }

  /** The kernel refuses packets of the size that `poll` wanted: that needs no further tries. */
  refused(now: number): void {
    this.#fail(now, 'refused');
  }

  /** The far side received the probe with this number. */
  answered(number: number, now: number): void {
    if (!this.#underWay || number !== this.number) return;
    this.#underWay = false;
    this.#tries = 0;
    this.#size = this.#candidate;
    if (this.state === 'complete') {
      this.largeSent = false;
      this.#wakeAt = now + CONFIRM_AFTER;
      if (this.#raiseAt < this.#wakeAt) this.#wakeAt = this.#raiseAt;
      return;
    }
    this.state = 'searching';
    this.cause = 'search';
    this.#choose(now);
  }

  /** The kernel refused data of the size in use. @returns whether it is another one now */
  tooBig(): boolean {
    if (this.#size <= BASE_SIZE) return false;
    this.#shrink('refused');
    this.#begin(this.#most, 0);
    return true;
  }

  /** Whether the size is another one than was told before; `before` and `cause` say more. */
  takeNews(): boolean {
    const settled = this.state === 'complete' || this.state === 'error';
    if (!settled && (this.cause === 'search' || this.#told === 0)) return false;
    if (this.#size === this.#told) return false;
    this.before = this.#told;
    this.#told = this.#size;
    return this.before > 0;
  }

  #wanted(now: number): number {
    switch (this.state) {
      case 'base':
      case 'searching':
        return this.#candidate;
      case 'error':
        if (now < this.#wakeAt) return 0;
        this.#begin(BASE_SIZE, 0);
        return this.#candidate;
      case 'complete':
        return this.#wantedWhenComplete(now);
    }
  }

  #wantedWhenComplete(now: number): number {
    if (now >= this.#raiseAt) {
      this.state = 'searching';
      this.#below = this.#most + STEP;
      this.#candidate = this.#most;
      this.#tries = 0;
      return this.#candidate;
    }
    const asks = this.#tries > 0 || (this.largeSent && this.#size > BASE_SIZE && now >= this.#wakeAt);
    if (!asks) return 0;
    this.#candidate = this.#size;
    return this.#size;
  }

  /** No packet of the candidate's size comes through. */
  #fail(now: number, cause: MtuCause = 'blackHole'): void {
    this.#tries = 0;
    if (this.state === 'complete') {
      const failed = this.#size;
      this.#shrink(cause);
      return this.#begin(BASE_SIZE, failed);
    }
    this.#below = this.#candidate;
    if (this.state === 'searching') return this.#choose(now);
    if (this.#candidate > BASE_SIZE) {
      this.#candidate = BASE_SIZE;
      return;
    }
    this.state = 'error';
    this.cause = 'blackHole';
    this.#size = LEAST_SIZE;
    this.#wakeAt = now + RETRY_AFTER;
  }

  #shrink(cause: MtuCause): void {
    this.cause = cause;
    this.#size = BASE_SIZE;
  }

  /** @param first what is probed first; @param hint what is probed first above that */
  #begin(first: number, hint: number): void {
    if (this.state !== 'error') this.#size = BASE_SIZE;
    this.state = 'base';
    this.#below = this.#most + STEP;
    this.#candidate = first;
    this.#hint = hint;
    this.#tries = 0;
    this.#underWay = false;
    this.largeSent = false;
  }

  /** What is tried next between what comes through and what does not. */
  #choose(now: number): void {
    if (this.#below - this.#size <= STEP) {
      this.state = 'complete';
      this.#wakeAt = now + CONFIRM_AFTER;
      this.#raiseAt = this.#size < this.#most ? now + RAISE_AFTER : Number.POSITIVE_INFINITY;
      return;
    }
    const hint = this.#hint;
    this.#hint = 0;
    this.#candidate = this.#size < hint && hint < this.#below ? hint : between(this.#size, this.#below);
  }
}

/** @param low comes through, @param high does not. @returns the size to try next */
function between(low: number, high: number): number {
  let first = 0;
  while (first < usualSizes.length && (usualSizes[first] as number) <= low) first++;
  let end = first;
  while (end < usualSizes.length && (usualSizes[end] as number) < high) end++;
  if (first < end) return usualSizes[(first + end) >> 1] as number;
  // Most lines have a usual size, which the next larger one shows at once.
  if (low === BASE_SIZE || usualSizes.includes(low)) return low + STEP;
  const middle = (low + high) >> 1;
  return Math.max(low + STEP, middle - (middle % STEP));
}
