import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { describe } from './describe.ts';
import { formatEntryLine, parseEntryLine, parseEntryLines } from './entry-line.ts';
import { Journal, type JournalEntry } from './journal.ts';

const corpus = new URL('../../test/corpus/journal/', import.meta.url);
const time = '2026-11-20T12:00:00.000Z';

function entries(count: number): readonly JournalEntry[] {
  const journal = new Journal();
  for (let id = 1; id <= count; id += 1)
    journal.record(
      {
        kind: 'pathDown',
        subject: { type: 'path', tunnel: 'head-office', id, link: 'lte' },
        evidence: { unansweredProbes: 3 },
      },
      time,
    );
  return journal.since(0);
}

test('the committed corpus reads without an exception and without a false entry', () => {
  for (const name of readdirSync(corpus)) {
    const { entries, damaged } = parseEntryLines(readFileSync(new URL(name, corpus), 'utf8'));
    for (const entry of entries) assert.match(describe(entry), /\.$/);
    assert.ok(damaged > 0, name);
  }
});

test('law: what was written is read, wherever the last line was cut', () => {
  const written = entries(5);
  const text = written.map(formatEntryLine).join('');
  fc.assert(
    fc.property(fc.nat(text.length), (cut) => {
      const whole = text.slice(0, cut).split('\n').length - 1;
      const { entries: read } = parseEntryLines(text.slice(0, cut));
      // A line that lacks only its line break is whole.
      assert.ok(read.length === whole || read.length === whole + 1);
      assert.deepEqual(read, written.slice(0, read.length));
    }),
    { numRuns: 300 },
  );
});

test('law: no text stops the reader, and what it takes for an entry can be told', () => {
  const line = formatEntryLine(entries(1)[0]!);
  const damagedLine = fc
    .tuple(fc.nat(line.length - 1), fc.string({ maxLength: 4 }))
    .map(([place, text]) => line.slice(0, place) + text + line.slice(place + text.length));
  fc.assert(
    fc.property(fc.oneof(damagedLine, fc.json(), fc.string()), (text) => {
      const entry = parseEntryLine(text);
      if (entry !== undefined) assert.equal(typeof describe(entry), 'string');
    }),
    { numRuns: 500 },
  );
});

test('a later line of the same entry wins; numbers that start again are carried on', () => {
  const [first, second] = entries(2) as [JournalEntry, JournalEntry];
  const later = { ...first, at: '2026-11-20T13:00:00.000Z' };
  const text = [first, second, { ...first, count: 8 }, later].map(formatEntryLine).join('');
  const read = parseEntryLines(text).entries;
  assert.deepEqual(
    read.map(({ sequence, count }) => [sequence, count]),
    [
      [1, 8],
      [2, 1],
      [3, 1],
    ],
  );
});
