import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bottleneck } from '../../../test/fixtures/bottleneck.ts';
import { Delivery, QUEUE_TARGET } from './delivery.ts';
import { LineRate } from './line-rate.ts';
import { REPORT_INTERVAL } from './path.ts';

const MBIT = 125_000;

function assertNear(value: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(value / expected - 1) <= tolerance, `${what}: ${value}, expected ${expected}`);
}

describe('a line that is asked for all it has', () => {
  for (const mbit of [0.5, 2, 20, 100, 1_000]) {
    it(`of ${mbit} Mbit/s is filled, and its queue stays short`, () => {
      // As the scheduler does it: on slow lines packet by packet.
      const burstPackets = mbit < 10 ? 1 : 4;
      const line = new Bottleneck({ rate: mbit * MBIT, burstPackets });
      line.run(3_000);
      const carried = line.run(2_000);
      assertNear(carried, mbit * MBIT, 0.03, 'carried');
      assertNear(line.delivery.rate, mbit * MBIT, 0.05, 'measured');
      // On the slowest lines a few packets take longer than the target.
      const few = (6 * 1_428 * 1e6) / line.rate;
      assert.ok(line.longestQueue < Math.max(1.6 * QUEUE_TARGET, few), `a queue of ${line.longestQueue} µs`);
    });
  }

  it('loses nothing once it is known, though its queue could overflow', () => {
    const line = new Bottleneck({ rate: 20 * MBIT });
    line.queueLimit = 30_000;
    line.run(3_000);
    const before = line.lost;
    assertNear(line.run(5_000), 20 * MBIT, 0.03, 'carried');
    assert.equal(line.lost - before, 0);
  });

  it('is followed when it becomes slower and when it becomes faster', () => {
    const line = new Bottleneck({ rate: 100 * MBIT });
    line.run(2_000);
    line.rate = 10 * MBIT;
    line.run(2_000);
    assertNear(line.delivery.rate, 10 * MBIT, 0.05, 'after the fall');
    assert.ok(line.longestQueue < 250_000);
    line.run(2_000);
    assert.ok(line.longestQueue < 1.6 * QUEUE_TARGET, `a queue of ${line.longestQueue} µs`);
    line.rate = 200 * MBIT;
    line.run(2_000);
    assertNear(line.run(1_000), 200 * MBIT, 0.03, 'after the rise');
  });

  it('is filled as well when one packet in twenty is lost by chance', () => {
    const line = new Bottleneck({ rate: 50 * MBIT });
    line.lossPercent = 5;
    line.run(3_000);
    assertNear(line.run(3_000), 50 * MBIT, 0.04, 'carried');
    assertNear(line.delivery.loss, 0.05, 0.6, 'loss');
  });

  it('is not asked for less and less when it loses a third by chance', () => {
    const line = new Bottleneck({ rate: 50 * MBIT });
    line.lossPercent = 33;
    line.run(6_000);
    assertNear(line.run(4_000), 50 * MBIT, 0.1, 'carried');
  });

  it('is filled as well when the far side looks late', () => {
    const line = new Bottleneck({ rate: 100 * MBIT });
    line.lateness = 3_000;
    line.run(3_000);
    assertNear(line.run(3_000), 100 * MBIT, 0.04, 'carried');
  });

  it('with a queue shorter than we would keep is filled without overflowing it for long', () => {
    const line = new Bottleneck({ rate: 50 * MBIT });
    line.queueLimit = 6_000;
    line.run(4_000);
    const before = line.lost;
    assertNear(line.run(4_000), 50 * MBIT, 0.06, 'carried');
    const sent = (4 * 50 * MBIT) / 1_428;
    assert.ok((line.lost - before) / sent < 0.03, `${line.lost - before} of ${sent} lost`);
  });

  it('with no queue at all, as a policer is, is not asked for much more than it lets through', () => {
    const line = new Bottleneck({ rate: 50 * MBIT, burstPackets: 1 });
    line.queueLimit = 1_000;
    line.run(4_000);
    const before = line.lost;
    const carried = line.run(4_000);
    assert.ok(carried > 0.75 * 50 * MBIT, `carried ${carried}`);
    const sent = (4 * 50 * MBIT) / 1_428;
    assert.ok((line.lost - before) / sent < 0.4, `${line.lost - before} of ${sent} lost`);
  });

  it('has another delay one day, and is found out', () => {
    const line = new Bottleneck({ rate: 50 * MBIT });
    line.run(3_000);
    line.delay += 40_000;
    line.run(8_000);
    assertNear(line.run(2_000), 50 * MBIT, 0.05, 'carried');
    assert.ok(line.longestQueue < 2 * QUEUE_TARGET, `a queue of ${line.longestQueue} µs`);
  });
});

