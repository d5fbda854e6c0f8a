/**
 * One direction of a link in virtual time: a queue before a line of some rate, then a delay.
 *
 * Contract: pure but for the chance it is given. `carry` says when a datagram arrives, or that it does not. Without jitter
 * a link delivers in order, whatever changes meanwhile; with it datagrams overtake each other. The queue is bounded
 * in time and drops what comes when it is full. What is too long for it vanishes. Times are µs.
 */
import type { SeededRandom } from '../lab/wan/random.ts';

export type Condition = {
  /** Bytes per second. */
  readonly rate: number;
  readonly delay: number;
  /** How much may wait before the line. */
  readonly queue: number;
  readonly lossPercent: number;
  /** A datagram may take so much longer than another. */
  readonly jitter: number;
  /** Swallows everything: a black hole, or a network that blocks UDP. */
  readonly swallows: boolean;
};

/** In front of a datagram's payload. */
const IP_AND_UDP = 28;

export class VirtualLink {
  condition: Condition;
  /** The longest IP packet that it takes, in bytes. */
  mtu = Number.POSITIVE_INFINITY;
  /** What did not arrive for any reason, and what the full queue dropped of it. */
  lost = 0;
  overflowed = 0;
  /** What vanished because it was too long; not counted as lost. */
  tooLong = 0;
  /** The longest that a datagram waited before the line (µs). */
  longestQueue = 0;
  readonly #random: SeededRandom;
  #clearAt = 0;
  #lastArrival = 0;

  constructor(condition: Condition, random: SeededRandom) {
    this.condition = condition;
    this.#random = random;
  }

  /** @returns when it arrives; undefined when it does not */
  carry(bytes: number, now: number): number | undefined {
    const { rate, delay, queue, lossPercent, jitter, swallows } = this.condition;
    if (bytes + IP_AND_UDP > this.mtu) {
      this.tooLong++;
      return undefined;
    }
    const waits = Math.max(0, this.#clearAt - now);
    if (swallows || this.#random.happens(lossPercent)) {
      this.lost++;
      return undefined;
    }
    if (waits > queue) {
      this.lost++;
      this.overflowed++;
      return undefined;
    }
    this.longestQueue = Math.max(this.longestQueue, waits);
    this.#clearAt = now + waits + (bytes * 1e6) / rate;
    const arrival = Math.ceil(this.#clearAt + delay);
    if (jitter > 0) return arrival + Math.floor(this.#random.next() * jitter);
    this.#lastArrival = Math.max(this.#lastArrival, arrival);
    return this.#lastArrival;
  }
}
