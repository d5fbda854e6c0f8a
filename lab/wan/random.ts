/**
 * Reproducible chance: the same seed gives the same losses.
 *
 * Source: sfc32 by Chris Doty-Humphrey (PractRand); 32-bit arithmetic only, which V8 does without allocating.
 */
export class SeededRandom {
  #a = 0;
  #b: number;
  #c = 0;
  #counter = 1;

  constructor(seed: number) {
    this.#b = seed | 0;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** @returns evenly distributed in [0, 1) */
  next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return (result >>> 0) / 0x1_0000_0000;
  }

  /** @returns true in this share of the calls; draws nothing when the share is 0 */
  happens(percent: number): boolean {
    return percent > 0 && this.next() * 100 < percent;
  }
}
