/**
 * The result of the soak: is memory flat, and how high did it get.
 *
 * Contract: pure.
 */
import type { Machine } from '../report/machine.ts';
import { markdownTable } from '../report/markdown.ts';
import type { SoakOutcome, SoakSample, SoakSettings } from './run-soak.ts';
import { plot, type Sample, slopePerMinute } from './series.ts';

export type Flatness = {
  readonly slopeMebibytesPerMinute: number;
  readonly maxMebibytes: number;
  readonly plot: string;
};

export type SoakReport = {
  readonly benchmark: 'soak';
  readonly date: string;
  readonly machine: Machine;
  readonly settings: SoakSettings;
  readonly resident: Readonly<Record<'a' | 'b', Flatness>>;
  readonly anonymous: Readonly<Record<'a' | 'b', Flatness>>;
  readonly kept: boolean;
  readonly outcome: SoakOutcome;
};

const MEBIBYTE = 1 << 20;
const MOST_MEBIBYTES = 200;
/** Over ten minutes this is less than what the runtime's own housekeeping moves. */
const MOST_SLOPE = 1;

export function composeSoakReport(
  outcome: SoakOutcome,
  facts: Pick<SoakReport, 'date' | 'machine' | 'settings'>,
): SoakReport {
  const both = (kind: 'resident' | 'anonymous') => ({
    a: flatness(outcome, (sample) => sample.a[kind]),
    b: flatness(outcome, (sample) => sample.b[kind]),
  });
  const resident = both('resident');
  const flat = Object.values(resident).every(
    ({ slopeMebibytesPerMinute: slope, maxMebibytes }) => slope < MOST_SLOPE && maxMebibytes < MOST_MEBIBYTES,
  );
  const { date, machine, settings } = facts;
  const kept = flat && outcome.survived && outcome.load.brokenStreams.length === 0;
  return {
    benchmark: 'soak',
    date,
    machine,
    settings,
    resident,
    anonymous: both('anonymous'),
    kept,
    outcome,
  };
}

function flatness({ samples, warmUpMillis }: SoakOutcome, pick: (sample: SoakSample) => number): Flatness {
  const series: Sample[] = samples.map((sample) => ({
    atMillis: sample.atMillis,
    value: pick(sample) / MEBIBYTE,
  }));
  const judged = series.filter(({ atMillis }) => atMillis >= warmUpMillis);
  return {
    slopeMebibytesPerMinute: Number(slopePerMinute(judged).toFixed(3)),
    maxMebibytes: Number(Math.max(...series.map(({ value }) => value)).toFixed(1)),
    plot: plot(series),
  };
}

export function soakMarkdown(report: SoakReport): string {
  const { machine, settings, outcome } = report;
  const row = (side: 'a' | 'b', kind: 'resident' | 'anonymous') => {
    const { slopeMebibytesPerMinute, maxMebibytes } = report[kind][side];
    return [`gateway ${side.toUpperCase()}, ${kind} memory`, `${slopeMebibytesPerMinute}`, `${maxMebibytes}`];
  };
  return [
    `${report.date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, Node.js ${machine.node}; `,
    `${settings.minutes} minutes, new keys every ${settings.rekeyAfter} (${outcome.generations} generations), ${outcome.load.cuts} link failures, ${outcome.load.streams} streams, ${outcome.load.brokenStreams.length} broken, ${outcome.load.carriedGigabytes.toFixed(1)} GB carried.`,
    '',
    markdownTable(
      ['', `growth after ${Math.round(outcome.warmUpMillis / 1000)} s (MiB/min)`, 'highest (MiB)'],
      [row('a', 'resident'), row('b', 'resident'), row('a', 'anonymous'), row('b', 'anonymous')],
    ),
    '',
    '```',
    `A  ${report.resident.a.plot}`,
    `B  ${report.resident.b.plot}`,
    '```',
    '',
  ].join('\n');
}
