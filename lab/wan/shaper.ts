/**
 * The decision about one frame of one direction: when it arrives at the far end, or why it does not.
 *
 * Contract: pure; time in milliseconds on any clock that does not run backwards. `enqueue` answers with a verdict and
 * leaves the time of arrival in `dueMillis`; it allocates nothing. The link is a server with a drop-tail queue in
 * virtual time: a packet starts when the one before has been serialised, takes size/rate, and then travels for the
 * delay. A packet is dropped when what waits, itself included, is more than the queue holds; an idle link takes any.
 */
import type { BlockedProtocol, Impairments } from './impairments.ts';
import { SeededRandom } from './random.ts';

export const verdict = {
  delivered: 0,
  /** The queue was full. */
  overflowed: 1,
  /** Lost on the wire by chance. */
  lost: 2,
  /** Black hole, blocked protocol or too large for the way. */
  swallowed: 3,
} as const;

export type Verdict = (typeof verdict)[keyof typeof verdict];

export class Shaper {
  /** When the frame that was delivered last is due at the far end. */
  dueMillis = 0;
  /** How often it arrives: 1, or 2 when it was duplicated. */
  copies = 1;
  /** Whether one of its bits is turned over on the way. */
  corrupted = false;
  #impairments: Impairments;
  readonly #random: SeededRandom;
  #busyUntilMillis = 0;
  #lastDueMillis = 0;

  constructor(impairments: Impairments, seed: number) {
    this.#impairments = impairments;
    this.#random = new SeededRandom(seed);
  }

  get impairments(): Impairments {
    return this.#impairments;
  }

  change(change: Partial<Impairments>): void {
    this.#impairments = { ...this.#impairments, ...change };
  }

  /** @param size bytes of the IP packet, without the Ethernet header */
  enqueue(size: number, protocol: BlockedProtocol | undefined, nowMillis: number): Verdict {
    const { blackHole, mtu, queueMillis, lossPercent } = this.#impairments;
    if (blackHole || (mtu !== null && size > mtu) || this.#isBlocked(protocol)) return verdict.swallowed;
    const waitingMillis = Math.max(0, this.#busyUntilMillis - nowMillis);
    const serialisationMillis = this.#serialisationMillis(size);
    if (waitingMillis > 0 && waitingMillis + serialisationMillis > queueMillis) return verdict.overflowed;
    this.#busyUntilMillis = nowMillis + waitingMillis + serialisationMillis;
    if (this.#random.happens(lossPercent)) return verdict.lost;
    this.#travel(this.#busyUntilMillis);
    return verdict.delivered;
  }

  /** A place for the fault in a frame that `corrupted`: evenly distributed in [0, 1). */
  randomPlace(): number {
    return this.#random.next();
  }

  #travel(departureMillis: number): void {
    const { delayMillis, jitterMillis, reorderPercent, reorderMillis, duplicatePercent, corruptPercent } =
      this.#impairments;
    const jitter = jitterMillis > 0 ? this.#random.next() * jitterMillis : 0;
    const due = Math.max(departureMillis + delayMillis + jitter, this.#lastDueMillis);
    if (this.#random.happens(reorderPercent)) {
      this.dueMillis = due + reorderMillis;
    } else {
      this.dueMillis = due;
      this.#lastDueMillis = due;
    }
    this.copies = this.#random.happens(duplicatePercent) ? 2 : 1;
    this.corrupted = this.#random.happens(corruptPercent);
  }

  #serialisationMillis(size: number): number {
    const { rateMbit } = this.#impairments;
    return rateMbit === null ? 0 : (size * 8) / (rateMbit * 1000);
  }

  #isBlocked(protocol: BlockedProtocol | undefined): boolean {
    return protocol !== undefined && this.#impairments.blocked.includes(protocol);
  }
}
