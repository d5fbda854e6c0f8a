/**
 * How plain traffic is shared, with real connections: by weight within a tier, a share first with a canary, and over two links that are two
 * addresses of one interface (S1.5, S1.6, S1.9, S4.6).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { privateNetworks } from '../addressing.ts';
import { InternetSite, masqueraded, server } from './internet-site.ts';
import { JournalWatch } from './journal-watch.ts';

const line = { rateMbit: 50, delayMillis: 2 };
const probe = {
  targets: [{ icmp: server.v4 }, { icmp: server.v6 }],
  timeout: '400ms',
  interval: '200ms',
  'hold-most': '1s',
};
const CLIENTS = 160;

/** Addresses of the client; a fixed hash of them says which link each gets, so what is seen is the same in every run. */
const clients = {
  v4: Array.from({ length: CLIENTS }, (_, index) => privateNetworks.a.v4.replace('0/24', `${index + 20}`)),
  v6: Array.from({ length: CLIENTS }, (_, index) =>
    privateNetworks.a.v6.replace('::/64', `::${(index + 256).toString(16)}`),
  ),
} as const;
const families = ['v4', 'v6'] as const;

type Ways = Awaited<ReturnType<InternetSite['waysOf']>>;

async function addClients(site: InternetSite): Promise<void> {
  const ends = { v4: '/24', v6: '/64' };
  const addresses = families.flatMap((family) => clients[family].map((it) => it + ends[family]));
  await site.client.addAddresses('lan0', ...addresses);
}

/** The part of the connections that came by the link. */
function shareOf(ways: Ways, link: number): number {
  assert.equal(ways.length, CLIENTS);
  assert.deepEqual(
    ways.filter(([, way]) => way === undefined),
    [],
    'every connection came through',
  );
  return ways.filter(([, way]) => way === link).length / ways.length;
}

function assertNear(share: number, wanted: number, tolerance: number): void {
  assert.ok(Math.abs(share - wanted) < tolerance, `${share} instead of ${wanted}`);
}

describe('weights within a tier', () => {
  let site: InternetSite;
  before(async () => {
    site = await InternetSite.open('shares', {
      profile: [line, line],
      links: { link0: { probe }, link1: { probe } },
      internet: {
        links: { link0: { tier: 1, weight: 3 }, link1: { tier: 1 } },
        masquerade: masqueraded,
        hold: '1s',
      },
    });
    await addClients(site);
    await site.daemon.start(90_000);
    await site.carriedBy(['link0', 'link1']);
  });
  after(() => site?.close());

  const waysOf = (family: 'v4' | 'v6') => site.waysOf(server[family], clients[family]);

  it('share the clients, and a client keeps to its link', async () => {
    for (const family of families) {
      const ways = await waysOf(family);
      assertNear(shareOf(ways, 0), 0.75, 0.12);
      const again = new Map(await waysOf(family));
      for (const [source, way] of ways) assert.equal(again.get(source), way, source);
    }
  });

  it('are those of the links that are left, connections on these live on, and each client has its link back', async () => {
    const before = new Map(await waysOf('v4'));
    const kept = await site.connect(site.client, server.v4);
    await kept.waitFor(/^3 /m);
    const way = kept.output.includes('198.18.1.1') ? 1 : 0;
    await site.sites.link(1 - way).set({ blackHole: true });
    await site.carriedBy([`link${way}`]);
    assert.equal(shareOf(await waysOf('v4'), way), 1);
    await site.sites.link(1 - way).set({ blackHole: false });
    await site.carriedBy(['link0', 'link1'], 25_000);
    const afterwards = new Map(await waysOf('v4'));
    for (const [source, link] of before) assert.equal(afterwards.get(source), link, source);
    const count = Number(kept.output.trim().split('\n').at(-1)?.split(' ')[0]);
    await kept.waitFor(new RegExp(`^${count + 5} `, 'm'), 3_000);
    kept.killNow();
  });
});

