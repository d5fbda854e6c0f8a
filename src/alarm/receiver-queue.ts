/**
 * What waits for one receiver.
 *
 * Contract: pure; every receiver has its own, so that none waits for another. One alarm is under way at a time. A later alarm of a matter
 * takes the place of the waiting one, so the last one that is sent is the true state; an alarm that failed goes again unless a
 * later one of its matter waits. When more than `mostMatters` wait, the oldest of the least severe are given up and counted.
 * After a failure the pause doubles up to `longestPauseMillis`. Times are milliseconds of a clock that does not jump.
 * Source: P7.
 */

import { type Alarm, type SentAlarm, severities } from './alarm.ts';

const firstPauseMillis = 2_000;
/** A receiver that is back gets what it missed within this time. */
const longestPauseMillis = 60_000;
/** More than a gateway has links, tunnels and paths that fail together, and less than a megabyte. */
const mostMatters = 256;

type Waiting = { readonly alarm: Alarm; replaced: number };

export class ReceiverQueue {
  /** By matter, in the order in which their newest alarms came. */
  readonly #waiting = new Map<string, Waiting>();
  #underWay: Waiting | undefined;
  #omitted = 0;
  #omittedUnderWay = 0;
  #pauseMillis = 0;
  #retryAtMillis = 0;
  #failedSinceMillis: number | undefined;

  /** @param before what an earlier run had not sent, oldest first */
  constructor(before: readonly Alarm[] = []) {
    for (const alarm of before) this.put(alarm);
  }

  /** What is not delivered yet, oldest first. */
  get pending(): readonly Alarm[] {
    const waiting = [...this.#waiting.values()].map(({ alarm }) => alarm);
    return this.#underWay === undefined ? waiting : [this.#underWay.alarm, ...waiting];
  }

  put(alarm: Alarm): void {
    const earlier = this.#waiting.get(alarm.matter);
    this.#waiting.delete(alarm.matter);
    this.#waiting.set(alarm.matter, { alarm, replaced: earlier === undefined ? 0 : earlier.replaced + 1 });
    if (this.#waiting.size > mostMatters) this.#giveUpOne();
  }

  /** The next to be sent, from now on under way; undefined: nothing, or not yet. */
  take(nowMillis: number): SentAlarm | undefined {
    if (this.#underWay !== undefined || nowMillis < this.#retryAtMillis) return undefined;
    const [next] = this.#waiting.values();
    if (next === undefined) return undefined;
    this.#waiting.delete(next.alarm.matter);
    this.#underWay = next;
    this.#omittedUnderWay = this.#omitted;
    return { ...next.alarm, replaced: next.replaced, omitted: this.#omitted };
  }

  /** @returns how long it had failed before, when it had */
  delivered(nowMillis: number): number | undefined {
    this.#underWay = undefined;
    this.#omitted -= this.#omittedUnderWay;
    this.#pauseMillis = 0;
    this.#retryAtMillis = 0;
    const since = this.#failedSinceMillis;
    this.#failedSinceMillis = undefined;
    return since === undefined ? undefined : nowMillis - since;
  }

  /** @returns whether that is new: it had worked before */
  failed(nowMillis: number): boolean {
    this.#putBack();
    this.#pauseMillis = Math.min(Math.max(this.#pauseMillis * 2, firstPauseMillis), longestPauseMillis);
    this.#retryAtMillis = nowMillis + this.#pauseMillis;
    const isNew = this.#failedSinceMillis === undefined;
    this.#failedSinceMillis ??= nowMillis;
    return isNew;
  }

  /** When `take` is worth another try; undefined: when something is put or has ended. */
  nextDeadline(): number | undefined {
    return this.#underWay === undefined && this.#waiting.size > 0 ? this.#retryAtMillis : undefined;
  }

  get isFailing(): boolean {
    return this.#failedSinceMillis !== undefined;
  }

  #putBack(): void {
    const failed = this.#underWay;
    this.#underWay = undefined;
    if (failed === undefined) return;
    const later = this.#waiting.get(failed.alarm.matter);
    if (later !== undefined) {
      later.replaced += failed.replaced + 1;
      return;
    }
    const others = [...this.#waiting];
    this.#waiting.clear();
    this.#waiting.set(failed.alarm.matter, failed);
    for (const [matter, waiting] of others) this.#waiting.set(matter, waiting);
    if (this.#waiting.size > mostMatters) this.#giveUpOne();
  }

  #giveUpOne(): void {
    for (const severity of severities) {
      const found = [...this.#waiting].find(([, { alarm }]) => alarm.severity === severity);
      if (found === undefined) continue;
      this.#waiting.delete(found[0]);
      this.#omitted += 1 + found[1].replaced;
      return;
    }
  }
}
