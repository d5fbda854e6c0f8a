/**
 * The last rounds of a link, for `backstay link explain` and `link try`, those of the run before included.
 *
 * Contract: pure and bounded: an hour of rounds of a second. A round after a pause (the link's interface was gone, or the daemon) says so.
 */

import type { ProbeRound } from './probe-round.ts';

/** What there was instead of rounds: the link was gone (`loss`); or it was hung up, became another line, or the daemon did not run. */
export type Interruption = 'loss' | 'gap';

export type RecordedRound = ProbeRound & {
  /** Between the round before and this one. */
  readonly after?: Interruption;
};

/** About 200 bytes each: less than a megabyte for each link. */
export const mostRounds = 3600;
const dropAtOnce = 256;

export class RoundHistory {
  #rounds: RecordedRound[] = [];
  #after: Interruption | undefined;

  add(round: ProbeRound): void {
    this.#rounds.push(this.#after === undefined ? round : { ...round, after: this.#after });
    this.#after = undefined;
    // In steps: moving 3,600 places for each round would be the greater part of its cost.
    if (this.#rounds.length > mostRounds + dropAtOnce) this.#rounds = this.#rounds.slice(-mostRounds);
  }

  /** What an earlier run recorded; before the first round of this one, which comes after a gap. */
  restore(rounds: readonly RecordedRound[]): void {
    this.#rounds = rounds.slice(-mostRounds);
    this.interrupt('gap');
  }

  interrupt(by: Interruption): void {
    if (this.#rounds.length > 0 && this.#after !== 'loss') this.#after = by;
  }

  newest(limit: number = mostRounds): readonly RecordedRound[] {
    return this.#rounds.slice(-limit);
  }
}
