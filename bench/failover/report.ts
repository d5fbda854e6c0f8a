/**
 * The result of the failover benchmark: one row per fault and round, and whether the promises were kept.
 *
 * Contract: pure. Kept: every datagram came, each once, no gap was longer than `LONGEST_GAP_MILLIS`, and the TCP stream
 * beside them did not stall for longer than `LONGEST_STALL_MILLIS`.
 */
import type { Machine } from '../report/machine.ts';
import { markdownTable } from '../report/markdown.ts';
import type { FailoverRound, FailoverSettings } from './run-failover.ts';

const LONGEST_GAP_MILLIS = 300;
const LONGEST_STALL_MILLIS = 400;

export type FailoverReport = {
  readonly benchmark: 'failover';
  readonly date: string;
  readonly machine: Machine;
  readonly settings: FailoverSettings;
  readonly rounds: readonly (FailoverRound & { readonly kept: boolean })[];
};

export function composeFailoverReport(
  rounds: readonly FailoverRound[],
  facts: Pick<FailoverReport, 'date' | 'machine' | 'settings'>,
): FailoverReport {
  return {
    benchmark: 'failover',
    ...facts,
    rounds: rounds.map((round) => ({ ...round, kept: isKept(round) })),
  };
}

export function failoverMarkdown({ date, machine, settings, rounds }: FailoverReport): string {
  const head = [
    'fault',
    'sent',
    'missing',
    'twice',
    'out of order',
    'longest gap (ms)',
    'TCP: longest stall (ms)',
    'sent again',
    'kept',
  ];
  const body = rounds.map(({ fault, datagrams, tcpLongestStallMillis, sentAgain, kept }) => [
    fault,
    `${datagrams.sent.packets}`,
    `${datagrams.missing}`,
    `${datagrams.repeated}`,
    `${datagrams.overtaken}`,
    datagrams.longestGapMillis.toFixed(0),
    tcpLongestStallMillis.toFixed(0),
    `${sentAgain}`,
    kept ? 'yes' : 'no',
  ]);
  return [
    `${date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, Node.js ${machine.node};`,
    `profile ${settings.profile}, ${settings.packetsPerSecond} datagrams a second beside a TCP stream of 16 Mbit/s.`,
    '',
    markdownTable(head, body),
    '',
  ].join('\n');
}

function isKept({ datagrams, tcpLongestStallMillis }: FailoverRound): boolean {
  const whole = datagrams.missing === 0 && datagrams.repeated === 0;
  const prompt = datagrams.longestGapMillis <= LONGEST_GAP_MILLIS;
  return whole && prompt && tcpLongestStallMillis <= LONGEST_STALL_MILLIS;
}
