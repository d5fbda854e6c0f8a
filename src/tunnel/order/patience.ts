/**
 * How long a tunnel waits for packets that others overtook: somewhat longer than they needed lately.
 *
 * Contract: times are µs. What was needed is remembered for one to two stretches of `MEMORY`. Allocates nothing.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

/** How long to wait before anything was learnt, at least and at most (µs). */
const FIRST_PATIENCE = 60_000;
const SHORTEST_PATIENCE = 10_000;
const LONGEST_PATIENCE = 400_000;
const MEMORY = 2_000_000;
/** Room above what was needed lately. */
const MARGIN = 1.5;

export class Patience {
  /** Not less than this (µs): where the far side sends again what was lost, that has to have time to come. */
  least = SHORTEST_PATIENCE;
  /** The longest that a gap needed to be filled, in the stretch of time at hand and in the one before (µs). */
  #needed = FIRST_PATIENCE / MARGIN;
  #neededBefore = DOUBLE_ZERO;
  #stretchEnd = DOUBLE_ZERO;

  /** How long a gap is waited for (µs). */
  get micros(): number {
    return Math.max(this.least, this.learnt);
  }

  /** How long packets that came by themselves needed, with some room (µs). */
  get learnt(): number {
    const needed = Math.max(this.#needed, this.#neededBefore) * MARGIN;
    return Math.min(LONGEST_PATIENCE, Math.max(SHORTEST_PATIENCE, needed));
  }

  /** A gap was filled after so long, or was given up too early. */
  learn(waited: number, now: number): void {
    if (now >= this.#stretchEnd) {
      this.#neededBefore = this.#needed;
      this.#needed = 0;
      this.#stretchEnd = now + MEMORY;
    }
    if (waited > this.#needed) this.#needed = waited;
  }
}
