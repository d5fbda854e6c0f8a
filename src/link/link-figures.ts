/**
 * Loss and delay of a link over its last rounds, and whether they are only those of its own load.
 *
 * Contract: pure and bounded. A target that was silent for a whole round while others answered is that target's
 * trouble and no loss of the line; where all were silent all is lost. A tunnel loses no question, as none is sent, so it says
 * nothing of loss. Delay is that of the nearest target. Source: S1
 * ("loss and delay have thresholds with hysteresis", "overloaded: loss only under own load").
 */

import type { ProbeConfig, ProbeTarget } from '../config/index.ts';
import { type AskedTarget, countedTargets, median, type ProbeRound } from './probe-round.ts';

/** With three questions to two targets a loss of one in 60 can be seen, and ten seconds decide. */
const windowRounds = 10;
/** A single loss of six questions would be 17 %. */
const leastRounds = 5;
/** From here on a line's queue may be full. */
const busyShare = 0.8;
/** Without a `rate`: rounds with half of the greatest load, which must be worth the name. */
const busyShareOfPeak = 0.5;
const leastPeakBps = 100_000;
/** So many idle rounds without loss show that the line is sound by itself, where no `rate` says that it is full. */
const leastIdleRounds = 3;

export type Figures = { readonly lossRatio: number | undefined; readonly delayMillis: number | undefined };

type Sample = {
  readonly sent: number;
  readonly lost: number;
  readonly delayMillis: number | undefined;
  readonly loadBps: number | undefined;
};

export class LinkFigures {
  readonly #asked: readonly ProbeTarget[];
  readonly #rateBps: number | undefined;
  #samples: Sample[] = [];

  constructor(asked: readonly ProbeTarget[], rateBps: number | undefined) {
    this.#asked = asked;
    this.#rateBps = rateBps;
  }

  add(round: ProbeRound): void {
    this.#samples = [...this.#samples.slice(1 - windowRounds), sampleOf(this.#asked, round)];
  }

  clear(): void {
    this.#samples = [];
  }

  /** Undefined figures: not enough rounds yet. */
  get figures(): Figures {
    return this.#samples.length < leastRounds ? nothing : figuresOf(this.#samples);
  }

  /** Whether what exceeds the thresholds does so under own load only. */
  isOverloaded(thresholds: Pick<ProbeConfig, 'lossAbove' | 'lossBelow' | 'delay'>): boolean {
    const isBusy = this.#samples.map((sample) => this.#isBusy(sample));
    const busy = this.#samples.filter((_, index) => isBusy[index]);
    // While a queue fills and empties the load is neither: a round beside a busy one says nothing of the line.
    const idle = this.#samples.filter(
      (_, index) => !(isBusy[index] || isBusy[index - 1] || isBusy[index + 1]),
    );
    if (busy.length === 0) return false;
    const { lossAbove, lossBelow, delay } = thresholds;
    const under = figuresOf(busy);
    const isBad =
      (under.lossRatio ?? 0) > lossAbove || (under.delayMillis ?? 0) > (delay?.aboveMillis ?? Infinity);
    if (!isBad) return false;
    if (idle.length < leastIdleRounds && this.#rateBps === undefined) return false;
    const rest = figuresOf(idle);
    return (rest.lossRatio ?? 0) < lossBelow && (rest.delayMillis ?? 0) < (delay?.belowMillis ?? Infinity);
  }

  #isBusy({ loadBps = 0 }: Sample): boolean {
    if (this.#rateBps !== undefined) return loadBps >= this.#rateBps * busyShare;
    const peakBps = Math.max(...this.#samples.map((sample) => sample.loadBps ?? 0));
    return peakBps >= leastPeakBps && loadBps >= peakBps * busyShareOfPeak;
  }
}

const nothing: Figures = { lossRatio: undefined, delayMillis: undefined };

function sampleOf(asked: readonly ProbeTarget[], round: ProbeRound): Sample {
  const counted = countedTargets(asked, round);
  const heard = counted.filter(({ delaysMillis }) => delaysMillis.length > 0);
  const isCountable = (target: AskedTarget) => asked[round.targets.indexOf(target)]?.kind !== 'tunnel';
  const seen = (heard.length > 0 ? heard : counted).filter(isCountable);
  const sent = sum(seen.map((target) => target.sent));
  const answered = sum(seen.map(({ delaysMillis }) => delaysMillis.length));
  const delays = heard.map(({ delaysMillis }) => median(delaysMillis) ?? Infinity);
  return {
    sent,
    lost: Math.max(0, sent - answered),
    delayMillis: delays.length === 0 ? undefined : Math.min(...delays),
    loadBps: round.loadBps,
  };
}

function figuresOf(samples: readonly Sample[]): Figures {
  const sent = sum(samples.map((sample) => sample.sent));
  const lost = sum(samples.map((sample) => sample.lost));
  const delays = samples.flatMap(({ delayMillis }) => (delayMillis === undefined ? [] : [delayMillis]));
  return { lossRatio: sent === 0 ? undefined : lost / sent, delayMillis: median(delays) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
