/**
 * How long a link that was down must be good before it is trusted again.
 *
 * Contract: pure. Each failure doubles the time, up to a bound; each `calm` without a failure while the link is up
 * halves it again, down to nothing. Source: S1.8 (no thrashing).
 */

import type { ProbeConfig } from '../config/index.ts';

export type DampingTimes = Pick<ProbeConfig, 'holdMillis' | 'holdMostMillis' | 'calmMillis'>;

/** 2^30 times the shortest hold is beyond every bound. */
const mostFailures = 31;

export class FlapDamping {
  readonly #times: DampingTimes;
  #failures = 0;
  /** Since when the link is up, or was last forgiven; undefined while it is down. */
  #calmSinceMillis: number | undefined;

  constructor(times: DampingTimes) {
    this.#times = times;
  }

  /** The link is down. */
  failed(nowMillis: number): void {
    this.#wear(nowMillis);
    this.#failures = Math.min(mostFailures, this.#failures + 1);
    this.#calmSinceMillis = undefined;
  }

  /** The link is up. */
  recovered(nowMillis: number): void {
    this.#calmSinceMillis = nowMillis;
  }

  /** What counts for the next recovery, or would after the next failure less one. */
  holdMillis(nowMillis: number): number {
    this.#wear(nowMillis);
    if (this.#failures === 0) return 0;
    return Math.min(this.#times.holdMostMillis, this.#times.holdMillis * 2 ** (this.#failures - 1));
  }

  /** Failures that are not forgiven. */
  failures(nowMillis: number): number {
    this.#wear(nowMillis);
    return this.#failures;
  }

  #wear(nowMillis: number): void {
    if (this.#calmSinceMillis === undefined) return;
    const { calmMillis } = this.#times;
    // Who looks at the link before a round is judged has a later time than the round's.
    const calms = Math.max(0, Math.floor((nowMillis - this.#calmSinceMillis) / calmMillis));
    const forgiven = Math.min(this.#failures, calms);
    this.#failures -= forgiven;
    // Without a failure no calm is saved up for the next one.
    this.#calmSinceMillis = this.#failures === 0 ? nowMillis : this.#calmSinceMillis + forgiven * calmMillis;
  }
}
