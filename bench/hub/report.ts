/**
 * The result of the benchmark of the centre as JSON and as text, with a verdict on each target.
 *
 * Contract: pure. Figures are medians over the rounds; memory is told per tunnel, the first one not counted.
 */
import { median } from '../../lab/ping.ts';
import type { Machine } from '../report/machine.ts';
import { markdownTable } from '../report/markdown.ts';
import type { CentreFigures, HubOutcome, HubSettings } from './run-hub.ts';

export type HubVerdict = { readonly target: string; readonly kept: boolean; readonly evidence: string };

export type HubReport = {
  readonly benchmark: 'hub';
  readonly date: string;
  readonly machine: Machine;
  readonly settings: HubSettings;
  /** The longest of all rounds. */
  readonly upMillis: number;
  readonly kilobytesPerTunnel: number;
  /** Throughput of the one stream with all tunnels over that with one. */
  readonly ratio: number;
  readonly outcome: HubOutcome;
  readonly verdicts: readonly HubVerdict[];
};

const MOST_UP_MILLIS = 60_000;
const MOST_KILOBYTES = 100;
const LEAST_RATIO = 0.8;

export function composeHubReport(
  outcome: HubOutcome,
  facts: Pick<HubReport, 'date' | 'machine' | 'settings'>,
): HubReport {
  const { tunnels } = facts.settings;
  const upMillis = Math.max(...outcome.all.map((figures) => figures.upMillis));
  const grown = middle(outcome.all, 'residentBytes') - middle(outcome.one, 'residentBytes');
  const kilobytesPerTunnel = grown / 1000 / (tunnels - 1);
  const ratio = middle(outcome.all, 'streamMbit') / middle(outcome.one, 'streamMbit');
  const { date, machine, settings } = facts;
  return {
    benchmark: 'hub',
    date,
    machine,
    settings,
    upMillis,
    kilobytesPerTunnel: Number(kilobytesPerTunnel.toFixed(1)),
    ratio: Number(ratio.toFixed(3)),
    outcome,
    verdicts: [
      {
        target: `all ${tunnels} tunnels are up within ${seconds(MOST_UP_MILLIS)} s`,
        kept: upMillis <= MOST_UP_MILLIS,
        evidence: `${outcome.all.map((figures) => seconds(figures.upMillis)).join(', ')} s`,
      },
      {
        target: `a tunnel takes at most ${MOST_KILOBYTES} KB of resident memory`,
        kept: kilobytesPerTunnel <= MOST_KILOBYTES,
        evidence: `${kilobytesPerTunnel.toFixed(1)} KB`,
      },
      {
        target: `a busy tunnel keeps ${LEAST_RATIO} of its speed`,
        kept: ratio >= LEAST_RATIO,
        evidence: `${middle(outcome.all, 'streamMbit')} of ${middle(outcome.one, 'streamMbit')} Mbit/s, ratio ${ratio.toFixed(2)}`,
      },
    ],
  };
}

export function hubMarkdown(report: HubReport): string {
  const { machine, settings, outcome } = report;
  const rows = (
    ['startMillis', 'upMillis', 'residentBytes', 'idleProcessorPercent', 'streamMbit'] as const
  ).map((figure) => [figureNames[figure], shown(outcome.one, figure), shown(outcome.all, figure)]);
  return [
    `${report.date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, Node.js ${machine.node}; `,
    `medians of ${settings.rounds} rounds.`,
    '',
    markdownTable(
      ['target', 'kept', 'evidence'],
      report.verdicts.map(({ target, kept, evidence }) => [target, kept ? 'yes' : 'NO', evidence]),
    ),
    '',
    markdownTable(['the centre', 'one tunnel', `${settings.tunnels} tunnels`], rows),
    '',
  ].join('\n');
}

const figureNames: Record<keyof CentreFigures, string> = {
  startMillis: 'start of the daemon (s)',
  upMillis: 'all tunnels up (s)',
  residentBytes: 'resident memory (MB)',
  idleProcessorPercent: 'idle: % of a processor',
  streamMbit: 'one TCP stream (Mbit/s)',
};

function shown(rounds: readonly CentreFigures[], figure: keyof CentreFigures): string {
  const value = middle(rounds, figure);
  if (figure === 'residentBytes') return (value / 1e6).toFixed(1);
  if (figure === 'startMillis' || figure === 'upMillis') return seconds(value);
  return value.toFixed(figure === 'streamMbit' ? 0 : 1);
}

function middle(rounds: readonly CentreFigures[], figure: keyof CentreFigures): number {
  return median(rounds.map((figures) => figures[figure]));
}

function seconds(millis: number): string {
  return (millis / 1000).toFixed(millis % 1000 === 0 ? 0 : 1);
}
