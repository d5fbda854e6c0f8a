import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Campaign } from './campaign.ts';
import { expectHistories, keptSeeds, needsRoot, seedsFrom } from './expect-histories.ts';

test('histories that showed something once end as they must', needsRoot, async (context) => {
  const seeds = keptSeeds();
  assert.ok(seeds.length > 0);
  await expectHistories(seeds, (text) => context.diagnostic(text));
});

test('a seed always gives the same history, whatever its workers served before', needsRoot, () => {
  const campaign = new Campaign();
  const seeds = seedsFrom(1, 20);
  const first = seeds.map((seed) => campaign.play(seed));
  const again = seeds.toReversed().map((seed) => campaign.play(seed));
  campaign.close();
  assert.deepEqual(again.toReversed(), first);
  assert.ok(new Set(first.map(({ digest }) => digest)).size === seeds.length);
});

test('five hundred random histories end as they must', needsRoot, async (context) => {
  await expectHistories(seedsFrom(1, 500), (text) => context.diagnostic(text));
});
