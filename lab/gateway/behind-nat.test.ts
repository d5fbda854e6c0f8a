/**
 * A gateway behind a masquerading router, with whatever addresses and next hops it is given there (S4.12).
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { behindRouter, outside } from '../addressing.ts';
import { waitUntilUp } from '../gateways.ts';
import type { Namespace } from '../namespace.ts';
import { JournalWatch, onLink } from './journal-watch.ts';
import { assertHostsReach, openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

const HEAL_MILLIS = 8_000;
const LONGEST_STALL_MILLIS = 3_000;

describe('a gateway behind a router that masquerades', () => {
  let pair: SitePair;
  let router: Namespace;
  let stream: TcpStream;
  before(async () => {
    pair = await openSitePair('nat', {
      shape: 'nat',
      overrides: { link: { address: 'auto', gateway: 'auto' } },
    });
    assert.ok(pair.sites.router !== undefined);
    router = pair.sites.router;
  });
  after(() => pair?.close());
  beforeEach(async () => {
    stream = await TcpStream.start(pair.sites);
  });
  afterEach(async () => {
    await waitUntilUp(pair, HEAL_MILLIS);
    await assertHostsReach(pair.sites);
    const { longestStallMillis } = await stream.finish();
    assert.ok(longestStallMillis < LONGEST_STALL_MILLIS, `stalled for ${longestStallMillis} ms`);
  });

  it('is seen by its peer at the addresses of the router', async () => {
    const remotes = (await pair.b.tunnel()).paths.map(({ remote }) => remote.replace(/:\d+$/, ''));
    const expected = pair.sites.links.flatMap(({ index }) => {
      const { v4, v6 } = outside(index, 1);
      return [v4, `[${v6}]`];
    });
    assert.deepEqual(remotes.toSorted(), expected.toSorted());
  });

  it('is followed when the router gives it another port', async () => {
    const watch = await JournalWatch.start(pair.b);
    // A masquerading kernel forgets the connections of an interface that goes down: their ports are then chosen anew.
    // In one transaction: a packet in between would pass as it is.
    await router.nft(`
      flush chain inet laboratory postrouting
      add rule inet laboratory postrouting oifname "wan*" meta l4proto udp masquerade to :40000-40999
    `);
    await router.ip('link set wan1 down', 'link set wan1 up');
    await pair.sites.link(1).repair();
    // The link has a path of each family, and each moves by itself.
    for (const family of [/^\d+\./, /^\[/]) {
      const ofFamily = ({ evidence }: { evidence: { after: string } }) => family.test(evidence.after);
      const moved = await watch.waitFor('pathMoved', ofFamily, HEAL_MILLIS);
      assert.match(moved.evidence.after, /:40\d{3}$/);
      assert.notEqual(moved.evidence.before, moved.evidence.after);
    }
  });

  it('is followed when the router gets another address', async () => {
    const watch = await JournalWatch.start(pair.b);
    const [old, other] = [outside(1, 1), outside(1, 31)];
    // The new one first: a packet in between would take the address of the router's other line, and keep it.
    await router.run('sysctl', ['-qw', 'net.ipv4.conf.wan1.promote_secondaries=1']);
    await router.ip(
      `address add ${other.v4}/24 dev wan1`,
      `address add ${other.v6}/64 dev wan1 nodad`,
      `address del ${old.v4}/24 dev wan1`,
      `address del ${old.v6}/64 dev wan1`,
      `route replace default via ${outside(1, 2).v4} dev wan1 table 101`,
      `route replace default via ${outside(1, 2).v6} dev wan1 table 101`,
    );
    for (const address of [other.v4, other.v6]) {
      await watch.waitFor('pathMoved', ({ evidence }) => evidence.after.includes(address), HEAL_MILLIS);
    }
  });

  it('takes another next hop of its interface', async () => {
    const { namespace } = pair.a;
    const watch = await JournalWatch.start(pair.a);
    const [old, other] = [behindRouter(1, 1), behindRouter(1, 5)];
    await router.addAddresses('in1', `${other.v4}/24`, `${other.v6}/64`);
    await namespace.addRoute('default', other.v4, 'dev wan1 metric 101');
    await namespace.run('ip', `-6 route delete default via ${old.v6} dev wan1 metric 101`.split(' '));
    await namespace.addRoute('default', other.v6, 'dev wan1 metric 101');
    const changed = await watch.waitFor('linkChanged', ({ evidence }) => evidence.after.includes(other.v6));
    assert.equal(changed.evidence.what, 'nextHops');
    await router.run('sysctl', ['-qw', 'net.ipv4.conf.in1.promote_secondaries=1']);
    await router.ip(`address del ${old.v4}/24 dev in1`, `address del ${old.v6}/64 dev in1`);
    await namespace.ip('neigh flush dev wan1');
    await sleep(300);
  });

  it('waits for the next hop of an interface that lost it', async () => {
    const { namespace } = pair.a;
    const watch = await JournalWatch.start(pair.a);
    const { v4, v6 } = behindRouter(1, 5);
    await namespace.run('ip', `-4 route delete default via ${v4} dev wan1`.split(' '));
    await namespace.run('ip', `-6 route delete default via ${v6} dev wan1`.split(' '));
    await watch.waitFor('linkChanged', ({ evidence }) => evidence.after.length === 0);
    await watch.waitFor('pathDown', onLink('link1'));
    await assertHostsReach(pair.sites);
    await namespace.addRoute('default', v4, 'dev wan1 metric 101');
    await namespace.addRoute('default', v6, 'dev wan1 metric 101');
    await watch.waitFor('linkChanged', ({ evidence }) => evidence.after.length === 2);
  });
});
