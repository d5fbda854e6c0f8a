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
import type { Impairments } from '../wan/impairments.ts';
import { openSitePair, type SitePair } from './site-pair.ts';

const line = { rateMbit: 50, delayMillis: 10, queueMillis: 60 };
const pace = { packetsPerSecond: 1_000, bytes: 200 };

describe('a numbered stream', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('repair', { profile: [line, line] });
  });
  after(() => pair?.close());

  async function sentAgain(): Promise<number> {
    return (await pair.a.status()).tunnels[0]?.counters.sentAgain ?? 0;
  }

  /** The stream runs while both links have the fault, one after the other. */
  async function runThrough(fault: Partial<Impairments>, heal: Partial<Impairments>) {
    const stream = await NumberedStream.start(pair.sites, pace);
    await sleep(1_000);
    for (const link of [0, 1]) {
      await pair.sites.link(link).set(fault);
      await sleep(2_000);
      await pair.sites.link(link).set(heal);
      await waitUntilUp(pair);
    }
    return stream.finish();
  }

  it('arrives whole, each datagram once, whichever link swallows everything', async () => {
    const before = await sentAgain();
    const { missing, repeated, packets } = await runThrough({ blackHole: true }, { blackHole: false });
    assert.deepEqual([missing, repeated], [0, 0], `of ${packets}`);
    assert.ok((await sentAgain()) > before, 'some were on the link that died');
  });

  it('arrives whole, each datagram once and in order, over links that lose one in twenty', async () => {
    const before = await sentAgain();
    const { missing, repeated, packets } = await runThrough({ lossPercent: 5 }, { lossPercent: 0 });
    assert.deepEqual([missing, repeated], [0, 0], `of ${packets}`);
    assert.ok((await sentAgain()) - before > 20);
  });
});
