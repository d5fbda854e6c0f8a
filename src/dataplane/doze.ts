/**
 * How long the packet worker may sleep: until something is due, but in naps while a conversation goes on.
 *
 * Contract: `talked` is called with each burst of data; `timeout` shortens a sleep. Times are µs of one monotonic clock,
 * timeouts milliseconds as epoll(7) takes them (-1: for ever). Allocates nothing.
 *
 * Why: a processor that slept for long has emptied its caches, and the packet that wakes it pays for that. A nap of some
 * milliseconds keeps it from sleeping that deeply (docs/decisions/0021).
 */

/** What was said within this time may be answered (µs): people and their programs pause for less. */
const CONVERSATION = 1_000_000;

/** Longer naps help less, shorter ones cost more (ms): measured, see the decision. */
const NAP_MILLIS = 2;

export class Doze {
  #until = Number.NEGATIVE_INFINITY;

  talked(now: number): void {
    this.#until = now + CONVERSATION;
  }

  /** @param millis how long nothing is due */
  timeout(millis: number, now: number): number {
    if (now >= this.#until) return millis;
    return millis < 0 ? NAP_MILLIS : Math.min(millis, NAP_MILLIS);
  }
}
