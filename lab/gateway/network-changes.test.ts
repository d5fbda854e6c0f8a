/**
 * What happens to interfaces, addresses and routes of a running gateway: one link suffers, the other carries, and the
 * first comes back by itself (S4.6, S4.11).
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { outside, privateNetworks, type Side } from '../addressing.ts';
import { tunnelInterface } from '../gateway-configs.ts';
import { waitUntilUp } from '../gateways.ts';
import { JournalWatch } from './journal-watch.ts';
import { assertHostsReach, openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

/** Function, not speed: a look at the network, a new session and a few probes take a second or two. */
const HEAL_MILLIS = 8_000;
/** After so long the far side knows as well, and sends over the other link only. */
const NOTICE_MILLIS = 500;
/** A connection over the other link may stall for as long as a path may be in question. */
const LONGEST_STALL_MILLIS = 3_000;
/** Without a device nothing leaves, and TCP asks again after 0.2, 0.4, 0.8, 1.6 and 3.2 s. */
const LONGEST_STALL_WITHOUT_DEVICE = 7_000;
/** Tables of the links, by their index. */
const TABLE_OF_LINK_1 = 7301;

describe('a gateway whose second link changes', () => {
  let pair: SitePair;
  let stream: TcpStream;
  let longestStall: number;
  let watches: Record<Side, JournalWatch>;
  before(async () => {
    pair = await openSitePair('changes', { overrides: { link: { address: 'auto' } } });
    // Else the kernel deletes the other addresses of a subnet together with the first.
    for (const { namespace } of [pair.a, pair.b]) {
      await namespace.run('sysctl', ['-qw', 'net.ipv4.conf.wan1.promote_secondaries=1']);
    }
  });
  after(() => pair?.close());
  beforeEach(async () => {
    watches = { a: await JournalWatch.start(pair.a), b: await JournalWatch.start(pair.b) };
    stream = await TcpStream.start(pair.sites);
    longestStall = LONGEST_STALL_MILLIS;
  });
  afterEach(async () => {
    await waitUntilUp(pair, HEAL_MILLIS);
    await assertHostsReach(pair.sites);
    const { longestStallMillis } = await stream.finish();
    assert.ok(longestStallMillis < longestStall, `stalled for ${longestStallMillis} ms`);
    for (const watch of Object.values(watches)) assert.deepEqual(await watch.of('tunnelDown'), []);
  });

  for (const side of ['a', 'b'] as const) {
    it(`survives its interface set down and up on side ${side}`, async () => {
      const { namespace } = pair[side];
      await namespace.ip('link set wan1 down');
      const down = await watches[side].waitFor('linkDown');
      assert.match(down.evidence.reason, /switched off/);
      await sleep(NOTICE_MILLIS);
      await assertHostsReach(pair.sites);
      await namespace.ip('link set wan1 up');
      // The kernel forgets IPv6 addresses with the interface; a machine's network configuration gives them again.
      await pair.sites.link(1).repair();
      await watches[side].waitFor('linkUp');
    });

    it(`takes another address of its interface on side ${side}`, async () => {
      const { namespace } = pair[side];
      const [old, other] = side === 'a' ? [outside(1, 1), outside(1, 11)] : [outside(1, 2), outside(1, 12)];
      await namespace.ip(`address del ${old.v4}/24 dev wan1`, `address del ${old.v6}/64 dev wan1`);
      await watches[side].waitFor('linkDown', ({ evidence }) => /no global address/.test(evidence.reason));
      await namespace.addAddresses('wan1', `${other.v4}/24`, `${other.v6}/64`);
      await watches[side].waitFor('linkUp', ({ evidence }) => evidence.addresses.includes(other.v4));
      await waitUntilUp(pair, HEAL_MILLIS);
      const here = (await pair[side].tunnel()).paths.map(({ local }) => local);
      const there = (await pair[side === 'a' ? 'b' : 'a'].tunnel()).paths.map(({ remote }) => remote);
      assert.ok(here.includes(other.v4) && here.includes(other.v6), here.join());
      assert.ok(there.includes(`${other.v4}:4500`) && there.includes(`[${other.v6}]:4500`), there.join());
    });

    it(`follows an address that is changed in one step on side ${side}`, async () => {
      const { namespace } = pair[side];
      const [old, other] = side === 'a' ? [outside(1, 11), outside(1, 1)] : [outside(1, 12), outside(1, 2)];
      await namespace.ip(
        `address add ${other.v4}/24 dev wan1`,
        `address add ${other.v6}/64 dev wan1 nodad`,
        `address del ${old.v4}/24 dev wan1`,
        `address del ${old.v6}/64 dev wan1`,
      );
      await watches[side].waitFor('linkChanged', ({ evidence }) => evidence.after.includes(other.v4));
      await waitUntilUp(pair, HEAL_MILLIS);
      const here = (await pair[side].tunnel()).paths.map(({ local }) => local);
      assert.ok(here.includes(other.v4) && here.includes(other.v6), here.join());
    });
  }

  it('survives its interface deleted and made again', async () => {
    await pair.a.namespace.ip('link delete wan1');
    for (const watch of Object.values(watches)) {
      const down = await watch.waitFor('linkDown');
      assert.match(down.evidence.reason, /no interface wan1/);
    }
    await sleep(NOTICE_MILLIS);
    await assertHostsReach(pair.sites);
    await pair.sites.link(1).repair();
    for (const watch of Object.values(watches)) await watch.waitFor('linkUp');
  });

  for (const side of ['a', 'b'] as const) {
    it(`survives another address on the link of its control session, on side ${side}`, async () => {
      const { namespace } = pair[side];
      const { peer } = await pair.a.tunnel();
      const index = pair.sites.links.findIndex(({ plan }) =>
        Object.values(plan.b.address).includes(peer.address ?? ''),
      );
      const [v4, v6] = (await pair[side].status()).links[index]!.addresses;
      const other = outside(index, side === 'a' ? 21 : 22);
      await namespace.ip(`address del ${v4}/24 dev wan${index}`, `address del ${v6}/64 dev wan${index}`);
      await watches[side].waitFor('linkDown');
      await namespace.addAddresses(`wan${index}`, `${other.v4}/24`, `${other.v6}/64`);
      await watches[side].waitFor('linkUp', ({ evidence }) => evidence.addresses.includes(other.v4));
    });
  }

  it('puts its routes and rules back when somebody deletes them', async () => {
    const { namespace } = pair.a;
    for (const words of [
      `-4 route flush table ${TABLE_OF_LINK_1}`,
      `-6 route flush table ${TABLE_OF_LINK_1}`,
      `-4 rule delete lookup ${TABLE_OF_LINK_1}`,
      `route delete ${privateNetworks.b.v4} dev ${tunnelInterface}`,
    ]) {
      await namespace.run('ip', words.split(' '));
    }
    const everything = async () =>
      (await watches.a.of('networkApplied')).flatMap(({ evidence }) => evidence.changes);
    await watches.a.waitFor('networkApplied');
    await sleep(500);
    const changes = (await everything()).join('\n');
    assert.match(changes, new RegExp(`-4 route .* table ${TABLE_OF_LINK_1}`));
    assert.match(changes, new RegExp(`-6 route .* table ${TABLE_OF_LINK_1}`));
    assert.match(changes, new RegExp(`-4 rule add .* lookup ${TABLE_OF_LINK_1}`));
    assert.match(changes, new RegExp(`-4 route add ${privateNetworks.b.v4} dev ${tunnelInterface}`));
  });

  it("makes the tunnel's device again when somebody deletes it", async () => {
    longestStall = LONGEST_STALL_WITHOUT_DEVICE;
    await pair.a.namespace.ip(`link delete ${tunnelInterface}`);
    await watches.a.waitFor('networkApplied', ({ evidence }) =>
      evidence.changes.includes(`interface ${tunnelInterface} made again`),
    );
    await sleep(300);
  });

  it('waits for an address that somebody else has taken meanwhile', async () => {
    const { namespace } = pair.a;
    const { v4 } = outside(1, 1);
    await namespace.ip('link set wan1 down');
    await watches.a.waitFor('linkDown');
    await sleep(500);
    const taker = await namespace.spawn('socat', ['-d', '-d', `udp4-recv:4500,bind=${v4},ip-freebind`, '-']);
    await taker.waitFor(/starting data transfer|listening|opening|using/i);
    await namespace.ip('link set wan1 up');
    await pair.sites.link(1).repair();
    await watches.a.waitFor('linkDown', ({ evidence }) => /BS_ADDRESS_IN_USE/.test(evidence.reason));
    await taker.stop();
  });
});
