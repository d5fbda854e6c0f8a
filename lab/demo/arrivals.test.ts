/** The figures of a transfer, from given times of arrival. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arrivals } from './arrivals.ts';

function arrivalsAt(...reads: readonly (readonly [now: number, bytes: number])[]): Arrivals {
  const arrivals = new Arrivals();
  for (const [now, bytes] of reads) arrivals.note(now, bytes);
  return arrivals;
}

describe('arrivals', () => {
  it('find the longest time between two reads and where it was', () => {
    const { summary } = arrivalsAt([1000, 10], [1010, 10], [1260, 10], [1300, 10]);
    assert.deepEqual(summary, {
      bytes: 40,
      elapsedMillis: 300,
      longestStallMillis: 250,
      longestStallAtBytes: 20,
      reads: 4,
    });
  });

  it('count no waiting before the first byte', () => {
    assert.equal(arrivalsAt([90_000, 1], [90_001, 1]).summary.longestStallMillis, 1);
  });

  it('are not ended by a read of nothing', () => {
    assert.equal(arrivalsAt([0, 5], [100, 0], [300, 5]).summary.longestStallMillis, 300);
  });

  it('have no figures without reads', () => {
    const none = { bytes: 0, elapsedMillis: 0, longestStallMillis: 0, longestStallAtBytes: 0, reads: 0 };
    assert.deepEqual(new Arrivals().summary, none);
  });
});
