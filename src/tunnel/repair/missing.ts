/**
 * What is missing among the packets that were received under the newest keys: the far side asks for it again.
 *
 * Contract: `survey` looks at the replay window, which knows what came, and fills `runs`: how many are missing from `floor` on, how many came after them, how many are missing then,
 * and so on, the oldest first. Whether they are lost or still under way is for the sender to tell, who knows which path they
 * took. What was missing for long is given up: nobody has it any more. Times are µs. Allocates nothing.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import type { ReplayWindow } from '../esp/replay-window.ts';

/** Gaps in one report: they have to fit into it. The oldest come first, the others have their turn in the next one. */
export const MAX_GAPS = 48;
/** A run is told in 16 bits. */
const LONGEST_RUN = 0xffff;
/** After one to two of these what is missing is given up (µs): the sender keeps packets for a second. */
const STRETCH = 700_000;

export class Missing {
  /** The first number that is missing; all before it came or are given up. */
  floor = 1 + DOUBLE_ZERO;
  /** Pairs: so many missing, so many received. */
  readonly runs = new Uint16Array(2 * MAX_GAPS);
  gaps = 0;

  #givenUp = DOUBLE_ZERO;
  #nextGivenUp = DOUBLE_ZERO;
  #stretchEnd = DOUBLE_ZERO;

  /** New keys count from 1. */
  begin(): void {
    this.floor = 1;
    this.gaps = 0;
    this.#givenUp = 0;
    this.#nextGivenUp = 0;
    this.#stretchEnd = 0;
  }

  survey(window: ReplayWindow, now: number): void {
    this.#giveUp(window, now);
    const end = window.newest;
    // A peer may begin with any number, and skip as many as it likes: what is below the window is not looked at.
    let at = Math.max(this.floor, this.#givenUp, window.oldest);
    while (at < end && !window.isFresh(at)) at += 1;
    this.floor = at;
    this.gaps = 0;
    while (at < end && this.gaps < MAX_GAPS) {
      const first = at;
      while (at < end && window.isFresh(at)) at += 1;
      const received = at;
      while (at < end && !window.isFresh(at)) at += 1;
      this.runs[2 * this.gaps] = Math.min(LONGEST_RUN, received - first);
      this.runs[2 * this.gaps + 1] = Math.min(LONGEST_RUN, at - received);
      this.gaps++;
      if (received - first > LONGEST_RUN || at - received > LONGEST_RUN) return;
    }
  }

  #giveUp(window: ReplayWindow, now: number): void {
    if (now < this.#stretchEnd) return;
    this.#stretchEnd = now + STRETCH;
    this.#givenUp = this.#nextGivenUp;
    this.#nextGivenUp = window.newest;
  }
}
