/**
 * How long to wait after news of the network before looking at it.
 *
 * Contract: pure. News come in rows, and one look is enough for a row. On a router whose routes change all the time
 * looks would follow one another without end: each that found nothing for us doubles the wait, and quiet ends that.
 */

/** A row of changes of one cause is over by then. */
const SHORTEST_MILLIS = 50;
/** A path that suffers is noticed by its own probes meanwhile. */
const LONGEST_MILLIS = 1_000;
/** News that come so long after a look are not of the same row. */
const QUIET_MILLIS = 1_500;

export class LookPace {
  #waitMillis = SHORTEST_MILLIS;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @returns how long to wait after news that came now */
  wait(nowMillis: number): number {
    if (nowMillis - this.#lookedAt > QUIET_MILLIS) this.#waitMillis = SHORTEST_MILLIS;
    return this.#waitMillis;
  }

  /** @param found whether the look led to a change of ours */
  looked(nowMillis: number, found: boolean): void {
    this.#lookedAt = nowMillis;
    this.#waitMillis = found ? SHORTEST_MILLIS : Math.min(LONGEST_MILLIS, this.#waitMillis * 2);
  }
}
