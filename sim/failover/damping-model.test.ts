import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeConfig } from '../../src/config/index.ts';
import { DampingModel } from './damping-model.ts';

const probe = { holdMillis: 1_000, holdMostMillis: 8_000, calmMillis: 60_000 } as ProbeConfig;

test('each failure doubles the hold up to its bound, each calm forgives one', () => {
  const model = new DampingModel(probe);
  const holds = [1_000, 2_000, 3_000, 4_000, 5_000].map((at) => {
    model.down(at);
    return model.holdMillis;
  });
  assert.deepEqual(holds, [1_000, 2_000, 4_000, 8_000, 8_000]);
  model.up(10_000);
  model.up(75_000);
  model.down(136_000);
  assert.equal(model.holdMillis, 8_000);
  model.up(140_000);
  model.down(140_000 + 4 * 60_000);
  assert.equal(model.holdMillis, 1_000);
});

test('a link that is gone has failed once, however often it is gone before it was up again', () => {
  const model = new DampingModel(probe);
  model.lost(500);
  assert.equal(model.count, 0);
  model.up(1_000);
  model.lost(2_000);
  model.lost(3_000);
  model.down(4_000);
  assert.deepEqual([model.count, model.failedAt], [1, 2_000]);
});

test('more failures are permitted with time, and with each other way out', () => {
  const model = new DampingModel(probe);
  assert.equal(model.permitted(0), 5);
  assert.equal(model.permitted(60_000), 5 + 7 + 1);
  model.begunAnew();
  assert.equal(model.permitted(0), 6);
});
