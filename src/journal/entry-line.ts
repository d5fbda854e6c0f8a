/**
 * A journal entry as one line of JSON, and a whole file of such lines read back.
 *
 * Contract: reading tolerates what a crash or a full disk leaves: lines that are cut off, damaged or of a kind that
 * this version does not know are counted and left out. An entry may stand more than once, each time with a higher
 * count; the last line wins.
 */

import { describe } from './describe.ts';
import { eventCatalogue } from './event.ts';
import type { JournalEntry } from './journal.ts';

export function formatEntryLine(entry: JournalEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

/** Undefined for a line that is not a whole entry of a known kind. */
export function parseEntryLine(line: string): JournalEntry | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (!hasHead(entry)) return undefined;
    // Only evidence that can be told is evidence.
    describe(entry);
    return entry;
  } catch {
    return undefined;
  }
}

/** The entries of a journal's files, oldest text first, in rising sequence; `damaged` counts the lines left out. */
export function parseEntryLines(text: string): { entries: JournalEntry[]; damaged: number } {
  const entries: JournalEntry[] = [];
  const places = new Map<string, number>();
  let newest = 0;
  let damaged = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const entry = parseEntryLine(line);
    if (entry === undefined) {
      damaged += 1;
      continue;
    }
    const name = `${entry.sequence} ${entry.at}`;
    const place = places.get(name);
    if (place !== undefined) {
      entries[place] = { ...entry, sequence: entries[place]?.sequence ?? entry.sequence };
      continue;
    }
    // A daemon that could not read its file counted from 1 again: its entries are later all the same.
    newest = Math.max(entry.sequence, newest + 1);
    places.set(name, entries.length);
    entries.push({ ...entry, sequence: newest });
  }
  return { entries, damaged };
}

const subjectTypes: readonly unknown[] = ['gateway', 'link', 'tunnel', 'path', 'peer'];

function hasHead(value: unknown): value is JournalEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<string, unknown>>;
  return (
    typeof entry['kind'] === 'string' &&
    Object.hasOwn(eventCatalogue, entry['kind']) &&
    isWhole(entry['sequence']) &&
    isWhole(entry['count']) &&
    isTime(entry['at']) &&
    isTime(entry['lastAt']) &&
    typeof entry['severity'] === 'string' &&
    subjectTypes.includes((entry['subject'] as { type?: unknown } | null)?.type)
  );
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}
