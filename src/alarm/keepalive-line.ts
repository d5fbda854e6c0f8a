/**
 * The lines of the keepalive log: rounds of a link's probe that failed, and what became of it.
 *
 * Contract: pure; one line each, without the time. Source: S1.11 and the seed's keepalive.log ([0046], [0059], [0062] to [0064]).
 */

import { describe } from '../journal/describe.ts';
import type { EventKind, ProbedTarget } from '../journal/event.ts';
import type { JournalEntry } from '../journal/journal.ts';
import { formatMillis } from '../journal/quantity.ts';

/** What is written beside failed rounds. */
const written: readonly EventKind[] = [
  'daemonStarted',
  'daemonStopping',
  'internetLost',
  'internetMoved',
  'linkChanged',
  'linkDegraded',
  'linkDialFailed',
  'linkDialled',
  'linkDown',
  'linkHungUp',
  'linkUp',
];

/** undefined: it does not belong there, or was there before. */
export function changeLine(entry: JournalEntry): string | undefined {
  if (!written.includes(entry.kind)) return undefined;
  return `${status(entry.kind)} ${describe(entry)}`;
}

/**
 * Every failed round until the link is down; then ever fewer, as they say the same.
 * @param round how many bad ones in a row it makes
 */
export function failedRoundLine(
  link: string,
  round: number,
  retries: number,
  targets: readonly ProbedTarget[],
): string | undefined {
  if (round > retries + 1 && !Number.isInteger(Math.log2(round))) return undefined;
  const polls = targets.map(({ target, sent, answered, delayMillis, reason }) => {
    const how = delayMillis === undefined ? '' : ` in ${formatMillis(delayMillis)}`;
    return `${target} ${answered}/${sent}${how}${reason === undefined ? '' : ` (${reason})`}`;
  });
  return `TIMEOUT Link ${link}, bad round ${round}: ${polls.join(', ')}`;
}

function status(kind: EventKind): string {
  if (kind === 'linkUp') return 'UP';
  return kind === 'linkDown' ? 'DOWN' : 'NOTE';
}
