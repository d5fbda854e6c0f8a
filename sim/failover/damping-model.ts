/**
 * How long a link that flaps must be good, and how often it may fail, reckoned apart from the product.
 *
 * Contract: pure; times are milliseconds. Source: docs/link-probes.md: each failure doubles `hold` up to `hold-most`, each `calm` forgives one.
 */
import type { ProbeConfig } from '../../src/config/index.ts';

export class DampingModel {
  readonly #probe: ProbeConfig;
  readonly #failedAt: number[] = [];
  #failures = 0;
  #upSince: number | undefined;
  #wasLost = false;
  #anew = 0;

  constructor(probe: ProbeConfig) {
    this.#probe = probe;
  }

  down(nowMillis: number): void {
    // That one that was lost is found to be down when it is there again is the same failure.
    if (this.#wasLost) return;
    this.#forgive(nowMillis);
    this.#failures++;
    this.#upSince = undefined;
    this.#failedAt.push(nowMillis);
  }

  up(nowMillis: number): void {
    this.#forgive(nowMillis);
    this.#wasLost = false;
    this.#upSince = nowMillis;
  }

  /** Its interface or address is gone: a failure, if it was up. */
  lost(nowMillis: number): void {
    if (this.#upSince !== undefined) this.down(nowMillis);
    this.#wasLost = this.#failedAt.length > 0;
  }

  /** With another address, or hung up: a link that was up is not held back. */
  begunAnew(): void {
    this.#anew++;
  }

  /** After the last failure. */
  get holdMillis(): number {
    const { holdMillis, holdMostMillis } = this.#probe;
    return this.#failures === 0 ? 0 : Math.min(holdMostMillis, holdMillis * 2 ** (this.#failures - 1));
  }

  get failedAt(): number {
    return this.#failedAt.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  get count(): number {
    return this.#failedAt.length;
  }

  /**
   * Failures until now that are permitted: as many as it takes for the longest hold; then one for each such hold, and one for each that was forgiven;
   * and one for each time that the link was begun anew.
   */
  permitted(nowMillis: number): number {
    const { holdMillis, holdMostMillis, calmMillis } = this.#probe;
    const doublings = Math.ceil(Math.log2(holdMostMillis / holdMillis));
    return (
      2 + doublings + Math.floor(nowMillis / holdMostMillis) + Math.floor(nowMillis / calmMillis) + this.#anew
    );
  }

  #forgive(nowMillis: number): void {
    if (this.#upSince === undefined) return;
    const calms = Math.floor((nowMillis - this.#upSince) / this.#probe.calmMillis);
    this.#failures = Math.max(0, this.#failures - calms);
  }
}
