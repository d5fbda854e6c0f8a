/**
 * Waiting for what a daemon enters into its journal.
 *
 * Contract: a watch sees what was entered after it was made, repetitions of older entries included, so that a test can
 * tell the consequences of its own fault from what was before. Times are bounds within which something has to work.
 */

import type { EventKind } from '../../src/journal/event.ts';
import type { JournalEntry } from '../../src/journal/journal.ts';
import type { GatewayDaemon } from '../gateways.ts';
import { askUntil } from '../patience.ts';

export type Entry<Kind extends EventKind> = Extract<JournalEntry, { kind: Kind }>;

const LOOK_MILLIS = 30;

export class JournalWatch {
  readonly daemon: GatewayDaemon;
  /** Counts of the entries that were there, by sequence number. */
  readonly #before: ReadonlyMap<number, number>;

  private constructor(daemon: GatewayDaemon, before: readonly JournalEntry[]) {
    this.daemon = daemon;
    this.#before = new Map(before.map(({ sequence, count }) => [sequence, count]));
  }

  static async start(daemon: GatewayDaemon): Promise<JournalWatch> {
    return new JournalWatch(daemon, await daemon.events());
  }

  async entries(): Promise<JournalEntry[]> {
    return (await this.daemon.events()).filter(
      ({ sequence, count }) => count > (this.#before.get(sequence) ?? 0),
    );
  }

  async of<Kind extends EventKind>(kind: Kind): Promise<Entry<Kind>[]> {
    return (await this.entries()).filter((entry): entry is Entry<Kind> => entry.kind === kind);
  }

  /** Waits for an entry of this kind; throws with the journal when it does not come. */
  async waitFor<Kind extends EventKind>(
    kind: Kind,
    isIt: (entry: Entry<Kind>) => boolean = () => true,
    withinMillis = 5_000,
  ): Promise<Entry<Kind>> {
    const look = async () => (await this.of(kind)).find(isIt);
    const found = await askUntil(look, withinMillis, LOOK_MILLIS);
    if (found === undefined) throw new Error(await this.#complaint(kind, withinMillis));
    return found;
  }

  async #complaint(kind: EventKind, withinMillis: number): Promise<string> {
    const lines = (await this.entries()).map((entry) => {
      return `${entry.at} ${entry.kind} ${JSON.stringify(entry.subject)} ${JSON.stringify(entry.evidence)}`;
    });
    const { side, child } = this.daemon;
    return `gateway ${side} entered no such ${kind} within ${withinMillis} ms:\n${lines.join('\n')}\n${child.output}`;
  }
}

/** Of the paths over a link. */
export function onLink(link: string): (entry: { subject: { link?: string } }) => boolean {
  return ({ subject }) => subject.link === link;
}
