import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { REPLAY_WINDOW_PACKETS, ReplayWindow } from '../esp/replay-window.ts';
import { MAX_GAPS, Missing } from './missing.ts';

function received(numbers: Iterable<number>): ReplayWindow {
  const window = new ReplayWindow();
  for (const number of numbers) window.accept(number);
  return window;
}

/** The numbers that the report would name. */
function named(missing: Missing): number[] {
  const numbers: number[] = [];
  let at = missing.floor;
  for (let gap = 0; gap < missing.gaps; gap++) {
    const [lost = 0, came = 0] = missing.runs.subarray(2 * gap);
    for (let count = 0; count < lost; count++) numbers.push(at + count);
    at += lost + came;
  }
  return numbers;
}

describe('what is missing', () => {
  it('is looked for in the window only, wherever a peer begins and however far it skips', (t) => {
    const window = received([2 ** 32 - 1_000_000]);
    const looks = t.mock.method(window, 'isFresh');
    const missing = new Missing();
    for (const newest of [2 ** 32 - 1_000_000, 2 ** 32, 2 ** 43]) {
      window.accept(newest);
      missing.survey(window, 0);
      assert.equal(missing.floor, newest - REPLAY_WINDOW_PACKETS + 1);
    }
    assert.ok(looks.mock.callCount() <= 4 * REPLAY_WINDOW_PACKETS);
  });

  it('is what did not come below the newest, the oldest first', () => {
    const some = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(some, (numbers) => {
        const missing = new Missing();
        missing.survey(received(numbers), 0);
        const newest = Math.max(...numbers);
        const lost: number[] = [];
        for (let number = 1; number < newest; number++) if (!numbers.includes(number)) lost.push(number);
        const told = named(missing);
        assert.deepEqual(told, lost.slice(0, told.length));
        assert.ok(told.length === lost.length || missing.gaps === MAX_GAPS);
        assert.equal(missing.floor, lost[0] ?? newest);
      }),
    );
  });

  it('is asked for until it came, and then no more', () => {
    const window = received([1, 2, 5]);
    const missing = new Missing();
    missing.survey(window, 0);
    assert.deepEqual(named(missing), [3, 4]);
    window.accept(3);
    missing.survey(window, 20_000);
    assert.deepEqual(named(missing), [4]);
    window.accept(4);
    missing.survey(window, 40_000);
    assert.deepEqual(named(missing), []);
  });

  it('is given up after a while, and what is missing since then is not', () => {
    const window = received([1, 3]);
    const missing = new Missing();
    for (let now = 0; now < 600_000; now += 20_000) {
      missing.survey(window, now);
      assert.deepEqual(named(missing), [2]);
    }
    for (let now = 600_000; now < 1_500_000; now += 20_000) missing.survey(window, now);
    window.accept(5);
    missing.survey(window, 1_500_000);
    assert.deepEqual(named(missing), [4]);
  });

  it('may be more than a report can tell: as much as fits is right', () => {
    const numbers = Array.from({ length: 2_000 }, (_, index) => 1 + 3 * index);
    const missing = new Missing();
    missing.survey(received(numbers), 0);
    const told = named(missing);
    assert.equal(missing.gaps, MAX_GAPS);
    assert.equal(told.length, 2 * MAX_GAPS);
    assert.ok(told.every((number) => number % 3 !== 1));
  });

  it('may be a row that is longer than 16 bits can tell', () => {
    const missing = new Missing();
    const window = new ReplayWindow(2 ** 18);
    window.accept(1);
    window.accept(200_000);
    missing.survey(window, 0);
    assert.deepEqual([missing.floor, missing.runs[0]], [2, 65_535]);
  });
});
