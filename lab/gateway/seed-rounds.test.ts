/**
 * The settings of a DialBkup.cfg, as `backstay import dialbkup` writes them: two targets that must both answer every echo, and a link that is
 * down after exactly so many bad rounds as it says (S1.1, S1.2, seed figure 3).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { backstay } from './command-line.ts';
import { InternetSite, masqueraded, otherServer, server } from './internet-site.ts';
import { JournalWatch } from './journal-watch.ts';

const line = { rateMbit: 50, delayMillis: 2 };
/** Frequency, Retry and Delay of the seed; echoes and their patience are shorter than the defaults, for the test's sake. */
const [FREQUENCY, RETRIES, DELAY_MILLIS] = [4, 3, 700];
const TIMEOUT_MILLIS = 400;
const EVERY_MILLIS = 100;
const seed = {
  targets: [{ icmp: server.v4 }, { icmp: otherServer.v4 }],
  rule: 'all',
  count: FREQUENCY,
  answers: FREQUENCY,
  every: `${EVERY_MILLIS}ms`,
  timeout: `${TIMEOUT_MILLIS}ms`,
  interval: `${DELAY_MILLIS}ms`,
  retries: RETRIES,
};

type Round = {
  readonly at: string;
  readonly targets: readonly { readonly sent: number; readonly answered: number }[];
};

describe("a link with the seed's settings", () => {
  let site: InternetSite;
  before(async () => {
    site = await InternetSite.open('seed', {
      profile: [line, line],
      links: { link0: { probe: seed } },
      internet: { links: { link0: { tier: 1 }, link1: { tier: 2 } }, masquerade: masqueraded, hold: '1s' },
    });
    await site.daemon.start(90_000);
    await site.carriedBy(['link0']);
    await site.verdicts({ link0: 'up', link1: 'up' });
  });
  after(() => site?.close());

  it('is down after exactly the configured rounds, though one of the two targets answers', async () => {
    const watch = await JournalWatch.start(site.daemon);
    await site.sites.gatewayB.ip(`address del ${otherServer.v4}/32 dev lo`);
    const down = await watch.waitFor('linkDown', ({ subject }) => subject.name === 'link0', 20_000);
    assert.deepEqual([down.evidence.probe?.rounds, down.evidence.probe?.cause], [RETRIES + 1, 'targetDead']);
    const { text } = await backstay(site.daemon, 'link', 'explain', 'link0', '--json');
    const { rounds } = (JSON.parse(text) as { probe: { rounds: Round[] } }).probe;
    const isGood = ({ targets }: Round) =>
      targets.slice(0, 2).every(({ sent, answered }) => sent === FREQUENCY && answered === FREQUENCY);
    // The verdict came with the end of a round; some milliseconds lie between the two entries.
    const upTo = rounds.filter(({ at }) => Date.parse(at) <= Date.parse(down.at) + 50);
    const bad = upTo.slice(upTo.findLastIndex(isGood) + 1);
    assert.equal(bad.length, RETRIES + 1, text);
    const [first, last] = [bad[0]?.at ?? '', bad.at(-1)?.at ?? ''].map(Date.parse) as [number, number];
    const roundMillis = (FREQUENCY - 1) * EVERY_MILLIS + TIMEOUT_MILLIS + DELAY_MILLIS;
    assert.ok(last - first >= RETRIES * (roundMillis - 20), `${last - first} ms for ${RETRIES} rounds`);
    await watch.waitFor('internetMoved', ({ evidence }) => evidence.after.join() === 'link1');
    await site.sites.gatewayB.addAddresses('lo', `${otherServer.v4}/32`);
    await site.carriedBy(['link0'], 30_000);
  });

  it('ignores so many bad rounds as it may be tried again', async () => {
    const watch = await JournalWatch.start(site.daemon);
    await site.sites.gatewayB.ip(`address del ${otherServer.v4}/32 dev lo`);
    for (let seen = 0; seen < RETRIES - 1; ) {
      const { text } = await backstay(site.daemon, 'link', 'explain', 'link0', '--json');
      seen = (JSON.parse(text) as { probe: { badRounds: number } }).probe.badRounds;
      assert.ok(seen <= RETRIES, 'seen in time');
    }
    await site.sites.gatewayB.addAddresses('lo', `${otherServer.v4}/32`);
    await site.verdicts({ link0: 'up' });
    assert.deepEqual(await watch.of('linkDown'), []);
    assert.deepEqual(await watch.of('internetMoved'), []);
  });
});
