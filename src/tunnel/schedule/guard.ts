/**
 * Watches whether a tunnel over several paths is better than its best path alone, and leaves out a path that harms.
 *
 * ```
 *             slower than the best path            not clearly faster without it
 *  watching ────────────────────────▶ trying ──────────────────────────────▶ watching, for a while without trying
 *     ▲                                  │ clearly faster without it
 *     └──────── after its time ─────── leaving out
 * ```
 * A tunnel that carries less than its best path was measured to carry alone may have little to carry, or a path over which
 * packets come so late, or get lost so often, that the others wait for them. Only a trial tells: one path is left out for
 * some seconds, and what is carried with and without it is compared.
 *
 * Contract: `observe` is called every `STEP` with what was carried in all; it returns what it changed, and the path
 * concerned has `demoted` set. A path that is left out is used when no other is up. Times are µs, rates bytes per second.
 * Source: design, "Scheduling, order, repair".
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import type { ScheduledPath } from './scheduler.ts';

export const STEP = 500_000;

/** The bundle is in question below this part of the best path's rate, for so many steps in a row. */
const SLOWER = 0.85;
const SLOW_STEPS = 8;
/** Nobody minds a slow bundle that has next to nothing to carry. */
const LEAST_PART = 0.1;
/** A path that carried less than this part has no effect. */
const LEAST_SHARE = 0.01;
/** A trial: the first steps are for the senders to notice, the others count. */
const TRIAL_STEPS = 10;
const TRIAL_SETTLE = 4;
/** Without it the bundle has to be this much faster. */
const CLEARLY_FASTER = 1.2;
/** For so long a path is left out, or nothing is tried; doubled each time up to the longest (µs). */
const FIRST_PAUSE = 30_000_000;
const LONGEST_PAUSE = 600_000_000;

export type GuardVerdict = {
  readonly kind: 'demoted' | 'restored';
  readonly path: ScheduledPath;
  /** What was carried with it and without it, and what the best path carries alone (bytes per second). */
  readonly withIt: number;
  readonly withoutIt: number;
  readonly best: number;
  /** How long it is left out at the most (µs); 0 when it is used again. */
  readonly pause: number;
};

type State = 'watching' | 'trying' | 'leaving out';

export class Guard {
  #state: State = 'watching';
  #observedAt = DOUBLE_ZERO;
  #bytes = DOUBLE_ZERO;
  #slowSteps = 0;
  #slowBytes = DOUBLE_ZERO;
  #trialSteps = 0;
  #trialBytes = DOUBLE_ZERO;
  #withIt = DOUBLE_ZERO;
  #best = DOUBLE_ZERO;
  #suspect: ScheduledPath | undefined;
  #pause = FIRST_PAUSE;
  #quietUntil = DOUBLE_ZERO;

  /** @param bytes that the tunnel took from its device since it began */
  observe(paths: readonly ScheduledPath[], bytes: number, now: number): GuardVerdict | undefined {
    const time = now - this.#observedAt;
    const carried = bytes - this.#bytes;
    const late = time > 2 * STEP;
    this.#observedAt = now;
    this.#bytes = bytes;
    if (this.#suspect !== undefined && !paths.includes(this.#suspect)) return this.#giveUp();
    // A process that was stopped, or the first call: nothing to compare.
    if (late) return this.#state === 'trying' ? this.#giveUp() : undefined;
    switch (this.#state) {
      case 'watching':
        return this.#watch(paths, carried, (carried * 1e6) / time, now);
      case 'trying':
        return this.#try(carried, now);
      case 'leaving out':
        return now < this.#quietUntil ? undefined : this.#restore();
    }
  }

  #watch(paths: readonly ScheduledPath[], carried: number, rate: number, now: number): undefined {
    const best = bestPath(paths);
    const slow =
      now >= this.#quietUntil &&
      best !== undefined &&
      rate < SLOWER * best.delivery.measuredRate &&
      rate > LEAST_PART * best.delivery.measuredRate;
    if (!slow) {
      this.#slowSteps = 0;
      this.#slowBytes = 0;
      for (const { delivery } of paths) delivery.takeCarried();
      return undefined;
    }
    this.#slowSteps++;
    this.#slowBytes += carried;
    if (this.#slowSteps < SLOW_STEPS) return undefined;
    const suspect = worstPath(paths, best, LEAST_SHARE * this.#slowBytes);
    this.#withIt = (this.#slowBytes * 1e6) / (SLOW_STEPS * STEP);
    this.#best = best.delivery.measuredRate;
    this.#slowSteps = 0;
    this.#slowBytes = 0;
    if (suspect === undefined) return undefined;
    this.#state = 'trying';
    this.#suspect = suspect;
    suspect.demoted = true;
    this.#trialSteps = 0;
    this.#trialBytes = 0;
    return undefined;
  }

  #try(carried: number, now: number): GuardVerdict | undefined {
    this.#trialSteps++;
    if (this.#trialSteps > TRIAL_SETTLE) this.#trialBytes += carried;
    if (this.#trialSteps < TRIAL_STEPS) return undefined;
    const withoutIt = (this.#trialBytes * 1e6) / ((TRIAL_STEPS - TRIAL_SETTLE) * STEP);
    const harms = withoutIt > CLEARLY_FASTER * this.#withIt;
    const pause = this.#pause;
    this.#quietUntil = now + pause;
    this.#pause = Math.min(LONGEST_PAUSE, 2 * pause);
    if (!harms) return this.#giveUp();
    this.#state = 'leaving out';
    return this.#verdict('demoted', withoutIt, pause);
  }

  #restore(): GuardVerdict {
    const verdict = this.#verdict('restored', 0, 0);
    this.#giveUp();
    return verdict;
  }

  #verdict(kind: GuardVerdict['kind'], withoutIt: number, pause: number): GuardVerdict {
    const path = this.#suspect as ScheduledPath;
    return { kind, path, withIt: this.#withIt, withoutIt, best: this.#best, pause };
  }

  /** The path is used again, if it is still there. */
  #giveUp(): undefined {
    if (this.#suspect !== undefined) this.#suspect.demoted = false;
    this.#suspect = undefined;
    this.#state = 'watching';
    this.#slowSteps = 0;
    this.#slowBytes = 0;
    return undefined;
  }
}

function bestPath(paths: readonly ScheduledPath[]): ScheduledPath | undefined {
  let best: ScheduledPath | undefined;
  for (const path of paths) {
    if (path.path.state !== 'up') continue;
    if (path.delivery.measuredRate > (best?.delivery.measuredRate ?? 0)) best = path;
  }
  return best;
}

/** The one that others wait for most: by what it loses, then by how late packets come over it. */
function worstPath(
  paths: readonly ScheduledPath[],
  best: ScheduledPath,
  leastBytes: number,
): ScheduledPath | undefined {
  let worst: ScheduledPath | undefined;
  let worstCost = 0;
  for (const candidate of paths) {
    const carried = candidate.delivery.takeCarried();
    if (candidate === best || candidate.path.state !== 'up' || carried < leastBytes) continue;
    // A loss costs its lane a round trip and the time until it is noticed.
    const cost = candidate.delivery.loss * (candidate.path.rtt + 50_000) + candidate.path.rtt;
    if (cost <= worstCost) continue;
    worst = candidate;
    worstCost = cost;
  }
  return worst;
}
