import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clockOriginMillis, monotonicMicros } from './clock.ts';

test('the clock gives whole microseconds, never fewer than before, all beyond small integers', () => {
  let before = 0;
  for (let reading = 0; reading < 20_000; reading++) {
    const now = monotonicMicros();
    assert.ok(Number.isInteger(now) && now >= before && now > 2 ** 31, `${now} after ${before}`);
    before = now;
  }
});

test('it runs as the clock of the other threads does, and its origin makes the two comparable', async () => {
  await sleep(30);
  const here = clockOriginMillis + monotonicMicros() / 1000;
  const there = performance.timeOrigin + performance.now();
  assert.ok(Math.abs(there - here) < 5, `${there - here} ms apart`);
});
