/** A journal entry as one line: time in UTC, severity, sentence, and how often it came again. */

import { describe } from '../journal/describe.ts';
import { eventCatalogue, type Severity } from '../journal/event.ts';
import type { JournalEntry } from '../journal/journal.ts';
import type { Paint, Palette } from './terminal.ts';

export function formatEntry(entry: JournalEntry, palette: Palette): string {
  const severity = paintOf(entry.severity, palette)(entry.severity.padEnd(7));
  const again =
    entry.count === 1 ? '' : palette.faint(` (${entry.count} times, last ${formatTime(entry.lastAt)})`);
  return `${palette.faint(formatTime(entry.at))}  ${severity}  ${sentence(entry)}${again}\n`;
}

/** `2026-11-20 12:00:00.123Z` */
function formatTime(iso: string): string {
  return iso.replace('T', ' ');
}

function sentence(entry: JournalEntry): string {
  return Object.hasOwn(eventCatalogue, entry.kind) ? describe(entry) : unknownKind(entry);
}

/** The daemon may be newer than the command. */
function unknownKind(entry: JournalEntry): string {
  return `${entry.kind} ${JSON.stringify(entry.subject)} ${JSON.stringify(entry.evidence)}`;
}

function paintOf(severity: Severity, palette: Palette): Paint {
  switch (severity) {
    case 'alarm':
      return palette.bad;
    case 'warning':
      return palette.warn;
    case 'notice':
      return palette.good;
    case 'info':
      return palette.faint;
  }
}
