import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InternetConfig } from '../config/index.ts';
import type { Grade, Move } from './internet.ts';
import { InternetMachine } from './internet-machine.ts';

const config: InternetConfig = {
  links: [
    { name: 'fibre', tier: 1, weight: 3 },
    { name: 'dsl', tier: 1, weight: 1 },
    { name: 'lte', tier: 2, weight: 1 },
  ],
  masquerade: [],
  fallback: 'automatic',
  holdMillis: 30_000,
  canary: undefined,
};

class Rig {
  readonly machine: InternetMachine;
  now = 0;
  grades: Record<string, Grade> = { fibre: 'good', dsl: 'good', lte: 'good' };

  constructor(change: Partial<InternetConfig> = {}) {
    this.machine = new InternetMachine({ ...config, ...change }, 0);
    this.step();
  }

  /** All that changes, once a second. */
  step(seconds = 1, change: Record<string, Grade> = {}): Move[] {
    this.grades = { ...this.grades, ...change };
    return Array.from({ length: seconds }, () => {
      this.machine.look({ 4: this.grades, 6: {} }, this.now);
      const moves = this.machine.consider(this.now);
      this.machine.moved(moves, this.now);
      this.now += 1_000;
      return moves;
    }).flat();
  }

  get carriers(): string {
    return this.machine.families[4].standing.carriers.map(({ link }) => link).join();
  }
}

test('the links of the best tier carry; when one fails the other, when both fail the next tier', () => {
  const rig = new Rig();
  assert.equal(rig.carriers, 'fibre,dsl');
  rig.step(1, { fibre: 'down' });
  assert.equal(rig.carriers, 'dsl');
  assert.deepEqual(rig.machine.cuts(), [{ link: 'fibre', family: 4 }]);
  rig.step(1, { dsl: 'gone' });
  assert.equal(rig.carriers, 'lte');
});

test('a better tier carries again when it was good for the hold, not a moment before', () => {
  const rig = new Rig();
  rig.step(40, { fibre: 'down', dsl: 'down' });
  assert.equal(rig.carriers, 'lte');
  assert.deepEqual(rig.step(29, { fibre: 'good' }), []);
  assert.deepEqual(rig.step(1, { fibre: 'down' }), []);
  assert.deepEqual(rig.step(30, { fibre: 'good' }), []);
  const [move] = rig.step(1);
  assert.deepEqual([move?.reason, move?.heldMillis, rig.carriers], ['better', 30_000, 'fibre']);
});

test('with manual fallback it stays until the operator releases', () => {
  const rig = new Rig({ fallback: 'manual' });
  rig.step(1, { fibre: 'down', dsl: 'down' });
  assert.deepEqual(rig.step(600, { fibre: 'good' }), []);
  rig.machine.choose(undefined);
  const [move] = rig.step(1);
  assert.deepEqual([move?.reason, rig.carriers], ['operator', 'fibre']);
});

test('the chosen link carries as long as it works, and again after its failure', () => {
  const rig = new Rig();
  rig.machine.choose('lte');
  rig.step(1);
  assert.equal(rig.carriers, 'lte');
  assert.deepEqual(rig.step(300), []);
  rig.step(1, { lte: 'down' });
  assert.equal(rig.carriers, 'fibre,dsl');
  rig.step(32, { lte: 'good' });
  assert.equal(rig.carriers, 'lte');
});

test('when nothing works the present link is kept, and nothing is cut off', () => {
  const rig = new Rig();
  rig.step(1, { fibre: 'down', dsl: 'down' });
  assert.deepEqual(rig.step(60, { lte: 'down' }), []);
  assert.equal(rig.carriers, 'lte');
  assert.equal(rig.machine.families[4].standing.isLost, true);
  assert.ok(!rig.machine.cuts().some(({ link }) => link === 'lte'));
});

test('a degraded link carries where no good one is in its tier, before every lower tier', () => {
  const rig = new Rig();
  rig.step(31, { fibre: 'degraded' });
  assert.equal(rig.carriers, 'dsl');
  rig.step(1, { dsl: 'down' });
  assert.equal(rig.carriers, 'fibre');
  assert.deepEqual(rig.step(120), []);
});

test('a link about which nothing is known yet takes nothing away and dials nobody', () => {
  const rig = new Rig();
  assert.deepEqual(rig.step(60, { fibre: 'unknown', dsl: 'unknown' }), []);
  assert.deepEqual(rig.machine.needed(rig.now), ['fibre', 'dsl']);
});

test('a link that failed too lately carries where nothing else works, and nobody is offline for its sake', () => {
  const rig = new Rig();
  rig.step(1, { fibre: 'down', dsl: 'gone' });
  assert.equal(rig.carriers, 'lte');
  rig.step(60, { fibre: 'held' });
  assert.equal(rig.carriers, 'lte', 'while another works it is not trusted');
  const [move] = rig.step(1, { lte: 'down' });
  assert.deepEqual([move?.reason, rig.carriers], ['failed', 'fibre']);
  assert.equal(rig.machine.families[4].standing.isLost, false);
  assert.deepEqual(rig.machine.cuts(), [
    { link: 'dsl', family: 4 },
    { link: 'lte', family: 4 },
  ]);
  assert.deepEqual(rig.step(60), [], 'and stays');
});

