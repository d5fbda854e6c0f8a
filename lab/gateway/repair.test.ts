/**
 * What is lost on a link, or was on it when it died, is sent again over what is left: every datagram comes, once (S4.6).
 *
 * Every bound here means that it works, not how well: the benchmarks measure.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntilUp } from '../gateways.ts';
import { NumberedStream } from '../numbered-stream.ts';
import { openSitePair, type SitePair } from './site-pair.ts';

const line = { rateMbit: 50, delayMillis: 10, queueMillis: 60 };
const pace = { packetsPerSecond: 1_000, bytes: 200 };
const ENOUGH_LOST = 50;
const LONGEST_LOSS_MILLIS = 20_000;

describe('a numbered stream', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('repair', { profile: [line, line] });
  });
  after(() => pair?.close());

  async function sentAgain(): Promise<number> {
    return (await pair.a.status()).tunnels[0]?.counters.sentAgain ?? 0;
  }

  async function lose(lossPercent: number): Promise<void> {
    for (const link of [0, 1]) await pair.sites.link(link).set({ lossPercent });
  }

  async function assertWhole(stream: NumberedStream): Promise<void> {
    const { missing, repeated, packets } = await stream.finish();
    assert.deepEqual([missing, repeated], [0, 0], `of ${packets}`);
  }

  it('arrives whole, each datagram once, whichever link swallows everything', async () => {
    const before = await sentAgain();
    const stream = await NumberedStream.start(pair.sites, pace);
    await sleep(1_000);
    for (const link of [0, 1]) {
      await pair.sites.link(link).set({ blackHole: true });
      await sleep(2_000);
      await pair.sites.link(link).set({ blackHole: false });
      await waitUntilUp(pair);
    }
    await assertWhole(stream);
    assert.ok((await sentAgain()) > before, 'some were on the link that died');
  });

  it('arrives whole, each datagram once and in order, over links that lose one in twenty', async () => {
    const before = await sentAgain();
    const stream = await NumberedStream.start(pair.sites, pace);
    await lose(5);
    // How many packets are lost in a second depends on how many datagrams a busy machine lets share one.
    const deadline = performance.now() + LONGEST_LOSS_MILLIS;
    while ((await sentAgain()) - before < ENOUGH_LOST) {
      assert.ok(performance.now() < deadline, `${(await sentAgain()) - before} were sent again`);
      await sleep(200);
    }
    await lose(0);
    await assertWhole(stream);
  });
});
