/**
 * Where UDP is not answered a path's packets go by its own TCP connection, and by UDP again when that is answered (S4.7).
 *
 * Every bound here means that it works, not how well: the benchmarks measure.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PathStatus } from '../../src/api/status.ts';
import { hostInside } from '../addressing.ts';
import { waitUntilUp } from '../gateways.ts';
import { NumberedStream } from '../numbered-stream.ts';
import { RunningPing } from '../ping.ts';
import { measureThroughput } from '../throughput.ts';
import { JournalWatch, onLink } from './journal-watch.ts';
import { assertHostsReach, openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

const noTable = `
table inet laboratory_udp {}
delete table inet laboratory_udp`;

/** @param where what `nft` says of the packets that are swallowed */
function swallow(where: string): string {
  return `${noTable}
table inet laboratory_udp {
  chain in {
    type filter hook input priority 0;
    ${where} drop
  }
  chain out {
    type filter hook output priority 0;
    ${where.replace('iifname', 'oifname')} drop
  }
}`;
}

const FAST_LINKS_MBIT = 800;

describe('a path over links without UDP', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('carriers');
  });
  after(() => pair?.close());

  const udpOf = (link: string) => (where: string) =>
    pair.b.namespace.nft(swallow(`iifname "${link}" ${where}`));
  const swallowUdpOnFirst = () => udpOf('wan0')('meta l4proto udp');

  async function carriersOn(
    link: string,
    wanted: PathStatus['carrier'],
    withinMillis = 15_000,
  ): Promise<void> {
    for (const daemon of [pair.a, pair.b])
      await daemon.waitForTunnel(
        ({ paths }) =>
          paths
            .filter((path) => path.link === link)
            .every(({ carrier, state }) => carrier === wanted && state === 'up'),
        withinMillis,
      );
  }

  it('goes by TCP within three seconds, beside one that goes by UDP, and back within twenty', async () => {
    await waitUntilUp(pair);
    const watch = await JournalWatch.start(pair.a);
    const stream = await TcpStream.start(pair.sites);
    await sleep(300);
    const before = Date.now();
    await swallowUdpOnFirst();
    await carriersOn('link0', 'tcp');
    const turned = await watch.waitFor('pathCarrierChanged', onLink('link0'));
    assert.ok(Date.parse(turned.at) - before < 3_000, `after ${Date.parse(turned.at) - before} ms`);
    assert.deepEqual([turned.evidence.before, turned.evidence.after], ['udp', 'tcp']);
    assert.ok(turned.evidence.answeredTrials > 0);
    await carriersOn('link1', 'udp');
    await assertHostsReach(pair.sites);
    const unblocked = Date.now();
    await pair.b.namespace.nft(noTable);
    await carriersOn('link0', 'udp', 20_000);
    const back = await watch.waitFor('pathCarrierChanged', ({ evidence }) => evidence.after === 'udp');
    assert.ok(Date.parse(back.at) - unblocked < 20_000);
    const { longestStallMillis } = await stream.finish();
    assert.ok(longestStallMillis < 3_000, `stalled for ${longestStallMillis} ms`);
    assert.deepEqual(await watch.of('tunnelDown'), []);
  });

  it('carries on when no link has UDP any more, and each datagram comes once', async () => {
    await waitUntilUp(pair);
    const stream = await NumberedStream.start(pair.sites, { packetsPerSecond: 500, bytes: 200 });
    await sleep(500);
    await pair.b.namespace.nft(swallow('iifname { "wan0", "wan1" } meta l4proto udp'));
    const begin = performance.now();
    await Promise.any(['link0', 'link1'].map((link) => carriersOn(link, 'tcp')));
    assert.ok(performance.now() - begin < 3_000);
    for (const link of ['link0', 'link1']) await carriersOn(link, 'tcp');
    await pair.b.namespace.nft(noTable);
    for (const link of ['link0', 'link1']) await carriersOn(link, 'udp', 30_000);
    const { repeated, packets } = await stream.finish();
    assert.equal(repeated, 0, `of ${packets}`);
  });

  it('goes by TCP when UDP is swallowed in one direction only', async () => {
    await waitUntilUp(pair);
    await pair.b.namespace.nft(`${noTable}
table inet laboratory_udp {
  chain out {
    type filter hook output priority 0;
    oifname "wan0" meta l4proto udp drop
  }
}`);
    await carriersOn('link0', 'tcp');
    await assertHostsReach(pair.sites);
    await pair.b.namespace.nft(noTable);
    await carriersOn('link0', 'udp', 30_000);
  });

  it('comes up by TCP after a daemon was started anew, whichever it is', async () => {
    await udpOf('wan0')('meta l4proto udp');
    for (const daemon of [pair.a, pair.b]) {
      await daemon.child.stop();
      await daemon.start();
      await waitUntilUp(pair, 30_000);
      await carriersOn('link0', 'tcp', 30_000);
      await assertHostsReach(pair.sites);
    }
    await pair.b.namespace.nft(noTable);
    await carriersOn('link0', 'udp', 30_000);
  });

  it('stays with UDP when the link is dead for both, and is back as soon as it would be without', async () => {
    await waitUntilUp(pair);
    const watch = await JournalWatch.start(pair.a);
    await pair.sites.link(0).set({ blackHole: true });
    await watch.waitFor('pathDown', onLink('link0'));
    await sleep(2_000);
    await pair.sites.link(0).set({ blackHole: false });
    await carriersOn('link0', 'udp', 5_000);
    assert.deepEqual(await watch.of('pathCarrierChanged'), []);
  });
});

