import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { REPLAY_WINDOW_PACKETS, ReplayWindow } from './replay-window.ts';

const TWO_32 = 2 ** 32;

/** The rule in its plainest form: everything that was ever accepted is remembered. */
class RememberingWindow {
  readonly #seen = new Set<number>();
  readonly #size: number;
  newest = 0;

  constructor(size: number) {
    this.#size = size;
  }

  isFresh(sequence: number): boolean {
    if (sequence > this.newest) return true;
    return sequence > 0 && sequence > this.newest - this.#size && !this.#seen.has(sequence);
  }

  accept(sequence: number): void {
    this.#seen.add(sequence);
    this.newest = Math.max(this.newest, sequence);
  }
}

/** RFC 4303, appendix A2.2, word for word in integers of any size. */
function locateByTheBook(newest: bigint, size: bigint, low: bigint): bigint {
  const [newestLow, newestHigh] = [newest & 0xffff_ffffn, newest >> 32n];
  const bottom = (newestLow - size + 1n) & 0xffff_ffffn;
  if (newestLow >= size - 1n) return ((low >= bottom ? newestHigh : newestHigh + 1n) << 32n) + low;
  return ((low >= bottom ? newestHigh - 1n : newestHigh) << 32n) + low;
}

/** Distances from the newest number, where they matter: beside it, at borders of words, window, ring and low half. */
function distances(size: number): fc.Arbitrary<number> {
  const near = (centre: number) => fc.integer({ min: centre - 34, max: centre + 34 });
  return fc.oneof(
    { weight: 8, arbitrary: near(0) },
    { weight: 4, arbitrary: near(-size) },
    { weight: 2, arbitrary: near(size) },
    near(size + 32),
    near(2 * size + 64),
    fc.integer({ min: -2 * size, max: 2 * size }),
    fc.constantFrom(TWO_32, 2 ** 31, 2 ** 31 - 1),
  );
}

const starts = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 70 }),
  fc.integer({ min: -70, max: 70 }).map((by) => TWO_32 + by),
  fc.integer({ min: -70, max: 70 }).map((by) => 5 * TWO_32 + by),
  fc.integer({ min: 1, max: 2 ** 50 }),
);

function agreesWithTheModel(size: number, start: number, steps: readonly number[]): void {
  const window = new ReplayWindow(size);
  const model = new RememberingWindow(size);
  for (const distance of [start, ...steps]) {
    const sequence = model.newest + distance;
    assert.equal(window.isFresh(sequence), model.isFresh(sequence), `${sequence} after ${model.newest}`);
    if (!model.isFresh(sequence)) continue;
    window.accept(sequence);
    model.accept(sequence);
    assert.equal(window.newest, model.newest);
    assert.equal(window.isFresh(sequence), false, `${sequence} a second time`);
  }
}