describe('a line that is asked for less than it has', () => {
  it('is not thought slower for it, however late the far side looks', () => {
    for (const lateness of [0, 3_000, 8_000]) {
      const line = new Bottleneck({ rate: 100 * MBIT });
      line.lateness = lateness;
      line.offered = 5 * MBIT;
      line.run(5_000);
      line.offered = Number.POSITIVE_INFINITY;
      line.run(1_000);
      assertNear(line.run(1_000), 100 * MBIT, 0.05, `carried after idling, ${lateness} µs late`);
    }
  });

  it('carries what it is offered, however wrong we were about it', () => {
    const line = new Bottleneck({ rate: 100 * MBIT, declared: 0.1 * MBIT });
    line.offered = 30 * MBIT;
    line.run(3_000);
    assertNear(line.run(1_000), 30 * MBIT, 0.03, 'carried');
  });
});

describe('what is known of a line', () => {
  it('lets packets wait for those before them', () => {
    const delivery = new Delivery(1_000_000);
    const now = 2 ** 32;
    assert.equal(delivery.queueAt(now), 0);
    delivery.sent(7, 10, 10, 9_720, now);
    assert.equal(delivery.queueAt(now), 10_000);
    assert.equal(delivery.queueAt(now + 4_000), 6_000);
    assert.equal(delivery.isFull(now), false);
    delivery.sent(7, 11, 1, 972, now);
    assert.ok(delivery.isFull(now));
    assert.equal(delivery.isFull(delivery.roomAt(now) + 1), false);
    assert.equal(delivery.arrivalOf(1_000, now) - delivery.arrivalOf(0, now), 1_000);
  });

  it('holds nobody back when the news that should have come do not: one burst asks', () => {
    const delivery = new Delivery(10_000);
    const start = 2 ** 32;
    delivery.sent(7, 1, 1, 972, start);
    const arrivedClock = (start + 20_000) >>> 0;
    delivery.received({ spi: 7, newest: 1, arrivedClock, packets: 1, bytes: 972 }, 40_000, start + 40_000);
    const now = start + 200_000;
    delivery.sent(7, 101, 100, 97_200, now);
    assert.ok(delivery.queueAt(now) > 9_000_000, 'ten seconds of the line');
    const news = 80_000 + REPORT_INTERVAL + 450_000;
    assert.equal(delivery.roomAt(now), now + news, 'two round trips, a report, some packets');
    assert.ok(delivery.isFull(now + news - 1));
    assert.equal(delivery.isFull(now + news), false);
    delivery.sent(7, 102, 1, 972, now + news);
    assert.ok(delivery.isFull(now + news));
    // A report that tells something new is waited for anew.
    const news2 = { spi: 7, newest: 51, arrivedClock: (now + 30_000) >>> 0, packets: 51, bytes: 50_000 };
    delivery.received(news2, 40_000, now + news + 100_000);
    assert.ok(delivery.isFull(now + 2 * news + 50_000));
  });

  it('is half as good after one bad sample, at the worst, and not worthless', () => {
    const rate = new LineRate();
    rate.declare(12_500_000);
    rate.observe(250_000, 20_000, true, Number.POSITIVE_INFINITY);
    rate.observe(100, 20_000, true, Number.POSITIVE_INFINITY);
    assert.equal(rate.value, 6_250_000);
    for (let sample = 0; sample < 9; sample++) rate.observe(2_000, 20_000, true, Number.POSITIVE_INFINITY);
    assertNear(rate.value, 100_000, 0.25, 'after a fifth of a second');
  });

  it('is not upset by reports that say nothing new, are of other keys or absurd', () => {
    const line = new Bottleneck({ rate: 50 * MBIT });
    line.run(3_000);
    const { rate, base } = line.delivery;
    const absurd = [
      { spi: 7, newest: 0, arrivedClock: 0, packets: 0, bytes: 0 },
      { spi: 99, newest: 2 ** 40, arrivedClock: 5, packets: 5, bytes: 5 },
      { spi: 7, newest: 3, arrivedClock: 0xffff_ffff, packets: 0xffff_ffff, bytes: 0xffff_ffff },
    ];
    for (const reception of absurd) line.delivery.received(reception, 20_000, line.now);
    assert.deepEqual([line.delivery.rate, line.delivery.base], [rate, base]);
    assertNear(line.run(2_000), 50 * MBIT, 0.03, 'carried');
  });
});
