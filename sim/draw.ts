/** Chance in the forms that a history needs. Contract: the same seed draws the same. */
import { SeededRandom } from '../lab/wan/random.ts';

export class Draw {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** A whole number from 0, below `count`. */
  upTo(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  between(least: number, most: number): number {
    return least + this.#random.next() * (most - least);
  }

  /** As likely from 1 to 10 as from 10 to 100. */
  spread(least: number, most: number): number {
    return least * (most / least) ** this.#random.next();
  }

  of<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.upTo(choices.length)] as Choice;
  }
}
