/**
 * An event as one sentence for a person: who, what, and the evidence. The text may change between versions; programs
 * match on `kind` and read `evidence`.
 */

import { describeDial, describeHangUp } from './describe-demand.ts';
import { describeInternetLost, describeInternetMoved } from './describe-internet.ts';
import { describeLoad, describeProbe, describeTargets } from './describe-probe.ts';
import type { JournalEvent, PathEvidence } from './event.ts';
import { formatMillis, formatRate, plural } from './quantity.ts';
import { nameSubject } from './subject.ts';

/** One line, without the time, ending in a full stop; no control characters, whatever a stranger has sent. */
export function describe(event: JournalEvent): string {
  return `${printable(`${nameSubject(event.subject)} ${predicate(event)}`)}.`;
}

function predicate(event: JournalEvent): string {
  switch (event.kind) {
    case 'daemonStarted': {
      const { version, pid, links, tunnels } = event.evidence;
      return `started: version ${version}, process ${pid}, ${plural(links, 'link')}, ${plural(tunnels, 'tunnel')}`;
    }
    case 'daemonStopping':
      return `is stopping: ${event.evidence.reason}`;
    case 'networkApplied':
      return `changed the machine's network: ${first(event.evidence.changes, 'nothing to do')}`;
    case 'networkTrouble':
      return `could not bring the machine's network to the wanted state: ${first(event.evidence.problems, 'no reason given')}`;
    case 'adoptedLeftovers': {
      const { adopted, removed } = event.evidence;
      return `found what an earlier run left: adopted ${list(adopted, 'nothing')}; removed ${list(removed, 'nothing')}`;
    }
    case 'dataplaneRestarted':
      return `restarted its packet worker: ${event.evidence.reason}`;
    case 'diskTrouble':
      return `cannot write ${event.evidence.path}: ${event.evidence.reason}; the journal is kept in memory`;
    case 'diskRecovered':
      return recovered(event.evidence);
    case 'alarmReceiverFailed':
      return `cannot send alarms to ${event.evidence.receiver}: ${event.evidence.message}`;
    case 'alarmReceiverRecovered': {
      const { receiver, failedMillis } = event.evidence;
      return `can send alarms to ${receiver} again, after ${formatMillis(failedMillis)}`;
    }
    case 'hostileInput':
      return `dropped input that is not from its peers: ${counts(event.evidence.counts)}`;
    case 'internetMoved':
      return describeInternetMoved(event.evidence);
    case 'internetLost':
      return describeInternetLost(event.evidence);
    case 'linkUp': {
      const { interface: device, addresses, nextHops, probe } = event.evidence;
      if (probe !== undefined) return `is up again ${describeProbe(probe)} (${device})`;
      return `is up: ${list(addresses, 'no address')} on ${device}, next hop ${list(nextHops, 'none (on-link)')}`;
    }
    case 'linkDown': {
      const { interface: device, reason, probe } = event.evidence;
      return `is down: ${reason} (${device})${probe === undefined ? '' : `: ${describeTargets(probe)}`}`;
    }
    case 'linkDegraded': {
      const { interface: device, reason, probe } = event.evidence;
      return `is degraded: ${reason} (${device})${describeLoad(probe)}`;
    }
    case 'linkChanged': {
      const { what, before, after } = event.evidence;
      const thing = what === 'addresses' ? 'addresses' : 'next hops';
      return `has other ${thing}: ${list(before, 'none')} became ${list(after, 'none')}`;
    }
    case 'linkDialled':
      return `is dialled: ${describeDial(event.evidence)}`;
    case 'linkDialFailed': {
      const { code, message, retryMillis } = event.evidence;
      return `failed: ${code} ${message.replace(/\.$/, '')}; next attempt in ${formatMillis(retryMillis)}`;
    }
    case 'linkDialTryFailed': {
      const { code, message, tries, pauseMillis } = event.evidence;
      const what = `${code} ${message.replace(/\.$/, '')}`;
      return `did not come up at try ${event.evidence.try} of ${tries}: ${what}; next try in ${formatMillis(pauseMillis)}`;
    }
    case 'linkHungUp':
      return `is hung up${after(event.evidence.upMillis)}: ${describeHangUp(event.evidence)}`;
    case 'tunnelConnecting':
      return `is connecting to ${event.evidence.remote}, attempt ${event.evidence.attempt}`;
    case 'tunnelUp': {
      const { remote, fingerprint, interface: device, mtu, generation } = event.evidence;
      return `is up: ${device} (MTU ${mtu}) to ${remote}, key generation ${generation}, peer ${fingerprint}`;
    }
    case 'tunnelDown':
      return `is down${after(event.evidence.upMillis)}: ${event.evidence.reason}`;
    case 'tunnelRekeyed':
      return `has new keys, generation ${event.evidence.generation}: ${event.evidence.reason}`;
    case 'rekeyFailed': {
      const { generation, reason, retryMillis } = event.evidence;
      const retry = retryMillis === undefined ? '' : `; next attempt in ${formatMillis(retryMillis)}`;
      return `could not make keys of generation ${generation}: ${reason}${retry}`;
    }
    case 'pathAdded':
      return `was added: ${event.evidence.local} to ${event.evidence.remote}`;
    case 'pathRemoved':
      return `was removed: ${event.evidence.reason}`;
    case 'pathUp': {
      const { local, remote, rttMillis, downMillis } = event.evidence;
      const rtt = rttMillis === undefined ? '' : `, round trip ${formatMillis(rttMillis)}`;
      const gap = downMillis === undefined ? '' : `, after ${formatMillis(downMillis)} down`;
      return `is up: ${local} to ${remote}${rtt}${gap}`;
    }
    case 'pathSuspect':
      return `is suspect: ${pathEvidence(event.evidence)}`;
    case 'pathDown': {
      const reason = event.evidence.reason === undefined ? '' : `${event.evidence.reason}; `;
      return `is down: ${reason}${pathEvidence(event.evidence)}`;
    }
    case 'pathDemoted': {
      const { withBps, withoutBps, bestBps, pauseMillis } = event.evidence;
      const [withIt, without, best] = [withBps, withoutBps, bestBps].map(formatRate);
      return `is left out for ${formatMillis(pauseMillis)}: the tunnel carried ${withIt} with it and ${without} without, its best path alone ${best}`;
    }
    case 'pathRestored':
      return 'takes its part again';
    case 'pathMoved':
      return `has another remote address: ${event.evidence.before} became ${event.evidence.after}`;
    case 'pathCarrierChanged': {
      const { before, after, reason, answeredTrials, lastHeardMillis } = event.evidence;
      const trials = answeredTrials === 0 ? '' : `${plural(answeredTrials, 'trial')} answered, `;
      const heard = `last heard by ${before} ${formatMillis(lastHeardMillis)} ago`;
      return `is carried by ${after}, no longer by ${before}: ${reason} (${trials}${heard})`;
    }
    case 'pathMtuChanged': {
      const { before, after, reason } = event.evidence;
      return `takes packets of up to ${after} bytes, ${before} before: ${reason}`;
    }
    case 'pathProven':
      return `was proven over TCP: ${event.evidence.local} to ${event.evidence.remote}`;
    case 'pathUnproven': {
      const { local, remote, reason } = event.evidence;
      return `was not proven over TCP from ${local} to ${remote}: ${reason}`;
    }
    case 'peerRefused': {
      const key = event.evidence.fingerprint === undefined ? '' : ` (key ${event.evidence.fingerprint})`;
      return `was refused: ${event.evidence.reason}${key}`;
    }
    case 'controlError':
      return `failed on the control channel: ${event.evidence.code} ${event.evidence.message}`;
  }
}

