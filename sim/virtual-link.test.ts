import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../lab/wan/random.ts';
import { type Condition, VirtualLink } from './virtual-link.ts';

const base: Condition = {
  rate: 1_000_000,
  delay: 20_000,
  queue: 10_000,
  lossPercent: 0,
  jitter: 0,
  swallows: false,
};

function link(condition: Partial<Condition> = {}): VirtualLink {
  return new VirtualLink({ ...base, ...condition }, new SeededRandom(1));
}

describe('a virtual link', () => {
  it('takes its time for each byte, one datagram after the other, and then its delay', () => {
    const line = link();
    assert.equal(line.carry(1_000, 0), 21_000);
    assert.equal(line.carry(1_000, 0), 22_000);
    assert.equal(line.carry(1_000, 500_000), 521_000);
  });

  it('drops what comes when its queue is full', () => {
    const line = link();
    const arrivals = Array.from({ length: 20 }, () => line.carry(1_000, 0));
    assert.equal(arrivals.filter((at) => at !== undefined).length, 11);
    assert.deepEqual([line.lost, line.overflowed, line.longestQueue], [9, 9, 10_000]);
  });

  it('loses the share that it is told to', () => {
    const line = link({ lossPercent: 30 });
    for (let at = 0; at < 10_000; at++) line.carry(100, at * 1_000);
    assert.ok(Math.abs(line.lost - 3_000) < 150, `${line.lost}`);
  });

  it('swallows everything, and then nothing', () => {
    const line = link({ swallows: true });
    assert.equal(line.carry(100, 0), undefined);
    line.condition = base;
    assert.equal(line.carry(100, 0), 20_100);
  });

  it('swallows what is too long for it, headers included, and calls that no loss', () => {
    const line = link();
    line.mtu = 1_028;
    assert.notEqual(line.carry(1_000, 0), undefined);
    assert.equal(line.carry(1_001, 0), undefined);
    assert.deepEqual([line.tooLong, line.lost], [1, 0]);
  });

  it('keeps the order when it becomes faster and nearer, and not when it has jitter', () => {
    const line = link();
    const first = line.carry(1_000, 0) as number;
    line.condition = { ...base, rate: 100e6, delay: 1_000 };
    assert.equal(line.carry(1_000, 2_000), first);
    line.condition = { ...base, jitter: 50_000 };
    const arrivals = Array.from({ length: 50 }, (_, index) => line.carry(100, 1e6 + index * 1_000) as number);
    assert.notDeepEqual(
      arrivals,
      arrivals.toSorted((one, other) => one - other),
    );
  });
});
