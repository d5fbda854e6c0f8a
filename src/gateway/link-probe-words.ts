/** What a link's probe found, in words and as evidence for the journal. */
import type { ProbedTarget, ProbeEvidence } from '../journal/event.ts';
import { formatMillis, plural } from '../journal/quantity.ts';
import { type FailureCause, failureCauses } from '../link/failure-cause.ts';
import type { VerdictChange, VerdictStanding } from '../link/link-verdict.ts';
import { median, type ProbeRound } from '../link/probe-round.ts';
import type { LinkProbe } from './link-probe.ts';

/** Why it is what it is from now on; without a full stop. */
export function describeVerdict(probe: LinkProbe, change: VerdictChange): string {
  const { verdict, cause, rounds, round } = change;
  if (verdict === 'up') return `${plural(rounds, 'good round')} in a row`;
  if (verdict === 'degraded') return degradation(cause, change.figures);
  const silent = silentTargets(probe, round);
  const who = silent.length === 0 ? '' : ` (${silent.join(', ')})`;
  return `${describeCause(cause)}, ${plural(rounds, 'bad round')} in a row${who}`;
}

/** Why it is not up, or what is wrong with a link that is up all the same. */
export function describeStanding(probe: LinkProbe): string | undefined {
  const { verdict, cause, figures, badRounds, goodRounds } = probe.standing;
  if (!probe.isProbing) return undefined;
  if (verdict === 'unknown') return 'no round has ended yet';
  if (verdict === 'degraded') return degradation(cause, figures);
  const last = probe.lastRound;
  const silent = last === undefined ? [] : silentTargets(probe, last);
  if (verdict === 'down') {
    const bad = badRounds > 0 ? `, ${plural(badRounds, 'bad round')} in a row` : '';
    const since = goodRounds > 0 ? `; ${plural(goodRounds, 'good round')} in a row since` : '';
    return `${describeCause(cause)}${bad}${since}`;
  }
  return silent.length === 0 ? undefined : `silent: ${silent.join(', ')}`;
}

function describeCause(cause: FailureCause | undefined): string {
  return cause === undefined ? 'too few targets answer' : failureCauses[cause];
}

function degradation(
  cause: FailureCause | undefined,
  { lossRatio, delayMillis }: VerdictStanding['figures'],
): string {
  const loss = lossRatio === undefined ? [] : [`${percent(lossRatio)} lost`];
  const delay = delayMillis === undefined ? [] : [`answers after ${formatMillis(delayMillis)}`];
  return `${describeCause(cause)}: ${[...loss, ...delay].join(', ')}`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

function silentTargets(probe: LinkProbe, { targets }: ProbeRound): string[] {
  return targets.flatMap(({ sent, delaysMillis }, index) =>
    sent > 0 && delaysMillis.length === 0 ? [probe.targets[index] ?? ''] : [],
  );
}

export function probeEvidence(probe: LinkProbe, change: VerdictChange): ProbeEvidence {
  const { lossRatio, delayMillis } = change.figures;
  const { loadBps } = change.round;
  return {
    ...(change.cause !== undefined && { cause: change.cause }),
    rule: probe.config.probe.rule,
    rounds: change.rounds,
    afterMillis: Math.round(change.afterMillis),
    holdMillis: Math.round(change.holdMillis),
    targets: probedTargets(probe, change.round),
    ...(lossRatio !== undefined && { lossRatio: Math.round(lossRatio * 1000) / 1000 }),
    ...(delayMillis !== undefined && { delayMillis: tenths(delayMillis) }),
    ...(loadBps !== undefined && { loadBps }),
  };
}

/** Those who were asked. */
export function probedTargets(probe: LinkProbe, round: ProbeRound): ProbedTarget[] {
  return round.targets.flatMap(({ sent, delaysMillis, reason, elsewhere }, index) => {
    if (sent === 0) return [];
    const delayMillis = median(delaysMillis);
    return [
      {
        target: probe.targets[index] ?? '',
        sent,
        answered: delaysMillis.length,
        ...(delayMillis !== undefined && { delayMillis: tenths(delayMillis) }),
        ...(reason !== undefined && { reason }),
        ...(elsewhere !== undefined && { elsewhere }),
      },
    ];
  });
}

/** A tenth of a millisecond is as exact as anything here is. */
function tenths(millis: number): number {
  return Math.round(millis * 10) / 10;
}
