import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Delivery } from '../path/delivery.ts';
import { Path } from '../path/path.ts';
import { Guard, type GuardVerdict, STEP } from './guard.ts';
import type { ScheduledPath } from './scheduler.ts';

const MBIT = 125_000;

/** A path that was measured, and carried something since it was asked last. */
function measured(id: number, mbit: number, more: { millis?: number; loss?: number } = {}): ScheduledPath {
  const path = new Path(id, 250_000, 0);
  path.state = 'up';
  path.rtt = (more.millis ?? 20) * 1000;
  const figures = { measuredRate: mbit * MBIT, loss: more.loss ?? 0, takeCarried: () => 1_000_000 };
  return { path, delivery: figures as unknown as Delivery, weight: 1, clock: 0, demoted: false };
}

/** A tunnel whose throughput depends on which paths take part. */
class Watched {
  readonly guard = new Guard();
  readonly paths: ScheduledPath[];
  readonly verdicts: (GuardVerdict & { readonly atSeconds: number })[] = [];
  /** Mbit/s, as it is now. */
  carried: () => number;
  trials = 0;
  #now = 2 ** 32;
  #bytes = 0;

  constructor(paths: ScheduledPath[], carried: () => number) {
    this.paths = paths;
    this.carried = carried;
    this.guard.observe(paths, 0, this.#now);
  }

  run(seconds: number): void {
    for (let step = 0; step < (seconds * 1e6) / STEP; step++) {
      this.#now += STEP;
      this.#bytes += (this.carried() * MBIT * STEP) / 1e6;
      const before = this.paths.some(({ demoted }) => demoted);
      const verdict = this.guard.observe(this.paths, this.#bytes, this.#now);
      if (!before && this.paths.some(({ demoted }) => demoted)) this.trials++;
      if (verdict !== undefined) this.verdicts.push({ ...verdict, atSeconds: (this.#now - 2 ** 32) / 1e6 });
    }
  }

  /** The process was stopped for so long. */
  pause(seconds: number): void {
    this.#now += seconds * 1e6;
  }

  get kinds(): string[] {
    return this.verdicts.map(({ kind }) => kind);
  }
}

describe('a path that makes the tunnel slower than its best path alone', () => {
  const near = () => measured(0, 100);
  const far = () => measured(1, 20, { millis: 600 });

  it('is left out, with the figures, and tried again later', () => {
    const paths = [near(), far()];
    const tunnel = new Watched(paths, () => (paths[1]?.demoted === true ? 92 : 27));
    tunnel.run(12);
    assert.equal(paths[1]?.demoted, true);
    const [verdict] = tunnel.verdicts;
    assert.equal(verdict?.path, paths[1]);
    const mbit = [verdict?.withIt, verdict?.withoutIt, verdict?.best].map((rate) => (rate ?? 0) / MBIT);
    assert.deepEqual(mbit.map(Math.round), [27, 92, 100]);
    tunnel.run(32);
    assert.deepEqual(tunnel.kinds.slice(0, 2), ['demoted', 'restored']);
  });

  it('is left out for longer each time', () => {
    const paths = [near(), far()];
    const tunnel = new Watched(paths, () => (paths[1]?.demoted === true ? 92 : 27));
    tunnel.run(3_600);
    const pauses = tunnel.verdicts.filter(({ kind }) => kind === 'demoted').map(({ pause }) => pause / 1e6);
    assert.deepEqual(pauses.slice(0, 6), [30, 60, 120, 240, 480, 600]);
  });

  it('is the one that loses most, or else the slowest to answer, never the best', () => {
    const lossy = measured(2, 50, { loss: 0.3, millis: 40 });
    const choices: [ScheduledPath[], number][] = [
      [[near(), far(), measured(2, 50)], 1],
      [[near(), measured(1, 50), lossy], 2],
      [[measured(0, 100, { millis: 900, loss: 0.1 }), measured(1, 50)], 1],
    ];
    for (const [paths, expected] of choices) {
      const tunnel = new Watched(paths, () => (paths.some(({ demoted }) => demoted) ? 92 : 27));
      tunnel.run(12);
      assert.equal(
        paths.findIndex(({ demoted }) => demoted),
        expected,
      );
    }
  });

  it('comes back when it goes from the tunnel, or the process was stopped in the middle of a trial', () => {
    const paths = [near(), far()];
    const tunnel = new Watched(paths, () => 27);
    tunnel.run(5);
    assert.equal(paths[1]?.demoted, true, 'the trial');
    tunnel.pause(60);
    tunnel.run(0.5);
    assert.equal(paths[1]?.demoted, false);
    assert.deepEqual(tunnel.verdicts, []);
  });
});

describe('a tunnel', () => {
  it('that carries more than its best path is let be', () => {
    const paths = [measured(0, 100), measured(1, 20)];
    const tunnel = new Watched(paths, () => 112);
    tunnel.run(600);
    assert.deepEqual([tunnel.trials, tunnel.verdicts.length], [0, 0]);
  });

  it('that has little to carry is tried now and then, and loses no path', () => {
    const paths = [measured(0, 100), measured(1, 20)];
    const tunnel = new Watched(paths, () => 40);
    tunnel.run(3_600);
    assert.deepEqual(tunnel.verdicts, []);
    assert.ok(tunnel.trials > 0 && tunnel.trials < 12, `${tunnel.trials} trials in an hour`);
    assert.ok(paths.every(({ demoted }) => !demoted));
  });

  it('that has next to nothing to carry, or was never full, is not tried', () => {
    const paths = [measured(0, 100), measured(1, 20)];
    const idle = new Watched(paths, () => 5);
    idle.run(600);
    const unknown = new Watched([measured(0, 0), measured(1, 0)], () => 50);
    unknown.run(600);
    assert.deepEqual([idle.trials, unknown.trials], [0, 0]);
  });
});
