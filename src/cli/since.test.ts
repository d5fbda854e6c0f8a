import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEventQuery } from '../api/event-query.ts';
import { BackstayError } from '../errors.ts';
import { parseSince } from './since.ts';

const now = Date.UTC(2026, 10, 20, 12);

test('a number, a time, and how long ago', () => {
  assert.equal(parseSince('17', now), '17');
  assert.equal(parseSince('10m', now), '2026-11-20T11:50:00.000Z');
  assert.equal(parseSince('1d', now), '2026-11-19T12:00:00.000Z');
  assert.equal(parseSince('2026-11-20', now), '2026-11-20T00:00:00.000Z');
  assert.equal(parseSince('2026-11-20 13:00:00+02:00', now), '2026-11-20T11:00:00.000Z');
});

test('anything else is a usage error', () => {
  for (const text of ['', 'yesterday', '10 m', '-5m', '1w', '2026-13-01', '99999999999999999'])
    assert.throws(() => parseSince(text, now), { code: 'BS_USAGE', place: '--since' });
});

test('law: what is taken here is taken by the API', () => {
  const text = fc.oneof(
    fc.string(),
    fc.stringMatching(/^\d{1,8}[smhdw]?$/),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.stringMatching(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(Z|[+-]\d\d:\d\d)?$/),
  );
  fc.assert(
    fc.property(text, (since) => {
      try {
        parseEventQuery(parseSince(since, now), undefined);
      } catch (error) {
        assert.ok(error instanceof BackstayError && error.code === 'BS_USAGE', String(error));
      }
    }),
    { numRuns: 500 },
  );
});
