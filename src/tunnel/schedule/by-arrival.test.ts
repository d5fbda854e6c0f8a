import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Delivery } from '../path/delivery.ts';
import { Path, type PathState } from '../path/path.ts';
import { byArrival } from './by-arrival.ts';
import type { ScheduledPath } from './scheduler.ts';

const NONE = -1;
const SPI = 7;
const START = 2 ** 32;

/** Lines of so many Mbit/s with so many ms of delay, as they are known after a report. */
function pathsOf(...lines: readonly { mbit: number; millis: number }[]): ScheduledPath[] {
  return lines.map(({ mbit, millis }, id) => {
    const path = new Path(id, 250_000, START);
    path.state = 'up';
    const delivery = new Delivery(mbit * 125_000);
    delivery.sent(SPI, 1, 1, 100, START);
    const arrivedClock = (START + millis * 1000) >>> 0;
    delivery.received({ spi: SPI, newest: 1, arrivedClock, packets: 1, bytes: 100 }, 2_000 * millis, START);
    return { path, delivery, weight: 1, clock: 0, demoted: false };
  });
}

/** Gives the paths packets at one moment, until there is no room. @returns bytes per path */
function fill(paths: ScheduledPath[], now: number): number[] {
  const sent = paths.map(() => 0);
  for (let number = 2; byArrival.roomAt(paths, now) <= now; number++) {
    const index = byArrival.choose(paths, now, NONE);
    paths[index]?.delivery.sent(SPI, number, 1, 1_400, now);
    sent[index] = (sent[index] as number) + 1_400;
    assert.ok(number < 100_000, 'there is an end');
  }
  return sent;
}

const later = START + 1_000_000;

describe('a burst', () => {
  it('takes the path on which it arrives first', () => {
    const paths = pathsOf({ mbit: 100, millis: 30 }, { mbit: 20, millis: 10 });
    assert.equal(byArrival.choose(paths, later, NONE), 1);
    for (let number = 2; number < 10; number++) paths[1]?.delivery.sent(SPI, number, 1, 6_400, later);
    assert.equal(byArrival.choose(paths, later, NONE), 0, '20 ms of queue are more than 20 ms of delay');
  });

  it('has others behind it on the same path, more of them the faster its line is', () => {
    const bytes = (mbit: number) => {
      const paths = pathsOf({ mbit, millis: 10 }, { mbit: 100, millis: 10 });
      return byArrival.quantum(paths, 0);
    };
    assert.deepEqual([bytes(100), bytes(1_000)], [6_250, 62_500], 'half a millisecond of a line');
    assert.deepEqual([bytes(2_000), bytes(8_000)], [500_000, 2_000_000], 'two of a fast one');
    assert.equal(byArrival.quantum(pathsOf({ mbit: 100, millis: 10 }), 0), Number.POSITIVE_INFINITY);
  });

  it('takes a path with room, however late it arrives there, before one that is full', () => {
    const paths = pathsOf({ mbit: 200, millis: 5 }, { mbit: 50, millis: 40 });
    const [near, far] = fill(paths, later) as [number, number];
    assert.ok(Math.abs(near / far - 4) < 0.3, `${near} and ${far} bytes: 10 ms of each`);
  });

  it('takes what is blocked only where everything is, and then there is no room', () => {
    const paths = pathsOf({ mbit: 100, millis: 10 }, { mbit: 20, millis: 300 });
    paths[0]!.delivery.blocked = true;
    assert.equal(byArrival.choose(paths, later, NONE), 1);
    fill(paths, later);
    assert.equal(byArrival.choose(paths, later, NONE), 1, 'full is better than blocked');
    paths[1]!.delivery.blocked = true;
    assert.equal(byArrival.choose(paths, later, NONE), 0);
    assert.ok(byArrival.roomAt(paths, later) > later);
    paths[0]!.delivery.blocked = false;
    assert.ok(byArrival.roomAt(paths, later) <= later);
  });

  it('that was lost on one path takes another where that is not much worse', () => {
    const near = pathsOf({ mbit: 100, millis: 10 }, { mbit: 20, millis: 40 });
    assert.deepEqual(
      [NONE, 0, 1].map((avoid) => byArrival.choose(near, later, avoid)),
      [0, 1, 0],
    );
    const far = pathsOf({ mbit: 100, millis: 10 }, { mbit: 20, millis: 300 });
    assert.equal(byArrival.choose(far, later, 0), 0);
  });

  it('never takes a path that is not up while one is', () => {
    const states = fc.array(fc.constantFrom<PathState>('up', 'suspect', 'probing', 'down'), { minLength: 1 });
    fc.assert(
      fc.property(states, (list) => {
        const paths = pathsOf(...list.map(() => ({ mbit: 10, millis: 10 })));
        for (const [index, state] of list.entries()) (paths[index] as ScheduledPath).path.state = state;
        const chosen = list[byArrival.choose(paths, later, NONE)];
        if (list.includes('up')) assert.equal(chosen, 'up');
        else if (list.includes('suspect')) assert.equal(chosen, 'suspect');
      }),
    );
  });
});

describe('room', () => {
  it('is for about 10 ms on each path, and comes back as the lines carry it away', () => {
    const lines = fc.array(
      fc.record({ mbit: fc.integer({ min: 5, max: 1_000 }), millis: fc.integer({ min: 1, max: 200 }) }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(lines, (list) => {
        const paths = pathsOf(...list);
        for (const [index, bytes] of fill(paths, later).entries()) {
          const millis = (bytes * 8) / ((list[index]?.mbit as number) * 1000);
          assert.ok(millis > 8 && millis < 15, `${millis} ms on path ${index}`);
        }
        const at = byArrival.roomAt(paths, later);
        assert.ok(at > later && at < later + 10_000);
        assert.ok(byArrival.roomAt(paths, at + 1) <= at + 1);
      }),
      {
        numRuns: 50,
        // A queue that is exactly as long as it should be.
        examples: [
          [
            [
              { mbit: 714, millis: 7 },
              { mbit: 11, millis: 1 },
              { mbit: 5, millis: 1 },
            ],
          ],
        ],
      },
    );
  });

  it('is asked for where all paths are in question: of the one that is tried', () => {
    const paths = pathsOf({ mbit: 1, millis: 1 }, { mbit: 1, millis: 1 });
    for (const { path } of paths) path.state = 'suspect';
    paths[1]!.path.heard(later);
    const [silent, heard] = fill(paths, later) as [number, number];
    assert.equal(silent, 0);
    assert.ok(heard > 0 && heard < 7_000, `${heard} bytes: what the line has in its queue at the most`);
    assert.ok(byArrival.roomAt(paths, later) > later);
  });

  it('is not asked for where no path is up or in question: nothing is known of any', () => {
    for (const state of ['probing', 'down'] as const) {
      const paths = pathsOf({ mbit: 1, millis: 1 });
      fill(paths, later);
      paths[0]!.path.state = state;
      assert.equal(byArrival.roomAt(paths, later), later);
    }
  });
});