describe('paths that are to go by TCP', () => {
  let pair: SitePair;
  before(async () => {
    const overrides = { a: { link: { encapsulation: 'tcp' } } };
    pair = await openSitePair('forced', { overrides });
  });
  after(() => pair?.close());

  it('do so from the beginning on both sides, and send nothing by UDP', async () => {
    await pair.a.namespace.nft(swallow('iifname { "wan0", "wan1" } meta l4proto udp counter'));
    await assertHostsReach(pair.sites);
    for (const daemon of [pair.a, pair.b])
      for (const { carrier } of (await daemon.tunnel()).paths) assert.equal(carrier, 'tcp');
    const { stdout } = await pair.a.namespace.run('nft', ['list', 'table', 'inet', 'laboratory_udp']);
    assert.match(stdout, /counter packets 0 bytes 0/);
    assert.doesNotMatch(stdout, /counter packets [1-9]/);
  });

  it('carry as much as the row asks for', async () => {
    const { receivedMbit } = await measureThroughput({
      from: pair.sites.hostA,
      to: pair.sites.hostB,
      address: hostInside('b').v4,
      seconds: 4,
      omitSeconds: 1,
    });
    process.stdout.write(`# by TCP: ${receivedMbit.toFixed(0)} Mbit/s\n`);
    assert.ok(receivedMbit > FAST_LINKS_MBIT / 4, `${receivedMbit} Mbit/s`);
  });
});

describe('paths by TCP on lines with a long round trip', () => {
  let pair: SitePair;
  before(async () => {
    // The shortest life of keys that a configuration may have.
    const overrides = { tunnel: { rekey: { after: '10s' } }, a: { link: { encapsulation: 'tcp' } } };
    const far = { rateMbit: 50, delayMillis: 80, queueMillis: 60 };
    pair = await openSitePair('fartcp', { overrides, profile: [far, far] });
  });
  after(() => pair?.close());

  it('stay up while new keys bring new connections', async () => {
    const { generation } = await pair.a.tunnel();
    const watches = [await JournalWatch.start(pair.a), await JournalWatch.start(pair.b)];
    const echoes = await RunningPing.start(pair.sites.hostA, {
      address: hostInside('b').v4,
      intervalMillis: 20,
    });
    await pair.a.waitForTunnel((tunnel) => tunnel.generation >= generation + 1, 15_000);
    await sleep(3_000);
    const { sent, received, replies, medianMillis } = await echoes.finish();
    assert.equal(received, sent, 'every echo is answered');
    // Nobody waits for the first word on a new connection: that would be two round trips more. A busy machine may take one.
    const late = replies.filter(({ millis }) => millis > 2.5 * medianMillis);
    assert.deepEqual(late, []);
    for (const watch of watches) {
      assert.deepEqual(await watch.of('tunnelDown'), []);
      assert.deepEqual(await watch.of('pathDown'), []);
    }
    for (const { carrier } of (await pair.b.tunnel()).paths) assert.equal(carrier, 'tcp');
  });
});

describe('a peer that is called at port 443', () => {
  let pair: SitePair;
  before(async () => {
    const overrides = { b: { gateway: { 'tcp-ports': [443] } } };
    pair = await openSitePair('port443', { dialPort: 443, overrides });
  });
  after(() => pair?.close());

  it('is sent packets by UDP at the port of its links', async () => {
    for (const { carrier, remote } of (await pair.a.tunnel()).paths) {
      assert.equal(carrier, 'udp');
      assert.match(remote, /:4500$/);
    }
    await assertHostsReach(pair.sites);
  });

  it('is reached through a firewall that lets TCP out to 443 and nothing else', async () => {
    await pair.a.child.stop();
    await pair.a.namespace.nft(`${noTable}
table inet laboratory_udp {
  chain out {
    type filter hook output priority 0;
    oifname { "wan0", "wan1" } tcp dport 443 accept
    oifname { "wan0", "wan1" } meta l4proto { tcp, udp } drop
  }
}`);
    await pair.a.start();
    await waitUntilUp(pair);
    await assertHostsReach(pair.sites);
    for (const { carrier } of (await pair.a.tunnel()).paths) assert.equal(carrier, 'tcp');
  });
});
