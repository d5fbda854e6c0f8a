import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from './virtual-time.ts';

test('what is due is called in the order of time, and of asking within one moment', () => {
  const time = new VirtualTime();
  const called: string[] = [];
  time.after(2, () => called.push('later'));
  time.after(1, () => called.push('first'));
  time.after(1, () => called.push('second'));
  time.cancel(time.after(1, () => called.push('never')));
  assert.equal(time.nextAt, 1_000);
  time.run();
  assert.deepEqual(called, []);
  time.now = 1_000;
  time.run();
  assert.deepEqual(called, ['first', 'second']);
  time.now = 5_000;
  time.run();
  assert.deepEqual(called, ['first', 'second', 'later']);
  assert.equal(time.nextAt, Number.POSITIVE_INFINITY);
});

test('whoever slept is woken by time alone, and it is said once', async () => {
  const time = new VirtualTime();
  let isAwake = false;
  const sleeping = time.sleep(3).then(() => {
    isAwake = true;
  });
  time.run();
  assert.equal(time.hasWoken(), false);
  time.now = 3_000;
  time.run();
  assert.equal(isAwake, false);
  assert.ok(time.hasWoken() && !time.hasWoken());
  await sleeping;
  assert.ok(isAwake);
});
