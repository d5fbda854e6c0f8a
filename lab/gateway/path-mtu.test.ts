/**
 * Inner packets larger than what the links take, and links whose MTU changes without a word (RFC 8899, RFC 9347).
 *
 * Every bound here means that it works, not how well: the benchmarks measure.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostInside } from '../addressing.ts';
import { ping, RunningPing } from '../ping.ts';
import { JournalWatch, onLink } from './journal-watch.ts';
import { openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

const line = { rateMbit: 100, delayMillis: 5, queueMillis: 60 };
const tunnel = { mtu: 1500 };
/** What fills an inner packet of 1,500 bytes. */
const FULL_4 = 1500 - 20 - 8;
const FULL_6 = 1500 - 40 - 8;
const address = hostInside('b').v4;

const withoutUdp = `
table inet laboratory_udp {
  chain in { type filter hook input priority 0; meta l4proto udp drop; }
}`;

/** Waits until the paths over each link have found these sizes, on both sides. */
async function sizesAre(pair: SitePair, wanted: readonly number[], withinMillis = 15_000): Promise<void> {
  await Promise.all(
    [pair.a, pair.b].map((daemon) =>
      daemon.waitForTunnel(
        ({ paths }) => paths.every(({ link, mtu }) => mtu === wanted[Number(link.slice(-1))]),
        withinMillis,
      ),
    ),
  );
}

async function fullPings(pair: SitePair, payloadBytes: number, to: string): Promise<number> {
  const { received } = await ping(pair.sites.hostA, 10, {
    address: to,
    intervalMillis: 20,
    payloadBytes,
    whole: true,
  });
  return received;
}

describe('a tunnel with an inner MTU of 1500 over links of 1400 and 1280', () => {
  let pair: SitePair;
  before(async () => {
    const profile = [
      { ...line, mtu: 1400 },
      { ...line, mtu: 1280 },
    ];
    pair = await openSitePair('mtu-small', { profile, overrides: { tunnel } });
  });
  after(() => pair?.close());

  it('finds what each path takes, and says so', async () => {
    await sizesAre(pair, [1400, 1280]);
  });

  it('carries packets of full size that nobody may cut', async () => {
    assert.equal(await fullPings(pair, FULL_4, address), 10);
    assert.equal(await fullPings(pair, FULL_6, hostInside('b').v6), 10);
    const { shared } = (await pair.a.tunnel()).counters;
    assert.ok(shared.cutOut >= 20 && shared.out >= 40 && shared.in >= 40, JSON.stringify(shared));
  });

  it('carries a TCP connection both ways, byte for byte, over both links', async () => {
    const before = (await pair.a.tunnel()).counters.shared.out;
    const streams = await Promise.all([
      TcpStream.start(pair.sites),
      TcpStream.start(pair.sites, { towards: 'a', family: 'v6' }),
    ]);
    await sleep(2_000);
    await Promise.all(streams.map((stream) => stream.finish()));
    const { counters, paths } = await pair.a.tunnel();
    assert.ok(counters.shared.out > before + 1_000);
    assert.equal(counters.drops.tooBig ?? 0, 0);
    assert.ok(paths.every(({ state }) => state === 'up'));
  });

  it("carries them by the paths' own TCP connections too, where UDP does not come through", async () => {
    await pair.b.namespace.nft(withoutUdp);
    for (const daemon of [pair.a, pair.b]) {
      await daemon.waitForTunnel(({ paths }) =>
        paths.every(({ carrier, state }) => carrier === 'tcp' && state === 'up'),
      );
    }
    const stream = await TcpStream.start(pair.sites);
    assert.equal(await fullPings(pair, FULL_4, address), 10);
    await sleep(1_000);
    await stream.finish();
  });
});

describe('a link whose MTU falls without a word', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('mtu-falls', { profile: [line], families: 'v4', overrides: { tunnel } });
  });
  after(() => pair?.close());

  it('carries again within seconds, as the journal says', async () => {
    await sizesAre(pair, [1500]);
    const watch = await JournalWatch.start(pair.a);
    const other = await JournalWatch.start(pair.b);
    const stream = await TcpStream.start(pair.sites);
    await sleep(500);
    const fell = Date.now();
    await pair.sites.link(0).set({ mtu: 1300 });
    const shrunk = await watch.waitFor('pathMtuChanged', onLink('link0'), 5_000);
    assert.deepEqual([shrunk.evidence.before, shrunk.evidence.after], [1500, 1200]);
    assert.match(shrunk.evidence.reason, /larger packets do not come through/);
    assert.ok(Date.parse(shrunk.at) - fell < 4_000, `after ${Date.parse(shrunk.at) - fell} ms`);
    const found = await watch.waitFor('pathMtuChanged', ({ evidence }) => evidence.after === 1300, 10_000);
    assert.equal(found.evidence.before, 1200);
    const echoes = await RunningPing.start(pair.sites.hostA, {
      address,
      payloadBytes: FULL_4,
      whole: true,
      intervalMillis: 20,
    });
    // The other side has sent nothing large so far: the replies to these are the first.
    await other.waitFor('pathMtuChanged', ({ evidence }) => evidence.after === 1300, 10_000);
    await echoes.finish();
    assert.equal(await fullPings(pair, FULL_4, address), 10);
    await stream.finish();
  });

  it('grows back when its interface comes back', async () => {
    await pair.sites.link(0).set({ mtu: 1400 });
    const watches = await Promise.all([pair.a, pair.b].map((daemon) => JournalWatch.start(daemon)));
    // Each side restarts the paths of its own interface.
    for (const watch of watches) {
      const { daemon } = watch;
      await daemon.namespace.ip('link set wan0 down');
      await watch.waitFor('linkDown');
      await daemon.namespace.ip('link set wan0 up');
      await pair.sites.link(0).repair();
      await watch.waitFor('linkUp');
    }
    // A path that has reached the size may still look for a larger one: the search is over when the journal says so.
    await Promise.all(
      watches.map((watch) =>
        watch.waitFor('pathMtuChanged', ({ evidence }) => evidence.after === 1400, 15_000),
      ),
    );
    assert.equal(await fullPings(pair, FULL_4, address), 10);
  });

  it('shrinks at once when the interface itself takes less', async () => {
    const watch = await JournalWatch.start(pair.a);
    await pair.a.namespace.ip('link set wan0 mtu 1320');
    await fullPings(pair, FULL_4, address);
    const { evidence } = await watch.waitFor('pathMtuChanged', onLink('link0'));
    assert.match(evidence.reason, /interface takes no larger/);
    // It swallows what is longer on its way in as well, which the other side finds out by the replies.
    // A veth lets four bytes more in (a VLAN tag).
    await pair.a.waitForTunnel(({ paths }) => paths[0]?.mtu === 1320);
    await pair.b.waitForTunnel(({ paths }) => (paths[0]?.mtu ?? 1400) <= 1324);
    assert.equal(await fullPings(pair, FULL_4, address), 10);
  });
});
