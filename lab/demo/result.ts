/**
 * What the demonstration found, as JSON for programs and as a summary for people.
 *
 * Contract: the JSON has exactly the fields of `DemoResult`. Rates are 10^6 bit per second of the file itself, from the
 * first byte to the last at the receiver.
 */
import { formatEntry } from '../../src/cli/event-text.ts';
import type { Palette } from '../../src/cli/terminal.ts';
import type { JournalEntry } from '../../src/journal/journal.ts';
import type { ArrivalSummary } from './arrivals.ts';
import { megabytes, percent } from './display.ts';

export type DemoResult = {
  readonly bytes: number;
  readonly sha256Match: boolean;
  readonly longestStallMs: number;
  /** Link name to its part of what the sending gateway sent, 0 to 1. */
  readonly linkShares: Readonly<Record<string, number>>;
  readonly mbps: number;
};

export type DemoRecord = {
  readonly arrivals: ArrivalSummary;
  readonly sentHash: string;
  readonly receivedHash: string;
  readonly linkShares: Readonly<Record<string, number>>;
  /** What the sending gateway wrote down about its paths while the file was on its way. */
  readonly events: readonly JournalEntry[];
};

export function resultOf({ arrivals, sentHash, receivedHash, linkShares }: DemoRecord): DemoResult {
  return {
    bytes: arrivals.bytes,
    sha256Match: sentHash === receivedHash,
    longestStallMs: rounded(arrivals.longestStallMillis, 1),
    linkShares: Object.fromEntries(
      Object.entries(linkShares).map(([link, share]) => [link, rounded(share, 3)]),
    ),
    mbps: rounded((arrivals.bytes * 8) / 1000 / arrivals.elapsedMillis, 1),
  };
}

export function summaryText(record: DemoRecord, palette: Palette): string {
  const result = resultOf(record);
  const shares = Object.entries(result.linkShares).map(([link, share]) => `${link} ${percent(share)}`);
  const hash = result.sha256Match
    ? palette.good('the same on both sides')
    : palette.bad(`DIFFERENT: received ${record.receivedHash}`);
  const { longestStallAtBytes } = record.arrivals;
  return [
    palette.strong('Result'),
    `  file           ${megabytes(result.bytes)} MB in ${(record.arrivals.elapsedMillis / 1000).toFixed(1)} s, ${result.mbps} Mbit/s over one TCP connection`,
    `  SHA-256        ${record.sentHash}, ${hash}`,
    `  longest stall  ${Math.round(result.longestStallMs)} ms between two reads, ${megabytes(longestStallAtBytes)} MB into the file`,
    `  carried by     ${shares.join(', ')}`,
    '',
    palette.strong("From the sending gateway's journal"),
    ...record.events.map((entry) => `  ${formatEntry(entry, palette).trimEnd()}`),
    '',
  ].join('\n');
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
