/** Why a link on demand was dialled or hung up, as a part of a sentence: the figures, and what they are measured by. */

import type { DemandEvidence, DialEvidence, HangUpEvidence } from './event.ts';
import { formatMillis, formatRate } from './quantity.ts';

export function describeDial(evidence: DialEvidence): string {
  if (evidence.reason === 'internet') return 'no better link carries plain traffic to the internet';
  const { tunnel, reason } = evidence;
  const long = `for ${formatMillis(evidence.forMillis)}`;
  switch (reason) {
    case 'load':
      return `tunnel ${tunnel} uses ${use(evidence)} of its links, more than ${percent(evidence.threshold)} ${long}`;
    case 'queue': {
      const { queueMillis = 0, queueLimitMillis = 0 } = evidence;
      const queues = `${formatMillis(queueMillis)} and more in the queue of every line`;
      return `tunnel ${tunnel} has ${queues}, the limit is ${formatMillis(queueLimitMillis)}, ${long}`;
    }
    case 'noLink':
      return `no other link carries tunnel ${tunnel} ${long}`;
  }
}

export function describeHangUp(evidence: HangUpEvidence): string {
  switch (evidence.reason) {
    case 'spare':
      return describeSpare(evidence);
    case 'hours':
      return 'its hours have ended';
    case 'unneeded':
      return 'nothing needs it';
    case 'failed':
      return 'it failed';
    case 'stopping':
      return 'the daemon is stopping';
  }
}

function describeSpare(evidence: DemandEvidence): string {
  const { tunnel, usedBps = 0, capacityBps, threshold } = evidence;
  const long = `for ${formatMillis(evidence.forMillis)}`;
  if (threshold === undefined) return `another link carries tunnel ${tunnel} ${long}`;
  return capacityBps === undefined
    ? `tunnel ${tunnel} uses ${formatRate(usedBps)}, and the other links were never full, ${long}`
    : `tunnel ${tunnel} uses ${use(evidence)} of the other links, less than ${percent(threshold)} ${long}`;
}

/** `17 Mbit/s (86 %) of the 20 Mbit/s`. */
function use({ usedBps = 0, capacityBps = usedBps }: DemandEvidence): string {
  return `${formatRate(usedBps)} (${percent(usedBps / capacityBps)}) of the ${formatRate(capacityBps)}`;
}

function percent(share = 0): string {
  return `${Math.round(share * 100)} %`;
}
