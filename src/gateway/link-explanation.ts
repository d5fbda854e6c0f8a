/** Composes what the API says about one link from its probe (`api/link-document.ts` says what the fields mean). */
import type {
  LinkDocument,
  ProbeDocument,
  ProbeSettings,
  RoundDocument,
  TrialDocument,
  TrialOutcome,
  VerdictDocument,
} from '../api/link-document.ts';
import type { LinkStatus } from '../api/status.ts';
import type { ProbeConfig } from '../config/index.ts';
import { parseProbeTrial } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import type { VerdictChange } from '../link/link-verdict.ts';
import type { ProbeRound } from '../link/probe-round.ts';
import { formatTarget } from '../link/probe-target.ts';
import type { Replay } from '../link/verdict-replay.ts';
import { monotonicMillis } from './context.ts';
import type { LinkProbe } from './link-probe.ts';
import { wallTime } from './link-probe-status.ts';
import { describeVerdict, probedTargets, probeEvidence } from './link-probe-words.ts';

const SHOWN_ROUNDS = 10;
const SHOWN_CHANGES = 1000;

/** @throws BackstayError BS_LINK_UNKNOWN */
export function explainLink(
  name: string,
  links: readonly LinkStatus[],
  probe: LinkProbe | undefined,
): LinkDocument {
  const link = known(name, links);
  const time = new Date().toISOString();
  return probe === undefined ? { time, link } : { time, link, probe: probeDocument(probe) };
}

/** @throws BackstayError BS_LINK_UNKNOWN, BS_LINK_NOT_PROBED, BS_API_BAD_REQUEST */
export function tryLink(
  name: string,
  words: Readonly<Record<string, string>>,
  links: readonly LinkStatus[],
  probe: LinkProbe | undefined,
): TrialDocument {
  known(name, links);
  if (probe === undefined)
    throw new BackstayError('BS_LINK_NOT_PROBED', `Link ${name} is not probed.`, { place: name });
  const trial = parseProbeTrial(words);
  if (!trial.ok) throw new BackstayError('BS_API_BAD_REQUEST', trial.message, { place: trial.place });
  const settings = trial.apply(probe.config.probe);
  return {
    time: new Date().toISOString(),
    name,
    settings: settingsOf(settings),
    recorded: recordedOf(probe),
    tried: outcomeOf(probe.replay(settings)),
    configured: outcomeOf(probe.replay({})),
  };
}

function known(name: string, links: readonly LinkStatus[]): LinkStatus {
  const link = links.find((it) => it.name === name);
  if (link === undefined)
    throw new BackstayError('BS_LINK_UNKNOWN', 'There is no such link.', { place: name });
  return link;
}

function probeDocument(probe: LinkProbe): ProbeDocument {
  const { goodRounds, badRounds, failures, holdMillis, goodSinceMillis } = probe.standing;
  return {
    settings: settingsOf(probe.config.probe),
    goodRounds,
    badRounds,
    failures,
    holdMillis,
    ...(goodSinceMillis !== undefined && { goodForMillis: Math.round(monotonicMillis() - goodSinceMillis) }),
    changes: probe.changes.map((change) => verdictDocument(probe, change)),
    rounds: probe.rounds(SHOWN_ROUNDS).map((round) => roundDocument(probe, round)),
    recorded: recordedOf(probe),
  };
}

function settingsOf({ targets, delay, ...rest }: ProbeConfig): ProbeSettings {
  const delays = delay && { delayAboveMillis: delay.aboveMillis, delayBelowMillis: delay.belowMillis };
  return { targets: targets.map(formatTarget), ...rest, ...delays };
}

function verdictDocument(probe: LinkProbe, change: VerdictChange): VerdictDocument {
  const { before, verdict, round } = change;
  const reason = describeVerdict(probe, change);
  return {
    at: wallTime(round.endedAtMillis),
    before,
    verdict,
    reason,
    evidence: probeEvidence(probe, change),
  };
}

function roundDocument(probe: LinkProbe, round: ProbeRound): RoundDocument {
  return {
    at: wallTime(round.endedAtMillis),
    tookMillis: Math.round(round.endedAtMillis - round.startedAtMillis),
    targets: probedTargets(probe, round),
    ...(round.loadBps !== undefined && { loadBps: round.loadBps }),
  };
}

function recordedOf(probe: LinkProbe): { rounds: number; since?: string } {
  const rounds = probe.rounds();
  const [first] = rounds;
  return { rounds: rounds.length, ...(first !== undefined && { since: wallTime(first.startedAtMillis) }) };
}

function outcomeOf({ changes, roundsUsed, downMillis, degradedMillis }: Replay): TrialOutcome {
  return {
    rounds: roundsUsed,
    downs: changes.filter(({ verdict }) => verdict === 'down').length,
    downMillis: Math.round(downMillis),
    degradedMillis: Math.round(degradedMillis),
    changes: changes.slice(0, SHOWN_CHANGES).map(({ before, verdict, cause, round }) => {
      return { at: wallTime(round.endedAtMillis), before, verdict, ...(cause !== undefined && { cause }) };
    }),
  };
}
