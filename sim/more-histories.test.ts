import { test } from 'node:test';
import { expectHistories, seedsFrom } from './expect-histories.ts';

test('another thousand random histories end as they must', (context) => {
  expectHistories(seedsFrom(1_001, 1_000), (text) => context.diagnostic(text));
});
