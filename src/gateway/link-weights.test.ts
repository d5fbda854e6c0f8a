import assert from 'node:assert/strict';
import { it } from 'node:test';
import { linkWeights } from './link-weights.ts';

const fibre = { name: 'fibre', rateBps: 100e6 };
const lte = { name: 'lte', rateBps: 20e6 };

it('links share by their rates when all rates are known', () => {
  assert.deepEqual(Object.fromEntries(linkWeights([fibre, lte])), { fibre: 100, lte: 20 });
});

it('links share evenly when a rate is not known', () => {
  assert.deepEqual(Object.fromEntries(linkWeights([fibre, { name: 'dsl', rateBps: undefined }])), {
    fibre: 1,
    dsl: 1,
  });
});
