import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Impairments, unimpaired } from './impairments.ts';
import { Shaper, verdict } from './shaper.ts';

const shaper = (change: Partial<Impairments>, seed = 1) => new Shaper({ ...unimpaired, ...change }, seed);

describe('shaper', () => {
  it('hands a frame on at once when nothing is impaired', () => {
    const wire = shaper({});
    assert.equal(wire.enqueue(1500, undefined, 7), verdict.delivered);
    assert.equal(wire.dueMillis, 7);
  });

  it('adds the time on the wire and the delay', () => {
    const link = shaper({ rateMbit: 12, delayMillis: 10 });
    link.enqueue(1500, undefined, 100); // 12,000 bits at 12 Mbit/s take 1 ms.
    assert.equal(link.dueMillis, 111);
    link.enqueue(750, undefined, 100);
    assert.equal(link.dueMillis, 111.5);
    link.enqueue(1500, undefined, 200); // Idle since: starts anew.
    assert.equal(link.dueMillis, 211);
  });

  it('holds as much as the queue allows and drops what comes then', () => {
    const link = shaper({ rateMbit: 12, queueMillis: 5 });
    const verdicts = Array.from({ length: 7 }, () => link.enqueue(1500, undefined, 0));
    assert.deepEqual(verdicts, [0, 0, 0, 0, 0, verdict.overflowed, verdict.overflowed]);
    assert.equal(link.enqueue(1500, undefined, 1), verdict.delivered);
    assert.equal(link.dueMillis, 6);
  });

  it('takes a packet that is longer than the queue when the link is idle', () => {
    const link = shaper({ rateMbit: 0.1, queueMillis: 5 });
    assert.equal(link.enqueue(1500, undefined, 0), verdict.delivered);
    assert.equal(link.enqueue(1500, undefined, 0), verdict.overflowed);
    assert.equal(link.enqueue(1500, undefined, 120), verdict.delivered);
  });

  it('swallows everything in a black hole, and nothing after it', () => {
    const link = shaper({ blackHole: true });
    assert.equal(link.enqueue(100, undefined, 0), verdict.swallowed);
    link.change({ blackHole: false });
    assert.equal(link.enqueue(100, undefined, 0), verdict.delivered);
  });

  it('blocks protocols by name and packets above the MTU', () => {
    const link = shaper({ blocked: ['udp'], mtu: 1400 });
    assert.equal(link.enqueue(100, 'udp', 0), verdict.swallowed);
    assert.equal(link.enqueue(100, 'tcp', 0), verdict.delivered);
    assert.equal(link.enqueue(1400, undefined, 0), verdict.delivered);
    assert.equal(link.enqueue(1401, undefined, 0), verdict.swallowed);
  });

  it('lets a lost frame use up the rate', () => {
    const link = shaper({ rateMbit: 12, lossPercent: 100 });
    assert.equal(link.enqueue(1500, undefined, 0), verdict.lost);
    link.change({ lossPercent: 0 });
    link.enqueue(1500, undefined, 0);
    assert.equal(link.dueMillis, 2);
  });

  it('keeps the order when the delay shrinks, and breaks it where reordering is asked for', () => {
    const link = shaper({ delayMillis: 50 });
    link.enqueue(100, undefined, 0);
    link.change({ delayMillis: 10 });
    link.enqueue(100, undefined, 1);
    assert.equal(link.dueMillis, 50);
    link.change({ reorderPercent: 100, reorderMillis: 5 });
    link.enqueue(100, undefined, 100);
    assert.equal(link.dueMillis, 115);
    link.change({ reorderPercent: 0 });
    link.enqueue(100, undefined, 101);
    assert.equal(link.dueMillis, 111);
  });

  it('loses the same frames with the same seed', () => {
    const losses = (seed: number) => {
      const link = shaper({ lossPercent: 10 }, seed);
      return Array.from({ length: 2000 }, () => link.enqueue(100, undefined, 0)).join('');
    };
    assert.equal(losses(42), losses(42));
    assert.notEqual(losses(42), losses(43));
  });

  it('loses the share that was asked for', () => {
    for (const lossPercent of [1, 5, 30]) {
      const link = shaper({ lossPercent }, 9);
      const count = 50_000;
      let lost = 0;
      for (let i = 0; i < count; i++) if (link.enqueue(100, undefined, i) === verdict.lost) lost++;
      const p = lossPercent / 100;
      const deviation = Math.abs(lost - count * p) / Math.sqrt(count * p * (1 - p));
      assert.ok(deviation < 4, `${lost} of ${count} lost at ${lossPercent} %`);
    }
  });
});

const arrivals = fc.array(
  fc.record({
    size: fc.integer({ min: 20, max: 1500 }),
    gapMillis: fc.double({ min: 0, max: 3, noNaN: true }),
  }),
  { maxLength: 300 },
);
const impairments = fc.record({
  rateMbit: fc.option(fc.double({ min: 0.1, max: 1000, noNaN: true })),
  delayMillis: fc.double({ min: 0, max: 200, noNaN: true }),
  queueMillis: fc.double({ min: 1, max: 200, noNaN: true }),
  jitterMillis: fc.double({ min: 0, max: 20, noNaN: true }),
  lossPercent: fc.integer({ min: 0, max: 50 }),
});

/** Sends all and gives the frames that arrive. */
function pass(change: Partial<Impairments>, frames: readonly { size: number; gapMillis: number }[]) {
  const link = shaper(change);
  const delivered: { size: number; sent: number; due: number }[] = [];
  let now = 0;
  for (const { size, gapMillis } of frames) {
    now += gapMillis;
    if (link.enqueue(size, undefined, now) === verdict.delivered)
      delivered.push({ size, sent: now, due: link.dueMillis });
  }
  return delivered;
}

describe('shaper laws', () => {
  it('keeps the order', () => {
    fc.assert(
      fc.property(impairments, arrivals, (change, frames) => {
        const due = pass(change, frames).map((frame) => frame.due);
        assert.deepEqual(
          due,
          due.toSorted((a, b) => a - b),
        );
      }),
    );
  });

  it('delivers no earlier than delay and serialisation, no later than the queue allows', () => {
    fc.assert(
      fc.property(impairments, arrivals, (change, frames) => {
        for (const { size, sent, due } of pass(change, frames)) {
          const wire = change.rateMbit === null ? 0 : (size * 8) / (change.rateMbit * 1000);
          const took = due - sent;
          assert.ok(took >= change.delayMillis + wire - 1e-6);
          const longest = Math.max(change.queueMillis, wire) + change.delayMillis + change.jitterMillis;
          assert.ok(took <= longest + 1e-6, `${took} > ${longest}`);
        }
      }),
    );
  });

  it('never delivers faster than the rate', () => {
    fc.assert(
      fc.property(impairments, arrivals, (change, frames) => {
        const { rateMbit } = change;
        if (rateMbit === null) return;
        const delivered = pass({ ...change, jitterMillis: 0, delayMillis: 0 }, frames);
        for (let i = 1; i < delivered.length; i++) {
          const gap = delivered[i]!.due - delivered[i - 1]!.due;
          assert.ok(gap >= (delivered[i]!.size * 8) / (rateMbit * 1000) - 1e-6);
        }
      }),
    );
  });
});
