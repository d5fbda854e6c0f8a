/** What the daemon says about one link as a person reads it: why it is as it is, and what other settings would have led to. */

import type { LinkDocument, ProbeDocument, TrialDocument, TrialOutcome } from '../api/link-document.ts';
import type { LinkProbeStatus } from '../api/status.ts';
import type { ProbedTarget } from '../journal/event.ts';
import { formatMillis, plural } from '../journal/quantity.ts';
import { type Cell, formatColumns } from './columns.ts';
import type { Palette } from './terminal.ts';

export function formatLink({ time, link, probe }: LinkDocument, palette: Palette): string {
  const title = (state: string, rest: string) =>
    `${palette.strong(`Link ${link.name}`)} is ${paint(state, palette)}${rest}\n`;
  const place: [string, string] = ['interface', [link.interface, ...link.addresses].join(', ')];
  if (link.state === 'down' || link.probe === undefined || probe === undefined) {
    const reason = link.reason === undefined ? '' : `: ${link.reason}`;
    const note =
      link.probe === undefined
        ? [['probe', 'none is configured (docs/link-probes.md)'] as [string, string]]
        : [];
    return title(link.state, reason) + facts([place, ...note], palette);
  }
  const since = ` for ${formatMillis(Date.parse(time) - Date.parse(link.probe.since))}`;
  const reason = link.probe.reason === undefined ? '' : `: ${link.probe.reason}`;
  const rows = [place, ...probeFacts(link.probe, probe)];
  return (
    title(link.probe.verdict, since + reason) + facts(rows, palette) + tables(link.probe, probe, palette)
  );
}

function probeFacts(status: LinkProbeStatus, probe: ProbeDocument): [string, string][] {
  const { settings, failures, holdMillis, goodForMillis, recorded } = probe;
  const { lossRatio, delayMillis, cause } = status;
  const hold = holdMillis === 0 ? '' : `; good for ${formatMillis(holdMillis)} before it is up again`;
  const goodFor = goodForMillis === undefined ? '' : `, good for ${formatMillis(goodForMillis)}`;
  return [
    ...(cause === undefined ? [] : [['cause', cause] as [string, string]]),
    [
      'rule',
      `${rules[settings.rule]} must answer at least ${settings.answers} of ${plural(settings.count, 'question')}`,
    ],
    ['down', `after ${plural(settings.retries + 1, 'bad round')} in a row; ${probe.badRounds} now`],
    ['up', `after ${plural(settings.recover, 'good round')} in a row; ${probe.goodRounds} now${goodFor}`],
    ['failures', failures === 0 ? 'none' : `${failures} not forgiven yet${hold}`],
    ...(lossRatio === undefined ? [] : [['loss', percent(lossRatio)] as [string, string]]),
    ...(delayMillis === undefined ? [] : [['delay', formatMillis(delayMillis)] as [string, string]]),
    ['recorded', plural(recorded.rounds, 'round')],
  ];
}

const rules = { all: 'all targets', most: 'at least half of the targets', any: 'one target' } as const;

function tables(status: LinkProbeStatus, { changes }: ProbeDocument, palette: Palette): string {
  const targets = status.targets.map((target) => targetRow(target, palette));
  const history = changes
    .slice(-5)
    .map(({ at, before, verdict, reason }): Cell[] => [
      at.replace('T', ' '),
      `${before} → ${verdict}`,
      reason,
    ]);
  const heads = [
    ['TARGET', 'ANSWERED', 'DELAY', 'ELSEWHERE', ''],
    ['CHANGE', 'VERDICT', 'REASON'],
  ].map((titles) => titles.map((text): Cell => ({ text, paint: palette.faint })));
  return (
    (targets.length === 0 ? '' : formatColumns([heads[0] ?? [], ...targets], '  ')) +
    (history.length === 0 ? '' : formatColumns([heads[1] ?? [], ...history], '  '))
  );
}

function targetRow(
  { target, sent, answered, delayMillis, reason, elsewhere }: ProbedTarget,
  palette: Palette,
): Cell[] {
  return [
    target,
    { text: `${answered}/${sent}`, paint: answered === 0 ? palette.bad : palette.good },
    delayMillis === undefined ? '-' : formatMillis(delayMillis),
    elsewhere ?? '-',
    reason === undefined ? '' : `(${reason})`,
  ];
}

export function formatTrial({ name, recorded, tried, configured }: TrialDocument, palette: Palette): string {
  const span = recorded.since === undefined ? '' : ` since ${recorded.since.replace('T', ' ')}`;
  const title = `${palette.strong(`Link ${name}`)}: ${plural(recorded.rounds, 'recorded round')}${span}\n`;
  const head = ['', 'ROUNDS', 'DOWN', 'TIME DOWN', 'TIME DEGRADED'].map(
    (text): Cell => ({ text, paint: palette.faint }),
  );
  const rows = [head, outcomeRow('tried', tried), outcomeRow('configured', configured)];
  const changes = tried.changes.map(({ at, before, verdict, cause }): Cell[] => [
    at.replace('T', ' '),
    `${before} → ${verdict}`,
    cause ?? '',
  ]);
  return title + formatColumns(rows, '  ') + formatColumns(changes, '  ');
}

function outcomeRow(name: string, { rounds, downs, downMillis, degradedMillis }: TrialOutcome): Cell[] {
  return [
    name,
    String(rounds),
    plural(downs, 'time'),
    formatMillis(downMillis),
    formatMillis(degradedMillis),
  ];
}

function facts(rows: readonly [string, string][], palette: Palette): string {
  return formatColumns(
    rows.map(([name, value]): Cell[] => [{ text: name, paint: palette.faint }, value]),
    '  ',
  );
}

function paint(state: string, palette: Palette): string {
  if (state === 'up') return palette.good(state);
  return state === 'down' ? palette.bad(state) : palette.warn(state);
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}
