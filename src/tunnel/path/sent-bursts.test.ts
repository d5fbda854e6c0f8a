import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SentBursts } from './sent-bursts.ts';

const SPI = 7;
const SIZE = 1_000;

/** Rows of numbers as they were sent, one row per millisecond. */
function sent(...rows: readonly (readonly [first: number, last: number])[]): SentBursts {
  const bursts = new SentBursts();
  let total = 0;
  for (const [index, [first, last]] of rows.entries()) {
    const bytes = (last - first + 1) * SIZE;
    total += bytes;
    bursts.add(SPI, first, last, total, bytes, 10 * index, 1_000 * index);
  }
  return bursts;
}

describe('bursts on a path', () => {
  it('are covered up to the newest number that came, in part if need be', () => {
    const bursts = sent([1, 4], [5, 8], [20, 23]);
    assert.equal(bursts.cover(SPI, 6), true);
    assert.deepEqual([bursts.covered, bursts.sentAt, bursts.expectedQueue], [6 * SIZE, 1_000, 10]);
    assert.equal(bursts.cover(SPI, 6), false, 'nothing new');
    assert.equal(bursts.cover(SPI, 23), true);
    assert.deepEqual([bursts.covered, bursts.sentAt], [12 * SIZE, 2_000]);
  });

  it('that were sent again are covered by their own number, and tell when they were sent', () => {
    assert.equal(sent([1, 10], [40, 43]).ambiguous, false);
    // 40 to 43 were another path's, and are sent again here after 10; they arrive before 60 does.
    const bursts = sent([1, 10], [40, 43], [60, 63]);
    assert.equal(bursts.cover(SPI, 43), true);
    assert.deepEqual([bursts.covered, bursts.sentAt, bursts.ambiguous], [14 * SIZE, 1_000, false]);
    // An older one sent again says nothing as long as it is not the newest that came.
    const older = sent([50, 59], [20, 21], [60, 63]);
    assert.equal(older.cover(SPI, 59), true);
    assert.deepEqual([older.covered, older.sentAt], [10 * SIZE, 0]);
    assert.equal(older.cover(SPI, 60), true);
    assert.equal(older.covered, 13 * SIZE);
  });

  it('that were sent twice over this path tell no times: nobody knows which of them came', () => {
    const bursts = sent([1, 10], [11, 20], [5, 6], [21, 30]);
    assert.equal(bursts.cover(SPI, 6), true);
    assert.deepEqual([bursts.covered, bursts.ambiguous], [6 * SIZE, true]);
    assert.equal(bursts.cover(SPI, 15), true);
    assert.equal(bursts.ambiguous, false);
    bursts.cover(SPI, 30);
    assert.deepEqual([bursts.covered, bursts.coveredAgain], [32 * SIZE, 2 * SIZE]);
  });

  it('that follow each other at once are one, but never one that is sent again', () => {
    const bursts = new SentBursts();
    bursts.add(SPI, 1, 4, 4_000, 4_000, 0, 0);
    bursts.add(SPI, 9, 12, 8_000, 4_000, 0, 100);
    assert.equal(bursts.count, 1);
    bursts.add(SPI, 5, 6, 10_000, 2_000, 0, 150);
    bursts.add(SPI, 13, 14, 12_000, 2_000, 0, 180);
    assert.equal(bursts.count, 3);
  });

  it('under the keys of before are covered by any report under newer ones, and not the other way round', () => {
    const bursts = sent([1, 4]);
    bursts.add(SPI + 1, 1, 3, 7_000, 3_000, 0, 5_000);
    assert.equal(bursts.cover(99, 3), false, 'keys that nobody knows');
    assert.equal(bursts.cover(SPI + 1, 2), true);
    assert.equal(bursts.covered, 6_000);
    assert.equal(bursts.cover(SPI, 4), false);
  });

  it('are covered once each, in order, whatever is reported', () => {
    const reports = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 40 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), reports, (count, numbers) => {
        const rows = Array.from({ length: count }, (_, index): [number, number] => [
          1 + 4 * index,
          4 + 4 * index,
        ]);
        const bursts = sent(...rows);
        let newest = 0;
        for (const number of numbers) {
          const known = number > newest && number <= 4 * count;
          assert.equal(bursts.cover(SPI, number), known);
          if (known) newest = number;
          assert.equal(bursts.covered + 0, newest * SIZE);
          if (number % 3 === 0) bursts.release();
        }
      }),
    );
  });

  it('know whether a line of some rate would have been without work', () => {
    const bursts = sent([1, 4], [5, 8], [9, 12]);
    bursts.cover(SPI, 12);
    // 4,000 bytes take 800 µs: the line waits for the second burst.
    assert.equal(bursts.ranDry(0, 0, 0.2), true);
    assert.equal(bursts.ranDry(0, 0, 0.3), false);
    bursts.release();
    assert.equal(bursts.ranDry(0, 0, 0.001), false, 'nothing is left to look at');
  });

  it('are bounded: the oldest give way', () => {
    const bursts = new SentBursts();
    for (let number = 1; number <= 20_000; number++) {
      bursts.add(SPI, number, number, number * SIZE, SIZE, 0, 1_000 * number);
    }
    assert.equal(bursts.count, 8_192);
    assert.equal(bursts.cover(SPI, 20_000), true);
    assert.equal(bursts.covered, 20_000 * SIZE);
  });
});
