import { test } from 'node:test';
import { expectHistories, needsRoot, seedsFrom } from './expect-histories.ts';

test('five hundred more random histories end as they must', needsRoot, async (context) => {
  await expectHistories(seedsFrom(1_501, 500), (text) => context.diagnostic(text));
});
