import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Delivery } from '../path/delivery.ts';
import { Path, type PathState } from '../path/path.ts';
import { byWeight } from './by-weight.ts';
import type { ScheduledPath } from './scheduler.ts';

function pathsOf(...weights: number[]): ScheduledPath[] {
  return weights.map((weight, id) => {
    const path = new Path(id, 250_000, 0);
    path.state = 'up';
    return { path, delivery: new Delivery(), weight, clock: 0, demoted: false };
  });
}

/** The path changes its state as the reporter tells it. */
function enter(paths: ScheduledPath[], index: number, state: PathState): void {
  const path = paths[index] as ScheduledPath;
  path.path.state = state;
  if (state === 'up') byWeight.joined(paths, path);
}

/** Sends bursts and says how many bytes went over each path. */
function send(paths: ScheduledPath[], bursts: readonly number[]): number[] {
  const sent = paths.map(() => 0);
  for (const bytes of bursts) {
    const index = byWeight.choose(paths, 0, -1);
    byWeight.charge(paths, index, bytes);
    sent[index] = (sent[index] as number) + bytes;
  }
  return sent;
}

function equalBursts(count: number): number[] {
  return new Array<number>(count).fill(60_000);
}

const weights = fc.array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1e6, max: 1e9 })), {
  minLength: 1,
  maxLength: 6,
});

describe('bursts', () => {
  it('take what is blocked only where everything is, and then there is no room', () => {
    const paths = pathsOf(1, 1, 1);
    enter(paths, 2, 'suspect');
    paths[0]!.delivery.blocked = true;
    assert.deepEqual(send(paths, equalBursts(4)), [0, 240_000, 0]);
    assert.ok(byWeight.roomAt(paths, 1_000) <= 1_000);
    paths[1]!.delivery.blocked = true;
    assert.deepEqual(send(paths, equalBursts(1)), [60_000, 0, 0]);
    assert.ok(byWeight.roomAt(paths, 1_000) > 1_000);
  });

  it('are shared in proportion to the weights', () => {
    const bursts = fc.integer().map((seed) => randomBursts(seed, 4000));
    const likeWeights = weights.filter((list) => Math.max(...list) / Math.min(...list) <= 100);
    const property = fc.property(likeWeights, bursts, (list, row) => {
      const paths = pathsOf(...list);
      const sent = send(paths, row);
      const [total, weight] = [row.reduce((a, b) => a + b, 0), list.reduce((a, b) => a + b, 0)];
      for (const [index, bytes] of sent.entries()) {
        const share = bytes / total - (list[index] as number) / weight;
        assert.ok(Math.abs(share) < 0.02, `path ${index} is ${share} off`);
      }
    });
    fc.assert(property, { numRuns: 40 });
  });

  it('do not avoid a path for long because of what was pinned to it', () => {
    const paths = pathsOf(1, 1, 2);
    for (const bytes of equalBursts(10_000)) byWeight.charge(paths, 0, bytes);
    const [first = 0] = send(paths, equalBursts(40));
    assert.ok(first >= 8 * 60_000, `${first} bytes over the path of the pinned traffic`);
  });

  it('never go over a path that is not up while one is', () => {
    const states = fc.array(fc.constantFrom<PathState>('up', 'suspect', 'probing', 'down'), { minLength: 1 });
    const property = fc.property(states, (list) => {
      const paths = pathsOf(...list.map(() => 1));
      for (const [index, state] of list.entries()) (paths[index] as ScheduledPath).path.state = state;
      const chosen = list[byWeight.choose(paths, 0, -1)];
      if (list.includes('up')) assert.equal(chosen, 'up');
      else if (list.includes('suspect')) assert.equal(chosen, 'suspect');
    });
    fc.assert(property);
  });

  it('go over the path heard of last when none is up or in question, and nowhere without paths', () => {
    const paths = pathsOf(1, 1, 1);
    for (const [index, heardAt] of [5, 9, 7].entries()) {
      (paths[index] as ScheduledPath).path.state = index === 1 ? 'probing' : 'down';
      (paths[index] as ScheduledPath).path.lastHeardAt = heardAt;
    }
    assert.equal(byWeight.choose(paths, 0, -1), 1);
    assert.equal(byWeight.choose([], 0, -1), -1);
  });
});

describe('a path that comes back', () => {
  it('gets its share from then on and nothing of what it missed', () => {
    const paths = pathsOf(1, 3);
    enter(paths, 0, 'down');
    assert.deepEqual(send(paths, equalBursts(1000)), [0, 60_000_000]);
    enter(paths, 0, 'up');
    const [first, second] = send(paths, equalBursts(400)) as [number, number];
    assert.ok(Math.abs(first / (first + second) - 0.25) < 0.01, `${first} of ${first + second}`);
  });

  it('is not made to wait for what it carried alone', () => {
    const paths = pathsOf(1, 1);
    enter(paths, 1, 'down');
    send(paths, equalBursts(1000));
    enter(paths, 0, 'down');
    enter(paths, 1, 'up');
    send(paths, equalBursts(10));
    enter(paths, 0, 'up');
    const [first, second] = send(paths, equalBursts(100)) as [number, number];
    assert.ok(Math.abs(first - second) <= 120_000, `${first} and ${second} bytes`);
  });

  it('gains nothing by coming and going', () => {
    const paths = pathsOf(1, 1);
    const sent = [0, 0];
    for (let round = 0; round < 500; round++) {
      enter(paths, 0, 'suspect');
      enter(paths, 0, 'up');
      for (const [index, bytes] of send(paths, equalBursts(4)).entries()) {
        sent[index] = (sent[index] as number) + bytes;
      }
    }
    const [first, second] = sent as [number, number];
    assert.ok(first / (first + second) < 0.55, `${first} of ${first + second}`);
  });

  it('leaves each its share, whoever comes and goes', () => {
    const acts = fc.array(
      fc.record({ path: fc.nat(3), state: fc.constantFrom<PathState>('up', 'suspect', 'down') }),
      { maxLength: 30, size: 'max' },
    );
    const property = fc.property(acts, (row) => {
      const paths = pathsOf(1, 2, 3, 4);
      for (const { path, state } of row) {
        enter(paths, path, state);
        send(paths, equalBursts(50));
      }
      for (const index of paths.keys()) {
        if (paths[index]?.path.state !== 'up') enter(paths, index, 'up');
      }
      const sent = send(paths, equalBursts(2000));
      for (const [index, bytes] of sent.entries()) {
        const share = bytes / 120_000_000 - (index + 1) / 10;
        assert.ok(Math.abs(share) < 0.02, `path ${index} is ${share} off`);
      }
    });
    fc.assert(property, { numRuns: 60 });
  });
});

/** Bursts from one small packet to a full one. */
function randomBursts(seed: number, count: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 100 + (state % 65_000);
  });
}
