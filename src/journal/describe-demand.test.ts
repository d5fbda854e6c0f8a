import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeDial, describeHangUp } from './describe-demand.ts';

const figures = { tunnel: 'office', forMillis: 10_000, usedBps: 9e6 };

test('a dial is told with what it was measured by', () => {
  assert.equal(
    describeDial({ ...figures, reason: 'queue', queueMillis: 11.4, queueLimitMillis: 5 }),
    'tunnel office has 11 ms and more in the queue of every line, the limit is 5 ms, for 10 s',
  );
  assert.equal(
    describeDial({ tunnel: 'office', forMillis: 5_000, reason: 'noLink' }),
    'no other link carries tunnel office for 5 s',
  );
});

test('a hang-up is told with what it was measured by', () => {
  const spare = { ...figures, reason: 'spare' } as const;
  assert.equal(describeHangUp(spare), 'another link carries tunnel office for 10 s');
  assert.equal(
    describeHangUp({ ...spare, threshold: 0.4 }),
    'tunnel office uses 9 Mbit/s, and the other links were never full, for 10 s',
  );
  const reasons = (['hours', 'unneeded', 'failed', 'stopping'] as const).map((reason) =>
    describeHangUp({ reason }),
  );
  assert.deepEqual(reasons, [
    'its hours have ended',
    'nothing needs it',
    'it failed',
    'the daemon is stopping',
  ]);
});
