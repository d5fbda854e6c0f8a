/**
 * A recorded round as a short row, for the disk: `[begun, took, load, after, targets]`, times in milliseconds before the writing.
 *
 * Contract: pure. A row has no time of its own: whoever reads it says how long ago it was written, so that neither a clock that
 * was set nor one that began anew with the machine moves rounds against each other. Figures are kept to a tenth.
 */

import type { AskedTarget } from './probe-round.ts';
import type { RecordedRound } from './round-history.ts';

export type TargetRow =
  | readonly [sent: number, delaysMillis: readonly number[]]
  | readonly [
      sent: number,
      delaysMillis: readonly number[],
      rest: Omit<AskedTarget, 'sent' | 'delaysMillis'>,
    ];

/** By their numbers in a row. */
const interruptions = { 0: undefined, 1: 'gap', 2: 'loss' } as const;

export type RoundRow = readonly [
  begunMillisAgo: number,
  tookMillis: number,
  loadBps: number | null,
  after: keyof typeof interruptions,
  targets: readonly TargetRow[],
];

export function rowOfRound(round: RecordedRound, nowMillis: number): RoundRow {
  const { startedAtMillis, endedAtMillis, targets, loadBps = null, after } = round;
  return [
    tenths(nowMillis - startedAtMillis),
    tenths(endedAtMillis - startedAtMillis),
    loadBps,
    after === undefined ? 0 : after === 'gap' ? 1 : 2,
    targets.map(({ sent, delaysMillis, ...rest }) => {
      const delays = delaysMillis.map(tenths);
      return Object.keys(rest).length === 0 ? [sent, delays] : [sent, delays, rest];
    }),
  ];
}

/** @param writtenAtMillis of the clock in which the round's times shall be; may be negative */
export function roundOfRow(row: RoundRow, writtenAtMillis: number): RecordedRound {
  const [begunMillisAgo, tookMillis, loadBps, after, targets] = row;
  const interruption = interruptions[after];
  const startedAtMillis = writtenAtMillis - begunMillisAgo;
  return {
    startedAtMillis,
    endedAtMillis: startedAtMillis + tookMillis,
    targets: targets.map(([sent, delaysMillis, rest]) => ({ sent, delaysMillis, ...rest })),
    ...(loadBps !== null && { loadBps }),
    ...(interruption !== undefined && { after: interruption }),
  };
}

function tenths(millis: number): number {
  return Math.round(millis * 10) / 10;
}
