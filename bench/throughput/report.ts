/**
 * The result of a comparison as JSON, and the table that people read, both from the same figures.
 *
 * Contract: pure. A row's figure is the median over all rounds of all values; every single value is kept beside it.
 */
import { median } from '../../lab/ping.ts';
import type { Machine } from '../report/machine.ts';
import { markdownTable } from '../report/markdown.ts';
import { type Measure, measures, type RoundValues } from './measures.ts';
import { type Ratio, ratiosOf } from './ratios.ts';
import type { Rounds } from './rounds.ts';

export type Row = {
  readonly id: string;
  readonly title: string;
  readonly medians: Readonly<Record<Measure, number>>;
  readonly values: Readonly<Record<Measure, readonly number[]>>;
};

export type ThroughputReport = {
  readonly benchmark: 'throughput';
  readonly date: string;
  readonly machine: Machine;
  readonly settings: { readonly seconds: number; readonly rounds: number };
  readonly rows: readonly Row[];
  /** Ratio id to value. */
  readonly ratios: Readonly<Record<string, number>>;
  /** The same with title and, where there is one, target. */
  readonly comparisons: readonly Ratio[];
  readonly leftOut: readonly string[];
};

const measureNames = Object.keys(measures) as Measure[];

export function composeReport(
  contenders: readonly { readonly id: string; readonly title: string }[],
  { values, failures }: Rounds<RoundValues>,
  facts: Pick<ThroughputReport, 'date' | 'machine' | 'settings' | 'leftOut'>,
): ThroughputReport {
  const rows = contenders.flatMap(({ id, title }) => {
    const rounds = values.get(id) ?? [];
    return rounds.length === 0 ? [] : [rowOf(id, title, rounds)];
  });
  const ratios = ratiosOf((id, measure) => rows.find((row) => row.id === id)?.medians[measure]);
  return {
    benchmark: 'throughput',
    date: facts.date,
    machine: facts.machine,
    settings: facts.settings,
    rows,
    ratios: Object.fromEntries(ratios.map(({ id, value }) => [id, rounded(value)])),
    comparisons: ratios,
    leftOut: [...facts.leftOut, ...failures.map(({ id, reason }) => `${id} failed: ${reason}`)],
  };
}

function rowOf(id: string, title: string, rounds: readonly RoundValues[]): Row {
  const values = Object.fromEntries(
    measureNames.map((measure) => [measure, rounds.flatMap((round) => round[measure])]),
  ) as Record<Measure, number[]>;
  const medians = Object.fromEntries(
    measureNames.map((measure) => [measure, rounded(median(values[measure]))]),
  ) as Record<Measure, number>;
  return { id, title, medians, values };
}

export function reportMarkdown(report: ThroughputReport): string {
  const { machine, settings } = report;
  const head = [
    '',
    ...measureNames.map((measure) => `${measures[measure].title} (${measures[measure].unit})`),
  ];
  const rows = report.rows.map((row) => [
    row.title,
    ...measureNames.map((measure) => figure(row.medians[measure])),
  ]);
  return [
    `${report.date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, Node.js ${machine.node}; `,
    `medians of ${settings.rounds} interleaved rounds of ${settings.seconds} s each.`,
    '',
    markdownTable(head, rows),
    '',
    markdownTable(['ratio', 'value', 'target'], report.comparisons.map(ratioRow)),
    ...(report.leftOut.length === 0 ? [] : ['', ...report.leftOut.map((line) => `- ${line}`)]),
    '',
  ].join('\n');
}

function ratioRow({ title, value, target, met }: Ratio): string[] {
  if (target === undefined) return [title, value.toFixed(2), ''];
  const wanted = 'atLeast' in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
  return [title, value.toFixed(2), `${wanted} ${met ? 'met' : 'missed'}`];
}

/** Three significant digits are what such a measurement is worth. */
function figure(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : `${Number(value.toPrecision(3))}`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
