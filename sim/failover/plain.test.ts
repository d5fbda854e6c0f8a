import { test } from 'node:test';
import { expectHistories, keptSeeds, seedsFrom } from '../expect-histories.ts';
import { FailoverCampaign } from './failover-campaign.ts';

test('plain traffic comes through half an hour of a link that flaps, with no tunnel at all', async (context) => {
  const seeds = [...keptSeeds('plain'), ...seedsFrom(1, 20)];
  const say = (text: string) => context.diagnostic(text);
  await expectHistories(seeds, say, new FailoverCampaign(false), 'plain');
});
