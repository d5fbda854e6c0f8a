/**
 * The result of the bonding benchmark: one row per profile and number of streams.
 *
 * Contract: pure. `met` says whether a row reaches the efficiency that is asked of its profile and is not slower than
 * the best link alone.
 */
import type { ProfileName } from '../../lab/profiles.ts';
import type { Machine } from '../report/machine.ts';
import { markdownTable } from '../report/markdown.ts';
import type { BondingRow, BondingSettings } from './measure.ts';

export type BondingReport = {
  readonly benchmark: 'bonding';
  readonly date: string;
  readonly machine: Machine;
  readonly settings: BondingSettings;
  readonly rows: readonly (BondingRow & { readonly asked: number | null; readonly met: boolean })[];
};

/** Least efficiency with one stream. */
const askedOfOne: Partial<Record<ProfileName, number>> = {
  equal: 0.97,
  uneven: 0.95,
  far: 0.9,
  lossy: 0.9,
  four: 0.92,
};
/** With eight; a lossy link keeps even eight streams from filling it. */
const ASKED_OF_EIGHT = 0.97;
const ASKED_OF_EIGHT_LOSSY = 0.93;

export function composeBondingReport(
  rows: readonly BondingRow[],
  facts: Pick<BondingReport, 'date' | 'machine' | 'settings'>,
): BondingReport {
  return { benchmark: 'bonding', ...facts, rows: rows.map(judged) };
}

export function bondingMarkdown({ date, machine, settings, rows }: BondingReport): string {
  const head = [
    'profile',
    'streams',
    'each link alone (Mbit/s)',
    'bundle (Mbit/s)',
    'efficiency',
    'asked',
    'sent again',
  ];
  const body = rows.map((row) => [
    row.profile,
    `${row.streams}`,
    row.single.map((mbit) => mbit.toFixed(1)).join(' + '),
    row.bundle.toFixed(1),
    row.efficiency.toFixed(2),
    row.asked === null ? '' : `${row.asked.toFixed(2)} ${row.met ? 'met' : 'missed'}`,
    `${row.retransmits}`,
  ]);
  const rates = settings.declareRates ? 'with configured rates' : 'without configured rates';
  return [
    `${date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, Node.js ${machine.node};`,
    `${settings.seconds} s each, ${rates}.`,
    '',
    markdownTable(head, body),
    '',
  ].join('\n');
}

function judged(row: BondingRow) {
  const asked = askedOf(row);
  const best = Math.max(...row.single);
  return { ...row, asked, met: row.bundle >= best && row.efficiency >= (asked ?? 0) };
}

function askedOf({ profile, streams }: BondingRow): number | null {
  if (streams === 1) return askedOfOne[profile] ?? null;
  if (streams === 8) return profile === 'lossy' ? ASKED_OF_EIGHT_LOSSY : ASKED_OF_EIGHT;
  return null;
}
