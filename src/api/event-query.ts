/**
 * The query of `/v1/events` and `/v1/events/stream`: where to begin, and how much.
 *
 * Contract: pure; a bad value is a `BS_API_BAD_REQUEST` that names the parameter.
 */

import { BackstayError } from '../errors.ts';
import type { Journal, JournalEntry } from '../journal/journal.ts';

/** `after` a sequence number, `from` a time on, or the newest ones. */
export type EventQuery = {
  readonly start: { after: number } | { fromMillis: number } | 'newest';
  readonly limit: number;
};

/** One page of events; `next` is the `since` of the page that follows. */
export type EventPage = { readonly entries: readonly JournalEntry[]; readonly next: number };

const defaultLimit = 100;
/** The whole journal. */
export const maxLimit = 10_000;

/** `since`: a sequence number, or a time in ISO 8601; `limit`: 1 to 10,000. */
export function parseEventQuery(since: string | undefined, limit: string | undefined): EventQuery {
  return { start: parseStart(since), limit: limit === undefined ? defaultLimit : parseLimit(limit) };
}

/** After a number or from a time on: the oldest that fit, so that a reader who pages misses nothing. */
export function selectEvents(journal: Journal, { start, limit }: EventQuery): EventPage {
  if (start === 'newest') return page(journal.newest(limit), journal);
  if ('after' in start) return page(journal.since(start.after, limit), journal, start.after);
  const recent = journal.since(0).filter((entry) => Date.parse(entry.lastAt) >= start.fromMillis);
  return page(recent.slice(0, limit), journal);
}

function page(entries: readonly JournalEntry[], journal: Journal, after?: number): EventPage {
  return { entries, next: entries.at(-1)?.sequence ?? after ?? journal.newestSequence };
}

function parseStart(since: string | undefined): EventQuery['start'] {
  if (since === undefined) return 'newest';
  if (/^\d{1,15}$/.test(since)) return { after: Number(since) };
  const fromMillis = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(since)
    ? Date.parse(since)
    : Number.NaN;
  if (Number.isNaN(fromMillis))
    throw bad('since', since, 'a sequence number or a time such as 2026-11-20T12:00:00Z');
  return { fromMillis };
}

function parseLimit(limit: string): number {
  const value = /^\d{1,6}$/.test(limit) ? Number(limit) : 0;
  if (value < 1 || value > maxLimit) throw bad('limit', limit, `a number from 1 to ${maxLimit}`);
  return value;
}

function bad(parameter: string, value: string, wanted: string): BackstayError {
  return new BackstayError('BS_API_BAD_REQUEST', `${JSON.stringify(value.slice(0, 40))} is not ${wanted}.`, {
    place: parameter,
  });
}