describe('a canary', () => {
  const SHARE = 0.3;
  let site: InternetSite;
  before(async () => {
    site = await InternetSite.open('canary', {
      profile: [line, line],
      links: { link0: { probe }, link1: { probe } },
      internet: {
        links: { link0: { tier: 1 }, link1: { tier: 2 } },
        masquerade: masqueraded,
        hold: '1s',
        canary: { share: '30%', for: '15s' },
      },
    });
    await addClients(site);
    await site.daemon.start(90_000);
    await site.carriedBy(['link0']);
    await site.verdicts({ link0: 'up', link1: 'up' });
  });
  after(() => site?.close());

  const blackHole = (isOn: boolean) => site.sites.link(0).set({ blackHole: isOn });

  /** Link 0 fails and works again; from then on it has the share. */
  async function begin(): Promise<JournalWatch> {
    await blackHole(true);
    await site.carriedBy(['link1']);
    const watch = await JournalWatch.start(site.daemon);
    await blackHole(false);
    await watch.waitFor('internetMoved', ({ evidence }) => evidence.canary !== undefined, 25_000);
    return watch;
  }

  it('gives the better tier its share of new connections, then all, and cuts off none of the others', async () => {
    await blackHole(true);
    await site.carriedBy(['link1']);
    const kept = await site.connect(site.client, server.v4);
    await kept.waitFor(/^3 \S*198\.18\.1\.1/m);
    const watch = await begin();
    // Five standard deviations of so many drawn by lot.
    for (const family of families)
      assertNear(shareOf(await site.waysOf(server[family], clients[family]), 0), SHARE, 0.18);
    assert.deepEqual(await site.carriers(), ['link1']);
    await watch.waitFor('internetMoved', ({ evidence }) => evidence.after.join() === 'link0', 30_000);
    for (const family of families)
      assert.equal(shareOf(await site.waysOf(server[family], clients[family]), 0), 1);
    const count = Number(kept.output.trim().split('\n').at(-1)?.split(' ')[0]);
    await kept.waitFor(new RegExp(`^${count + 5} \\S*198\\.18\\.1\\.1`, 'm'), 3_000);
    kept.killNow();
  });

  it('that fails gives everything back to the backup', async () => {
    const watch = await begin();
    await blackHole(true);
    await watch.waitFor('internetMoved', ({ evidence }) => evidence.reason === 'canaryFailed', 10_000);
    assert.equal(shareOf(await site.waysOf(server.v4, clients.v4), 1), 1);
    assert.deepEqual(await site.carriers(), ['link1']);
    await blackHole(false);
  });
});

describe('two links that are two addresses of one interface', () => {
  let site: InternetSite;
  before(async () => {
    site = await InternetSite.open('one-wire', {
      shape: 'shared-interface',
      profile: [line, line],
      links: { link0: { probe }, link1: { probe } },
      internet: { links: { link0: { tier: 1 }, link1: { tier: 1 } }, masquerade: masqueraded, hold: '1s' },
    });
    await addClients(site);
    await site.daemon.start(90_000);
    await site.carriedBy(['link0', 'link1']);
    await site.verdicts({ link0: 'up', link1: 'up' });
  });
  after(() => site?.close());

  const waysOf = (family: 'v4' | 'v6') => site.waysOf(server[family], clients[family]);

  it('share the clients, each with its own address and next hop', async () => {
    for (const family of families) assertNear(shareOf(await waysOf(family), 0), 0.5, 0.15);
  });

  it('fail and return one by one: what was on the dead one is cut off at once, the other is not touched', async () => {
    const ways = await waysOf('v4');
    const on = (link: number) => ways.find(([, way]) => way === link)?.[0] ?? assert.fail(`none on ${link}`);
    const [dying, living] = await Promise.all(
      [0, 1].map((link) => site.connect(site.client, server.v4, on(link))),
    );
    await Promise.all([dying?.waitFor(/^3 /m), living?.waitFor(/^3 /m)]);
    await site.sites.link(0).set({ blackHole: true });
    await site.carriedBy(['link1']);
    await dying?.waitFor(/error|closed/, 3_000);
    for (const family of families) assert.equal(shareOf(await waysOf(family), 1), 1);
    for (const address of Object.values(server)) assert.equal(await site.wayOf(site.gateway, address), 1);
    await site.sites.link(0).set({ blackHole: false });
    await site.carriedBy(['link0', 'link1'], 25_000);
    assertNear(shareOf(await waysOf('v4'), 0), 0.5, 0.15);
    const count = Number(living?.output.trim().split('\n').at(-1)?.split(' ')[0]);
    await living?.waitFor(new RegExp(`^${count + 5} `, 'm'), 3_000);
    living?.killNow();
  });
});