describe('replay window', () => {
  it('forgets nothing while it grows', () => {
    for (const jump of [2_048, 2_049, 4_095, 4_096, 30_000, 65_536]) {
      const window = new ReplayWindow();
      for (let sequence = 1; sequence < 2_048; sequence += 2) window.accept(sequence);
      window.accept(jump);
      const first = Math.max(1, jump - REPLAY_WINDOW_PACKETS + 1);
      for (let sequence = first; sequence < 2_048; sequence++) {
        assert.equal(window.isFresh(sequence), sequence % 2 === 0, `${sequence} after ${jump}`);
      }
      assert.equal(window.isFresh(jump), false);
    }
  });

  it('accepts and refuses what a window with a perfect memory does', () => {
    for (const size of [32, 64, 1024, 8192]) {
      const steps = fc.array(distances(size), { maxLength: 120, size: 'max' });
      fc.assert(fc.property(starts, steps, (start, row) => agreesWithTheModel(size, start, row)));
    }
  });

  it('does so in its full width', () => {
    const steps = fc.array(distances(REPLAY_WINDOW_PACKETS), { maxLength: 60, size: 'max' });
    const property = fc.property(starts, steps, (start, row) =>
      agreesWithTheModel(REPLAY_WINDOW_PACKETS, start, row),
    );
    fc.assert(property, { numRuns: 40 });
  });

  it('has exactly its size: the oldest number inside is accepted once, the one before it never', () => {
    for (const newest of [REPLAY_WINDOW_PACKETS, TWO_32 - 1, TWO_32, TWO_32 + 31, 3 * TWO_32 + 77]) {
      const window = new ReplayWindow();
      window.accept(newest);
      const oldest = newest - REPLAY_WINDOW_PACKETS + 1;
      assert.equal(window.isFresh(oldest - 1), false);
      assert.equal(window.isFresh(oldest), true);
      window.accept(oldest);
      assert.equal(window.isFresh(oldest), false);
      assert.equal(window.isFresh(newest), false);
    }
  });

  it('refuses zero, what is negative, and sizes that are no whole number of words', () => {
    const window = new ReplayWindow(64);
    assert.equal(window.isFresh(0), false);
    assert.equal(window.isFresh(-1), false);
    assert.equal(window.isFresh(1), true);
    assert.throws(() => new ReplayWindow(33), RangeError);
  });

  it('every packet in order across the wrap of the low half is fresh once', () => {
    const window = new ReplayWindow(64);
    window.accept(TWO_32 - 200);
    for (let sequence = TWO_32 - 199; sequence < TWO_32 + 200; sequence++) {
      assert.equal(window.locate(sequence % TWO_32), sequence);
      assert.equal(window.isFresh(sequence), true);
      window.accept(sequence);
      assert.equal(window.isFresh(sequence), false);
    }
  });
});

describe('the whole sequence number from its low half', () => {
  const sizes = fc.constantFrom(32, 64, 1024, REPLAY_WINDOW_PACKETS);
  const lows = fc.oneof(
    fc.integer({ min: 0, max: TWO_32 - 1 }),
    fc.integer({ min: 0, max: 70_000 }),
    fc.integer({ min: 1, max: 70_000 }).map((by) => TWO_32 - by),
  );
  const newests = fc.oneof(
    starts,
    fc.integer({ min: -70_000, max: 70_000 }).map((by) => 7 * TWO_32 + by),
  );

  it('is what RFC 4303, appendix A2 computes', () => {
    const property = fc.property(sizes, newests, lows, (size, newest, low) => {
      const window = new ReplayWindow(size);
      if (newest > 0) window.accept(newest);
      assert.equal(BigInt(window.locate(low)), locateByTheBook(BigInt(newest), BigInt(size), BigInt(low)));
    });
    fc.assert(property, { numRuns: 3000 });
  });

  it('is right for every number from the oldest in the window to nearly 2^32 ahead', () => {
    const ahead = fc.oneof(
      fc.integer({ min: 0, max: TWO_32 - REPLAY_WINDOW_PACKETS }),
      fc.integer({ min: 0, max: 100 }).map((by) => TWO_32 - REPLAY_WINDOW_PACKETS - by),
      fc.integer({ min: -REPLAY_WINDOW_PACKETS + 1, max: 0 }),
      fc.integer({ min: 0, max: 100 }).map((by) => by + 1 - REPLAY_WINDOW_PACKETS),
    );
    const property = fc.property(newests, ahead, (newest, distance) => {
      const sequence = newest + distance;
      fc.pre(sequence > 0);
      const window = new ReplayWindow();
      if (newest > 0) window.accept(newest);
      assert.equal(window.locate(sequence % TWO_32), sequence);
    });
    fc.assert(property, { numRuns: 3000 });
  });

  it('is no number at all before the first wrap for what would lie below zero', () => {
    const window = new ReplayWindow(64);
    window.accept(5);
    assert.equal(window.isFresh(window.locate(TWO_32 - 3)), false);
  });
});
