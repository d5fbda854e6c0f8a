/**
 * Whether a link is up, degraded or down, round by round.
 *
 *              good round                    loss or delay above
 *     unknown ───────────▶ up ◀──────────────────────────────────▶ degraded
 *        │                  │         loss and delay below           │
 *        └──────────────────┴── more than `retries` bad rounds ──────┤
 *                                                                    ▼
 *     up, degraded ◀── `recover` good rounds, and good for the hold ── down ◀── up, degraded: the link is gone
 *
 * Contract: pure; `roundEnded` returns the change that the round brought, if any, with its evidence. A round in which
 * only the peer is silent, over every link, is nobody's fault here and counts neither way. Source: S1.2, S1.8.
 */

import type { ProbeConfig, ProbeTarget } from '../config/index.ts';
import { causeOfSilence, type FailureCause } from './failure-cause.ts';
import { FlapDamping } from './flap-damping.ts';
import { type Figures, LinkFigures } from './link-figures.ts';
import { type JudgedRound, judgeRound, type ProbeRound } from './probe-round.ts';
import { askedTargets } from './probe-target.ts';

export type Verdict = 'unknown' | 'up' | 'degraded' | 'down';

export type VerdictChange = {
  /** `unknown` also of one that was gone, is there again and is found to be down. */
  readonly before: Verdict;
  readonly verdict: Exclude<Verdict, 'unknown'>;
  readonly cause: FailureCause | undefined;
  /** The round that decided. */
  readonly round: ProbeRound;
  readonly figures: Figures;
  /** How many rounds of its kind stood in a row with it. */
  readonly rounds: number;
  /** How long the verdict before had stood. */
  readonly afterMillis: number;
  /** How long the link has to be good, or had to be, before it is up. */
  readonly holdMillis: number;
};

export type VerdictStanding = {
  readonly verdict: Verdict;
  readonly sinceMillis: number;
  /** Why it is not up; while it is up, what is wrong all the same. */
  readonly cause: FailureCause | undefined;
  readonly figures: Figures;
  readonly goodRounds: number;
  readonly badRounds: number;
  readonly holdMillis: number;
  /** Since when all rounds are good. */
  readonly goodSinceMillis: number | undefined;
  readonly failures: number;
  /** It is down, and by its last rounds it works: it has failed too lately to be trusted. */
  readonly isHeldBack: boolean;
};

export class LinkVerdict {
  readonly #config: ProbeConfig;
  readonly #asked: readonly ProbeTarget[];
  readonly #damping: FlapDamping;
  readonly #figures: LinkFigures;
  #verdict: Verdict = 'unknown';
  #sinceMillis: number;
  #cause: FailureCause | undefined;
  #goodRounds = 0;
  #badRounds = 0;
  #goodSinceMillis: number | undefined;
  #isLossy = false;
  #isSlow = false;
  /** Whether a link that is down was said to be so since it is there. */
  #isTold = false;

  constructor(config: ProbeConfig, rateBps: number | undefined, nowMillis: number) {
    this.#config = config;
    this.#asked = askedTargets(config);
    this.#damping = new FlapDamping(config);
    this.#figures = new LinkFigures(this.#asked, rateBps);
    this.#sinceMillis = nowMillis;
  }