function pathEvidence(evidence: PathEvidence): string {
  const parts = [`${plural(evidence.unansweredProbes, 'probe')} unanswered`];
  if (evidence.oldestUnacknowledgedMillis !== undefined)
    parts.push(`oldest packet unacknowledged for ${formatMillis(evidence.oldestUnacknowledgedMillis)}`);
  parts.push(
    evidence.lastHeardMillis === undefined
      ? 'never heard'
      : `last heard ${formatMillis(evidence.lastHeardMillis)} ago`,
  );
  if (evidence.rttMillis !== undefined) parts.push(`usual round trip ${formatMillis(evidence.rttMillis)}`);
  return parts.join(', ');
}

function recovered(evidence: { path: string; entriesWritten: number; entriesLost: number }): string {
  const lost = evidence.entriesLost === 0 ? '' : `, ${plural(evidence.entriesLost, 'entry', 'entries')} lost`;
  return `can write ${evidence.path} again: ${plural(evidence.entriesWritten, 'entry', 'entries')} made up for${lost}`;
}

function counts(byReason: Readonly<Record<string, number>>): string {
  const parts = Object.entries(byReason)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`);
  return list(parts, 'nothing');
}

function after(upMillis: number | undefined): string {
  return upMillis === undefined ? '' : ` after ${formatMillis(upMillis)}`;
}

/** The evidence has them all; a line of a screen has room for a few. */
function first(items: readonly string[], empty: string): string {
  const shown = 3;
  const more = items.length - shown;
  return list(items.slice(0, shown), empty) + (more > 0 ? `, and ${more} more` : '');
}

function list(items: readonly string[], empty: string): string {
  return items.length === 0 ? empty : items.join(', ');
}

function printable(text: string): string {
  // A refused peer's names reach the operator's terminal: no escape sequences, no line breaks.
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
