/** What a link's probe found, as a part of a sentence: who answered what, and the figures. */

import type { ProbeEvidence } from './event.ts';
import { formatMillis, formatRate, plural } from './quantity.ts';

/** Of a link that is up again: `after 12 s: 3 good rounds, 4 s had to pass; icmp 192.0.2.1 3/3 in 21 ms`. */
export function describeProbe(evidence: ProbeEvidence): string {
  const { afterMillis, rounds, holdMillis } = evidence;
  const hold = holdMillis === 0 ? '' : `, held back for ${formatMillis(holdMillis)}`;
  return `after ${formatMillis(afterMillis)}: ${plural(rounds, 'good round')}${hold}; ${describeTargets(evidence)}`;
}

export function describeTargets({ targets }: ProbeEvidence): string {
  const parts = targets.map(({ target, sent, answered, delayMillis, reason }) => {
    const delay = delayMillis === undefined ? '' : ` in ${formatMillis(delayMillis)}`;
    return `${target} ${answered}/${sent}${delay}${reason === undefined ? '' : ` (${reason})`}`;
  });
  return parts.join(', ');
}

export function describeLoad({ loadBps }: ProbeEvidence): string {
  return loadBps === undefined ? '' : `, while it carried ${formatRate(loadBps)}`;
}
