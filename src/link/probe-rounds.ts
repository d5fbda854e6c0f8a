/**
 * When a link's targets are asked, and what came of it: one round after the other.
 *
 *     waiting ──interval──▶ asking: `count` questions to each target, `every` apart ──▶ … all answered or too late ──▶ waiting
 *
 * Contract: pure; times are milliseconds of a clock that does not jump. `poll` is called at `nextDeadline` or earlier and
 * says what is to be asked now, and how a round ended. A question has a number of 16 bits; an answer counts once, and only
 * within `timeout`. What is under way is bounded by `count` times the targets. Source: S1.1, seed figure 3 (steps 210, 230).
 */

import type { ProbeConfig } from '../config/index.ts';
import type { ProbeRound } from './probe-round.ts';

export type RoundTimes = Pick<ProbeConfig, 'count' | 'everyMillis' | 'timeoutMillis' | 'intervalMillis'>;

export type RoundStep =
  | { readonly type: 'ask'; readonly target: number; readonly question: number }
  | { readonly type: 'ended'; readonly round: ProbeRound };

type Asked = { readonly target: number; readonly atMillis: number };
type Tally = { sent: number; readonly delaysMillis: number[]; reason: string | undefined };

export class ProbeRounds {
  readonly #times: RoundTimes;
  readonly #targets: number;
  readonly #waiting = new Map<number, Asked>();
  #tallies: Tally[] = [];
  /** Questions per target of this round that were asked; -1 between rounds. */
  #turn = -1;
  #startedAtMillis: number;
  #question: number;

  /** @param firstQuestion 0 to 65535: what an earlier prober asked must not answer this one */
  constructor(times: RoundTimes, targets: number, firstQuestion: number, nowMillis: number) {
    this.#times = times;
    this.#targets = targets;
    this.#question = firstQuestion & 0xffff;
    this.#startedAtMillis = nowMillis;
  }

  poll(nowMillis: number): RoundStep[] {
    const steps: RoundStep[] = [];
    if (this.#turn < 0) {
      if (nowMillis < this.#startedAtMillis) return steps;
      this.#begin(nowMillis);
    }
    if (this.#turn < this.#times.count && nowMillis >= this.#nextTurnMillis)
      steps.push(...this.#ask(nowMillis));
    this.#expire(nowMillis);
    if (this.#turn === this.#times.count && this.#waiting.size === 0) steps.push(this.#end(nowMillis));
    return steps;
  }

  get nextDeadlineMillis(): number {
    if (this.#turn < 0) return this.#startedAtMillis;
    if (this.#turn < this.#times.count) return this.#nextTurnMillis;
    const [oldest] = this.#waiting.values();
    return oldest === undefined ? this.#startedAtMillis : oldest.atMillis + this.#times.timeoutMillis;
  }

  /** Whether an answer may come. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** @returns the target; undefined when the answer does not count: unknown, a repetition, or too late */
  answered(question: number, delayMillis: number): number | undefined {
    const asked = this.#waiting.get(question);
    if (asked === undefined || delayMillis < 0 || delayMillis > this.#times.timeoutMillis) return undefined;
    this.#waiting.delete(question);
    this.#tallies[asked.target]?.delaysMillis.push(delayMillis);
    return asked.target;
  }

  /** It will not be answered. */
  failed(question: number, reason: string): void {
    const asked = this.#waiting.get(question);
    const tally = asked && this.#tallies[asked.target];
    this.#waiting.delete(question);
    if (tally !== undefined) tally.reason = reason;
  }

  /** There is nobody to be asked: as if it had not been. */
  withdrawn(question: number): void {
    const asked = this.#waiting.get(question);
    const tally = asked && this.#tallies[asked.target];
    this.#waiting.delete(question);
    if (tally !== undefined) tally.sent -= 1;
  }

  get #nextTurnMillis(): number {
    return this.#startedAtMillis + this.#turn * this.#times.everyMillis;
  }

  #begin(nowMillis: number): void {
    this.#turn = 0;
    this.#startedAtMillis = nowMillis;
    this.#tallies = Array.from({ length: this.#targets }, () => {
      return { sent: 0, delaysMillis: [], reason: undefined };
    });
  }

  #ask(nowMillis: number): RoundStep[] {
    this.#turn += 1;
    return this.#tallies.map((tally, target) => {
      const question = this.#question;
      this.#question = (question + 1) & 0xffff;
      tally.sent += 1;
      this.#waiting.set(question, { target, atMillis: nowMillis });
      return { type: 'ask', target, question };
    });
  }

  /** In the order of asking, so the first that is young ends it. */
  #expire(nowMillis: number): void {
    for (const [question, { atMillis }] of this.#waiting) {
      if (nowMillis - atMillis < this.#times.timeoutMillis) return;
      this.#waiting.delete(question);
    }
  }

  #end(nowMillis: number): RoundStep {
    const targets = this.#tallies.map(({ sent, delaysMillis, reason }) =>
      reason === undefined ? { sent, delaysMillis } : { sent, delaysMillis, reason },
    );
    const round = { startedAtMillis: this.#startedAtMillis, endedAtMillis: nowMillis, targets };
    this.#turn = -1;
    this.#startedAtMillis = nowMillis + this.#times.intervalMillis;
    return { type: 'ended', round };
  }
}
