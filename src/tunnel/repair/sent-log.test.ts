import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LOG_BURST_PACKETS, SentLog } from './sent-log.ts';

const SIZE = 100;

/** Bursts with so many packets each, one behind the other, over paths 0 and 1 by turns unless said. */
function sent(bursts: readonly number[], path = (index: number) => index % 2): SentLog {
  const log = new SentLog();
  let number = 1;
  for (const [index, packets] of bursts.entries()) {
    log.add(number, packets, SIZE, packets * SIZE - 1, (number - 1) * SIZE, path(index), 1_000);
    number += packets;
  }
  for (const each of [0, 1]) log.reported(each, number);
  return log;
}

/** Takes everything that is wanted. */
function takeAll(log: SentLog, now = 2_000): number[] {
  const numbers: number[] = [];
  while (log.peek()) {
    assert.equal(log.position, (log.number - 1) * SIZE);
    assert.ok(log.bytes > (log.packets - 1) * log.size && log.bytes <= log.packets * log.size);
    for (let packet = 0; packet < log.packets; packet++) numbers.push(log.number + packet);
    log.take(now);
  }
  assert.equal(log.wanted, 0);
  return numbers;
}

const bursts = fc.array(fc.integer({ min: 1, max: LOG_BURST_PACKETS }), { minLength: 1, maxLength: 200 });

describe('what was sent', () => {
  it('is sent again where it is missing, each packet once, in order', () => {
    const gaps = fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: 1, max: 100 })), { maxLength: 20 });
    fc.assert(
      fc.property(bursts, gaps, (row, missing) => {
        const log = sent(row);
        const total = row.reduce((sum, packets) => sum + packets, 0);
        const lost = new Set<number>();
        for (const [from, count] of missing) {
          log.missing(from + 1, count, 0, 1_500);
          for (let number = from + 1; number <= Math.min(total, from + count); number++) lost.add(number);
        }
        assert.equal(log.wanted, lost.size);
        assert.deepEqual(
          takeAll(log),
          [...lost].sort((a, b) => a - b),
        );
      }),
    );
  });

  it('is let be while it is under way: its path has not brought anything sent later', () => {
    const log = new SentLog();
    log.add(1, 10, SIZE, 1_000, 0, 0, 1_000);
    log.add(11, 10, SIZE, 1_000, 1_000, 1, 1_000);
    log.reported(0, 4);
    log.reported(1, 20);
    log.missing(1, 13, 0, 1_500);
    assert.deepEqual(takeAll(log), [1, 2, 3, 4, 11, 12, 13]);
  });

  it('is not sent a third time before the second had time to arrive', () => {
    const log = sent([10]);
    log.missing(3, 2, 0, 2_000);
    assert.deepEqual(takeAll(log, 5_000), [3, 4]);
    log.missing(3, 2, 4_000, 6_000);
    assert.deepEqual(takeAll(log, 6_000), []);
    log.missing(3, 2, 5_001, 90_000);
    assert.deepEqual(takeAll(log, 90_000), [3, 4]);
  });

  it('over a path that died is wanted from the newest that arrived there on', () => {
    const log = new SentLog();
    log.add(1, 10, SIZE, 1_000, 0, 0, 1_000);
    log.add(11, 10, SIZE, 1_000, 1_000, 1, 1_000);
    log.add(21, 10, SIZE, 1_000, 2_000, 0, 1_000);
    log.reported(0, 8);
    log.pathDied(0, 2_000);
    assert.deepEqual(takeAll(log, 2_000), [9, 10, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
    log.missing(9, 1, 50_000, 60_000);
    assert.deepEqual(takeAll(log), [9], 'lost once more: nothing is under way over a path that died');
    log.pathLives(0);
    log.add(31, 2, SIZE, 200, 3_000, 0, 70_000);
    log.missing(31, 2, 60_000, 80_000);
    assert.deepEqual(takeAll(log), []);
  });

  it('over a path that was in question and lives is under way again, but for what later packets left behind', () => {
    const log = new SentLog();
    log.add(1, 10, SIZE, 1_000, 0, 0, 1_000);
    log.add(11, 40, SIZE, 4_000, 1_000, 0, 1_000);
    log.add(51, 10, SIZE, 1_000, 5_000, 1, 1_000);
    log.reported(0, 4);
    for (const path of [0, 1]) log.pathDied(path, 2_000);
    assert.equal(log.wanted, 56);
    log.reported(0, 47);
    log.pathLives(0);
    assert.equal(log.wanted, 53, 'three are under way');
    log.missing(5, 2, 0, 2_100);
    log.arrived(7, 40);
    assert.deepEqual(takeAll(log, 2_100), [5, 6, 47, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60]);
    log.missing(48, 3, 0, 2_200);
    assert.deepEqual(takeAll(log, 2_200), [], 'still under way');
    log.reported(0, 50);
    log.missing(48, 2, 0, 2_300);
    assert.deepEqual(takeAll(log, 2_300), [48, 49]);
  });

  it('is forgotten when it came, when its memory was used again, and when it is old', () => {
    const log = sent([10, 10, 10, 10]);
    log.missing(1, 40, 0, 1_500);
    log.complete(11);
    assert.deepEqual([log.oldest, log.wanted], [11, 30]);
    log.expire(2_000, 1_500);
    assert.deepEqual([log.oldest, log.wanted], [21, 20]);
    log.expire(0, 1_001_000);
    assert.deepEqual([log.oldest, log.wanted], [0, 0]);
    assert.equal(log.peek(), false);
  });

  it('is bounded: the oldest gives way', () => {
    const log = new SentLog();
    for (let number = 1; number <= 40_000; number++) log.add(number, 1, SIZE, SIZE, number, 0, 1_000);
    assert.equal(log.oldest, 40_000 - 16_384 + 1);
    log.reported(0, 40_000);
    log.missing(1, 65_535, 0, 1_000);
    assert.equal(takeAllCount(log), 16_384);
  });

  it('under keys that are gone is not sent again', () => {
    const log = sent([10]);
    log.missing(1, 10, 0, 1_500);
    log.clear();
    assert.equal(log.peek(), false);
    log.add(1, 1, SIZE, SIZE, 5_000, 0, 3_000);
    log.missing(1, 1, 0, 3_000);
    assert.equal(log.peek(), false, 'what arrived under the keys before says nothing about these');
  });
});

function takeAllCount(log: SentLog): number {
  let count = 0;
  for (; log.peek(); log.take(2_000)) count += log.packets;
  return count;
}
