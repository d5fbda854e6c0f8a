/** `backstay events`: what happened, as sentences or as JSON lines, and what happens from now on. */

import type { EventPage } from '../../api/event-query.ts';
import type { JournalEntry } from '../../journal/journal.ts';
import { getDocument, streamEntries } from '../daemon-client.ts';
import { formatEntry } from '../event-text.ts';
import { parseSince } from '../since.ts';
import type { Terminal } from '../terminal.ts';

export type EventsOptions = {
  socket: string;
  json?: boolean;
  follow?: boolean;
  since?: string;
  limit?: string;
};

export async function showEvents(options: EventsOptions, terminal: Terminal): Promise<void> {
  const query = new URLSearchParams();
  if (options.since !== undefined) query.set('since', parseSince(options.since, Date.now()));
  if (options.limit !== undefined) query.set('limit', options.limit);
  const show = (entry: JournalEntry) =>
    terminal.out(options.json ? `${JSON.stringify(entry)}\n` : formatEntry(entry, terminal.palette));
  if (options.follow) return followEvents(options.socket, query, show);
  const { entries } = await getDocument<EventPage>(options.socket, `/v1/events?${query}`);
  for (const entry of entries) show(entry);
}

async function followEvents(
  socket: string,
  query: URLSearchParams,
  show: (entry: JournalEntry) => void,
): Promise<void> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  for await (const entry of streamEntries(socket, `/v1/events/stream?${query}`, interrupted.signal))
    show(entry);
}
