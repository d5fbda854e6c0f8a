/** Traffic classes: what is duplicated survives a link without waiting for anything, what is pinned stays on one (S4.2). */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NUMBERED_PORT, NumberedStream } from '../numbered-stream.ts';
import { openSitePair, type SitePair } from './site-pair.ts';

const line = { rateMbit: 50, delayMillis: 10, queueMillis: 60 };
const pace = { packetsPerSecond: 500, bytes: 200 };

async function openPair(mode: 'duplicate' | 'pin'): Promise<SitePair> {
  const classes = [{ mode, protocol: 'udp', ports: NUMBERED_PORT }];
  return openSitePair('classes', {
    profile: [line, line],
    families: 'v4',
    overrides: { tunnel: { classes } },
  });
}

/** Packets that left over each link while the stream ran. */
async function sentOver(pair: SitePair, during: () => Promise<unknown>): Promise<number[]> {
  const sent = async () => (await pair.a.status()).tunnels[0]?.paths.map(({ txPackets }) => txPackets) ?? [];
  const before = await sent();
  await during();
  return (await sent()).map((packets, index) => packets - (before[index] as number));
}

describe('a class that is duplicated', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openPair('duplicate');
  });
  after(() => pair?.close());

  it('goes over both links, and arrives once', async () => {
    const stream = await NumberedStream.start(pair.sites, pace);
    const sent = await sentOver(pair, () => sleep(2_000));
    for (const packets of sent) assert.ok(packets > 600, `${sent}`);
    const { missing, repeated } = await stream.finish();
    assert.deepEqual([missing, repeated], [0, 0]);
  });

  it('needs no repair when a link swallows everything', async () => {
    const stream = await NumberedStream.start(pair.sites, pace);
    await sleep(500);
    await pair.sites.link(0).set({ blackHole: true });
    await sleep(2_000);
    const { missing, repeated, longestGapMillis, sent } = await stream.finish();
    assert.deepEqual([missing, repeated], [0, 0]);
    // Noticing alone takes longer than this.
    assert.ok(longestGapMillis < 60 + sent.longestPauseMillis, `a gap of ${longestGapMillis} ms`);
    await pair.sites.link(0).set({ blackHole: false });
  });
});

describe('a class that is pinned', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openPair('pin');
  });
  after(() => pair?.close());

  it('stays on one link, and takes another only when that one dies', async () => {
    const stream = await NumberedStream.start(pair.sites, pace);
    const [first = 0, second = 0] = await sentOver(pair, () => sleep(2_000));
    const [most, least] = [Math.max(first, second), Math.min(first, second)];
    assert.ok(most > 700 && least < 100, `${most} and ${least} packets`);
    const pinned = first > second ? 0 : 1;
    await pair.sites.link(pinned).set({ blackHole: true });
    await sleep(1_000);
    const after = await sentOver(pair, () => sleep(1_000));
    assert.ok((after[1 - pinned] as number) > 350, `${after}`);
    const { missing, repeated } = await stream.finish();
    assert.deepEqual([missing, repeated], [0, 0]);
  });
});
