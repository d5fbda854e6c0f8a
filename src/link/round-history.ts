/**
 * The last rounds of a link, for `backstay link explain` and `link try`, those of the run before included.
 *
 * Contract: pure and bounded: an hour of rounds of a second. A round after a pause (the link's interface was gone, or the daemon) says so.
 */

import type { ProbeRound } from './probe-round.ts';

export type RecordedRound = ProbeRound & {
  /** Between the round before and this one the link was not there. */
  readonly isAfterGap?: true;
};

/** About 200 bytes each: less than a megabyte for each link. */
export const mostRounds = 3600;
const dropAtOnce = 256;

export class RoundHistory {
  #rounds: RecordedRound[] = [];
  #isAfterGap = false;

  add(round: ProbeRound): void {
    this.#rounds.push(this.#isAfterGap ? { ...round, isAfterGap: true } : round);
    this.#isAfterGap = false;
    // In steps: moving 3,600 places for each round would be the greater part of its cost.
    if (this.#rounds.length > mostRounds + dropAtOnce) this.#rounds = this.#rounds.slice(-mostRounds);
  }

  /** What an earlier run recorded; before the first round of this one, which comes after a gap. */
  restore(rounds: readonly RecordedRound[]): void {
    this.#rounds = rounds.slice(-mostRounds);
    this.gap();
  }

  gap(): void {
    this.#isAfterGap = this.#rounds.length > 0;
  }

  newest(limit: number = mostRounds): readonly RecordedRound[] {
    return this.#rounds.slice(-limit);
  }
}
