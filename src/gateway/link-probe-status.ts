/** A link's probe as the status document and `link explain` show it. */
import type { LinkProbeStatus } from '../api/status.ts';
import { monotonicMillis } from './context.ts';
import type { LinkProbe } from './link-probe.ts';
import { probedTargets } from './link-probe-words.ts';

export function probeStatus(probe: LinkProbe, reason: string | undefined): LinkProbeStatus {
  const { verdict, sinceMillis, cause, figures } = probe.standing;
  const last = probe.lastRound;
  const { lossRatio, delayMillis } = figures;
  return {
    verdict,
    since: wallTime(sinceMillis),
    ...(cause !== undefined && { cause }),
    ...(reason !== undefined && { reason }),
    ...(lossRatio !== undefined && { lossRatio }),
    ...(delayMillis !== undefined && { delayMillis: Math.round(delayMillis * 10) / 10 }),
    targets: last === undefined ? [] : probedTargets(probe, last),
  };
}

/** What the wall clock would have shown, if it was not set meanwhile. */
export function wallTime(atMillis: number): string {
  return new Date(Date.now() - (monotonicMillis() - atMillis)).toISOString();
}
