import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectHistories, keptSeeds, needsRoot, seedsFrom } from '../expect-histories.ts';
import { endNames } from '../inner-packets.ts';
import { TunnelEnd } from '../tunnel-end.ts';
import { SharedWires } from '../wires.ts';
import { FailoverCampaign } from './failover-campaign.ts';
import { failoverHistoryOf } from './failover-history.ts';
import { playFailover } from './failover-simulation.ts';

const FIVE_MINUTES = 300_000_000;

test(
  'a gateway and its tunnel come through half an hour of a link that flaps',
  needsRoot,
  async (context) => {
    const seeds = [...keptSeeds('failover'), ...seedsFrom(1, 3)];
    const say = (text: string) => context.diagnostic(text);
    await expectHistories(seeds, say, new FailoverCampaign(), 'failover');
  },
);

test('a seed always gives the same, whatever its workers served before', needsRoot, async () => {
  const shared = new SharedWires();
  const ends = { a: new TunnelEnd('a', shared), b: new TunnelEnd('b', shared) };
  try {
    const history = failoverHistoryOf(3, FIVE_MINUTES);
    const first = await playFailover(history, { ends });
    assert.ok(first.changes > 1 && first.packets > 300 && first.datagrams > first.packets);
    await playFailover(failoverHistoryOf(4, FIVE_MINUTES), { ends });
    assert.deepEqual(await playFailover(history, { ends }), first);
  } finally {
    for (const name of endNames) ends[name].close();
  }
});
