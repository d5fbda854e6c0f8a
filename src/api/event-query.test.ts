import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BackstayError } from '../errors.ts';
import { Journal } from '../journal/journal.ts';
import { parseEventQuery, selectEvents } from './event-query.ts';

const start = Date.UTC(2026, 10, 20, 12);
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();

function journalOf(count: number): Journal {
  const journal = new Journal();
  for (let id = 1; id <= count; id += 1)
    journal.record(
      {
        kind: 'linkDown',
        subject: { type: 'link', name: `link${id}` },
        evidence: { interface: 'e', reason: 'r' },
      },
      at(id),
    );
  return journal;
}

const numbers = (journal: Journal, since?: string, limit?: string) =>
  selectEvents(journal, parseEventQuery(since, limit)).entries.map((entry) => entry.sequence);

test('without a beginning the newest come, oldest first', () => {
  assert.deepEqual(numbers(journalOf(5), undefined, '2'), [4, 5]);
  assert.equal(numbers(journalOf(150)).length, 100);
});

test('after a number and from a time the oldest that fit come', () => {
  const journal = journalOf(5);
  assert.deepEqual(numbers(journal, '1', '2'), [2, 3]);
  assert.deepEqual(numbers(journal, at(4)), [4, 5]);
  assert.deepEqual(numbers(journal, '99'), []);
});

test('next leads through the whole journal without a gap', () => {
  const journal = journalOf(25);
  const seen: number[] = [];
  let since = '0';
  for (let page = 0; page < 5; page += 1) {
    const { entries, next } = selectEvents(journal, parseEventQuery(since, '7'));
    seen.push(...entries.map((entry) => entry.sequence));
    since = String(next);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 25 }, (_, n) => n + 1),
  );
});

test('a value that is not allowed is named', () => {
  for (const [since, limit, place] of [
    ['yesterday', undefined, 'since'],
    ['-1', undefined, 'since'],
    ['2026-13-40T12:00:00Z', undefined, 'since'],
    [undefined, '0', 'limit'],
    [undefined, '10001', 'limit'],
    [undefined, '1e3', 'limit'],
  ] as const)
    assert.throws(() => parseEventQuery(since, limit), { code: 'BS_API_BAD_REQUEST', place });
});

test('law: any text is a query or a BackstayError, and a query stays within its limits', () => {
  const journal = journalOf(3);
  const text = fc.option(
    fc.oneof(
      fc.string(),
      fc.nat().map(String),
      fc.date({ noInvalidDate: true }).map((d) => d.toISOString()),
    ),
    {
      nil: undefined,
    },
  );
  fc.assert(
    fc.property(text, text, (since, limit) => {
      try {
        assert.ok(selectEvents(journal, parseEventQuery(since, limit)).entries.length <= 3);
      } catch (error) {
        assert.ok(error instanceof BackstayError);
      }
    }),
  );
});