test('a link that failed too lately keeps no backup from being dialled', () => {
  const rig = new Rig();
  rig.step(6, { fibre: 'held', dsl: 'gone', lte: 'gone' });
  assert.deepEqual(rig.machine.needed(rig.now), ['fibre', 'dsl', 'lte']);
});

test('a share of the connections returns first, and the rest only if all goes well', () => {
  const rig = new Rig({ canary: { share: 0.1, forMillis: 10_000 } });
  rig.step(1, { fibre: 'down', dsl: 'down' });
  const [first] = rig.step(31, { fibre: 'good' });
  assert.deepEqual(first?.canary, [{ link: 'fibre', weight: 3 }]);
  assert.equal(rig.carriers, 'lte');
  const [broken] = rig.step(1, { fibre: 'degraded' });
  assert.deepEqual([broken?.reason, rig.carriers], ['canaryFailed', 'lte']);
  assert.equal(rig.step(31, { fibre: 'good' }).at(-1)?.canary?.length, 1);
  const [back] = rig.step(11);
  assert.deepEqual([back?.reason, rig.carriers], ['better', 'fibre']);
});

test('backup links are needed while no better tier works, and while they carry', () => {
  const rig = new Rig();
  assert.deepEqual(rig.machine.needed(rig.now), ['fibre', 'dsl']);
  rig.now += 10_000;
  rig.step(1, { fibre: 'down', dsl: 'down', lte: 'gone' });
  assert.deepEqual(rig.machine.needed(rig.now), ['fibre', 'dsl', 'lte']);
  rig.step(1, { lte: 'good' });
  assert.equal(rig.carriers, 'lte');
  rig.step(5, { fibre: 'good' });
  assert.ok(rig.machine.needed(rig.now).includes('lte'));
  rig.step(40);
  assert.deepEqual(rig.machine.needed(rig.now), ['fibre']);
});

test('what began over a dead link, for want of another one, is cut off when another one works', () => {
  const rig = new Rig();
  rig.step(1, { fibre: 'down', dsl: 'gone' });
  for (const cut of rig.machine.cuts()) rig.machine.wasCut(cut);
  rig.step(1, { lte: 'gone' });
  assert.equal(rig.carriers, 'fibre');
  assert.deepEqual(rig.machine.cuts(), []);
  rig.step(1, { lte: 'good' });
  assert.equal(rig.carriers, 'lte');
  assert.deepEqual(
    rig.machine.cuts().map(({ link }) => link),
    ['fibre'],
  );
});

test('a link that carried before a start and is gone after it has its connections cut off', () => {
  const machine = new InternetMachine(config, 0);
  machine.adopt({ 4: ['fibre'], 6: [] }, undefined, [], 0);
  machine.look({ 4: { fibre: 'gone', dsl: 'gone', lte: 'good' }, 6: {} }, 0);
  machine.moved(machine.consider(0), 0);
  assert.deepEqual(machine.cuts(), [{ link: 'fibre', family: 4 }]);
});

test('after a restart it goes on from where it was, and what was not cut off yet is', () => {
  const machine = new InternetMachine(config, 0);
  machine.adopt({ 4: ['lte'], 6: [] }, undefined, [{ link: 'fibre', family: 4 }], 0);
  machine.look({ 4: { fibre: 'down', dsl: 'gone', lte: 'good' }, 6: {} }, 0);
  assert.deepEqual(machine.consider(0), []);
  assert.deepEqual(machine.cuts(), [{ link: 'fibre', family: 4 }]);
});

test('whatever is not due yet has a deadline, and is due then, for any fractions of a millisecond', () => {
  for (let round = 0; round < 2_000; round++) {
    const begin = 1_000 + round * 7.000_13 + 1 / (round + 1);
    const machine = new InternetMachine({ ...config, holdMillis: 2_000 }, begin);
    const step = (grades: Record<string, Grade>, at: number) => {
      machine.look({ 4: { fibre: 'gone', lte: 'good', ...grades }, 6: {} }, at);
      const moves = machine.consider(at);
      machine.moved(moves, at);
      return moves;
    };
    step({ dsl: 'down' }, begin);
    let at = begin + 3_000.1;
    assert.deepEqual(step({ dsl: 'good' }, at), []);
    for (let early = 0; early < 3; early++) {
      const next: number = machine.nextDeadline(at) ?? assert.fail(`nothing is awaited at ${at}`);
      at = next - 1e-4 / (early + 1);
      assert.deepEqual(step({ dsl: 'good' }, at), []);
    }
    const due = machine.nextDeadline(at) ?? assert.fail(`nothing is awaited at ${at}`);
    assert.equal(step({ dsl: 'good' }, due)[0]?.reason, 'better');
  }
});
