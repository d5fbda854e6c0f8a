/**
 * What the recorded rounds of a link would have led to with other settings.
 *
 * Contract: pure. Questions that were not asked can't be answered: a longer `interval` leaves rounds out, a shorter one
 * changes nothing, and `count`, `every`, `timeout` and the targets are those of the record.
 */

import type { ProbeConfig } from '../config/index.ts';
import { LinkVerdict, type VerdictChange } from './link-verdict.ts';
import type { RecordedRound } from './round-history.ts';

export type Replay = {
  /** After the first round; each with `round.endedAtMillis` as its time. */
  readonly changes: readonly VerdictChange[];
  readonly roundsUsed: number;
  readonly downMillis: number;
  readonly degradedMillis: number;
};

export function replayRounds(
  rounds: readonly RecordedRound[],
  config: ProbeConfig,
  rateBps: number | undefined,
): Replay {
  const used = rounds.filter(farEnoughApart(config.intervalMillis));
  const verdict = new LinkVerdict(config, rateBps, used[0]?.startedAtMillis ?? 0);
  const changes: VerdictChange[] = [];
  const spent = { unknown: 0, up: 0, degraded: 0, down: 0 };
  let before = used[0]?.startedAtMillis ?? 0;
  for (const round of used) {
    if (round.after === 'loss') verdict.lost(round.startedAtMillis);
    else if (round.after === 'gap') verdict.reset(round.startedAtMillis);
    else spent[verdict.standing(round.endedAtMillis).verdict] += round.endedAtMillis - before;
    before = round.endedAtMillis;
    const change = verdict.roundEnded(round);
    if (change !== undefined) changes.push(change);
  }
  return { changes, roundsUsed: used.length, downMillis: spent.down, degradedMillis: spent.degraded };
}

function farEnoughApart(intervalMillis: number): (round: RecordedRound) => boolean {
  let notBefore = Number.NEGATIVE_INFINITY;
  return ({ startedAtMillis, endedAtMillis }) => {
    // Timers are late by some milliseconds, and never early by more than one.
    if (startedAtMillis < notBefore - 1) return false;
    notBefore = endedAtMillis + intervalMillis;
    return true;
  };
}
