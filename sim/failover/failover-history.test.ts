import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seedsFrom } from '../expect-histories.ts';
import { failoverConfig } from './failover-config.ts';
import { failoverHistoryOf, HALF_HOUR } from './failover-history.ts';

const histories = seedsFrom(1, 300).map((seed) => failoverHistoryOf(seed));

describe('histories of a gateway whose links flap', () => {
  it('are the same for the same seed, and others for others', () => {
    assert.deepEqual(failoverHistoryOf(77), failoverHistoryOf(77));
    assert.equal(new Set(histories.map((history) => JSON.stringify({ ...history, seed: 0 }))).size, 300);
  });

  it('have between them every kind of trouble and of backup, and a primary that is in trouble', () => {
    const troubles = histories.flatMap((history) => history.troubles);
    for (const kind of ['blackHole', 'loss', 'noCarrier', 'noAddress'])
      assert.ok(
        troubles.some(({ trouble }) => trouble.kind === kind),
        kind,
      );
    const holes = troubles.flatMap(({ trouble }) => (trouble.kind === 'blackHole' ? [trouble.senders] : []));
    assert.deepEqual(new Set(holes.map((senders) => senders.join())), new Set(['a,b', 'a', 'b']));
    assert.ok(histories.every((history) => history.troubles.some(({ link }) => link === 0)));
    assert.deepEqual(new Set(histories.map(({ links }) => links.length)), new Set([2, 3]));
    assert.ok(histories.some(({ links }) => links.at(-1)?.isOnDemand));
    assert.ok(histories.some(({ settings }) => settings.canary !== undefined));
    assert.ok(histories.some(({ refusalPercent }) => refusalPercent > 0));
  });

  it('are healed at their end, and have one trouble of a link at a time', () => {
    for (const { troubles, links } of histories) {
      links.forEach((_, link) => {
        const own = troubles.filter((it) => it.link === link);
        for (const [index, { begins, ends }] of own.entries())
          assert.ok(begins < ends && begins > (own[index - 1]?.ends ?? 0) && ends < HALF_HOUR);
      });
    }
  });

  it('have a configuration that the gateway takes', () => {
    for (const history of histories.slice(0, 50))
      assert.equal(failoverConfig(history).internet?.links.length, history.links.length);
  });
});