  roundEnded(round: ProbeRound): VerdictChange | undefined {
    const judged = judgeRound(this.#config, this.#asked, round);
    const cause = causeOfSilence(judged);
    if (judged.isGood === undefined || (!judged.isGood && cause === 'peerDead')) {
      if (this.#verdict !== 'down') this.#cause = cause;
      return undefined;
    }
    this.#count(judged, round);
    const verdict = this.#next(judged.isGood, round.endedAtMillis);
    if (verdict === 'up' || verdict === 'unknown' || !judged.isGood) this.#cause = cause;
    if (verdict === 'degraded') this.#cause = this.#causeOfDegradation();
    const isNews = verdict !== this.#verdict || (verdict === 'down' && !this.#isTold && this.#isBad);
    return isNews && verdict !== 'unknown' ? this.#change(verdict, round) : undefined;
  }

  /** The link's interface or address is gone, which is a failure like any other: what comes back is held. */
  lost(nowMillis: number): void {
    if (this.#verdict === 'up' || this.#verdict === 'degraded') {
      this.#damping.failed(nowMillis);
      this.#stand('down', 'linkGone', nowMillis);
    }
    this.#beginAnew();
  }

  /**
   * It is another line now, or was not asked for a while, by nobody's fault: it is judged anew, failures are remembered. What is down
   * stays so until it has proved itself: after a failure one address comes after the other.
   */
  reset(nowMillis: number): void {
    if (this.#verdict !== 'down') this.#stand('unknown', undefined, nowMillis);
    this.#beginAnew();
  }

  standing(nowMillis: number): VerdictStanding {
    return {
      verdict: this.#verdict,
      sinceMillis: this.#sinceMillis,
      cause: this.#cause,
      figures: this.#figures.figures,
      goodRounds: this.#goodRounds,
      badRounds: this.#badRounds,
      holdMillis: this.#damping.holdMillis(nowMillis),
      goodSinceMillis: this.#goodSinceMillis,
      failures: this.#damping.failures(nowMillis),
      isHeldBack: this.#verdict === 'down' && this.#goodRounds >= this.#config.recover,
    };
  }

  #count({ isGood }: JudgedRound, round: ProbeRound): void {
    if (isGood) {
      this.#badRounds = 0;
      this.#goodRounds += 1;
      this.#goodSinceMillis ??= round.startedAtMillis;
    } else {
      this.#goodRounds = 0;
      this.#badRounds += 1;
      this.#goodSinceMillis = undefined;
      // What comes up must not be called lossy for the outage it had.
      if (this.#verdict === 'down') return this.#forgetFigures();
    }
    this.#figures.add(round);
    this.#compare();
  }

  #compare(): void {
    const { lossRatio, delayMillis } = this.#figures.figures;
    const { lossAbove, lossBelow, delay } = this.#config;
    if (lossRatio !== undefined)
      this.#isLossy = lossRatio > lossAbove || (this.#isLossy && lossRatio >= lossBelow);
    if (delayMillis !== undefined && delay !== undefined)
      this.#isSlow = delayMillis > delay.aboveMillis || (this.#isSlow && delayMillis >= delay.belowMillis);
  }

  #next(isGood: boolean, nowMillis: number): Verdict {
    const carrying = this.#isLossy || this.#isSlow ? 'degraded' : 'up';
    if (this.#verdict === 'down') return this.#mayReturn(nowMillis) ? carrying : 'down';
    if (this.#isBad) return 'down';
    return isGood ? carrying : this.#verdict;
  }

  get #isBad(): boolean {
    return this.#badRounds > this.#config.retries;
  }

  #mayReturn(nowMillis: number): boolean {
    if (this.#goodRounds < this.#config.recover || this.#goodSinceMillis === undefined) return false;
    return nowMillis - this.#goodSinceMillis >= this.#damping.holdMillis(nowMillis);
  }

  #causeOfDegradation(): FailureCause {
    if (this.#figures.isOverloaded(this.#config)) return 'overloaded';
    return this.#isLossy ? 'lossy' : 'slow';
  }

  #change(verdict: Exclude<Verdict, 'unknown'>, round: ProbeRound): VerdictChange {
    const before = verdict === this.#verdict ? 'unknown' : this.#verdict;
    const nowMillis = round.endedAtMillis;
    const figures = this.#figures.figures;
    // Of the recovery the hold that it had to last, of a failure the one to come.
    if (verdict === 'down' && this.#verdict !== 'down') this.#damping.failed(nowMillis);
    const holdMillis = this.#damping.holdMillis(nowMillis);
    if (before === 'down' || before === 'unknown') {
      if (verdict !== 'down') this.#damping.recovered(nowMillis);
    }
    const rounds = verdict === 'down' ? this.#badRounds : this.#goodRounds;
    const change = { before, verdict, cause: this.#cause, round, figures, rounds, holdMillis };
    const afterMillis = nowMillis - this.#sinceMillis;
    if (verdict !== this.#verdict) this.#sinceMillis = nowMillis;
    this.#verdict = verdict;
    this.#isTold = true;
    if (verdict === 'down') this.#forgetFigures();
    return { ...change, afterMillis };
  }

  #stand(verdict: Verdict, cause: FailureCause | undefined, nowMillis: number): void {
    this.#verdict = verdict;
    this.#cause = cause;
    this.#sinceMillis = nowMillis;
  }

  #beginAnew(): void {
    this.#goodRounds = 0;
    this.#badRounds = 0;
    this.#goodSinceMillis = undefined;
    this.#isTold = false;
    this.#forgetFigures();
  }

  #forgetFigures(): void {
    this.#figures.clear();
    this.#isLossy = false;
    this.#isSlow = false;
  }
}
