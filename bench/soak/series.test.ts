/** Slope and plot of a figure over time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plot, slopePerMinute } from './series.ts';

function series(...values: readonly number[]) {
  return values.map((value, index) => ({ atMillis: 1_000_000 + index * 5_000, value }));
}

describe('slope', () => {
  it('is what a steady growth adds in a minute', () => {
    assert.ok(Math.abs(slopePerMinute(series(100, 101, 102, 103)) - 12) < 1e-9);
    assert.equal(slopePerMinute(series(7, 7, 7)), 0);
  });

  it('is not led astray by one peak in the middle', () => {
    assert.equal(slopePerMinute(series(100, 100, 160, 100, 100)), 0);
  });

  it('is unknown with one sample', () => {
    assert.ok(Number.isNaN(slopePerMinute(series(1))));
  });
});

describe('plot', () => {
  it('has a column per sample until there are too many, then shows the peaks', () => {
    assert.equal(plot(series(0, 50, 100)), '▁▅█');
    assert.equal(plot(series(0, 0, 100, 0), 2), '▁█');
    assert.equal(plot([]), '');
  });
});
