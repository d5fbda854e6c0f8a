/**
 * Links that die without a word: nothing is told to anybody, packets just do not arrive (S4.11).
 *
 * Every bound here means that it works, not how well: the benchmarks measure.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostInside } from '../addressing.ts';
import { waitUntilUp } from '../gateways.ts';
import { ping, RunningPing } from '../ping.ts';
import type { Direction } from '../wan/wan.ts';
import { JournalWatch, onLink } from './journal-watch.ts';
import { openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

const line = { rateMbit: 50, delayMillis: 5, queueMillis: 60 };

/** What an inner connection may notice of a link's death: well below what a person takes for a hanging one. */
const LONGEST_STALL_MILLIS = 3_000;

describe('a link that swallows everything', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('silent', { profile: [line, line] });
  });
  after(() => pair?.close());

  async function watchBoth(): Promise<[JournalWatch, JournalWatch]> {
    return [await JournalWatch.start(pair.a), await JournalWatch.start(pair.b)];
  }

  async function swallow(link: number, swallowing: boolean, direction?: Direction): Promise<void> {
    await pair.sites.link(link).set({ blackHole: swallowing }, direction);
  }

  it('is left by a connection that uses it, with the evidence in the journal, and taken back', async () => {
    const [a, b] = await watchBoth();
    const stream = await TcpStream.start(pair.sites);
    await sleep(300);
    await swallow(1, true);
    const suspect = await a.waitFor('pathSuspect', onLink('link1'));
    const down = await a.waitFor('pathDown', onLink('link1'));
    assert.ok(suspect.sequence < down.sequence);
    const { unansweredProbes, oldestUnacknowledgedMillis = 0, rttMillis = 0 } = down.evidence;
    assert.ok(unansweredProbes > 0, 'probes were tried');
    assert.ok(
      oldestUnacknowledgedMillis > 50 && oldestUnacknowledgedMillis < 3_000,
      `${oldestUnacknowledgedMillis} ms`,
    );
    assert.ok(rttMillis > 8 && rttMillis < 500, `${rttMillis} ms`);
    await b.waitFor('pathDown', onLink('link1'));
    await sleep(500);
    await swallow(1, false);
    await waitUntilUp(pair);
    const up = await a.waitFor('pathUp', onLink('link1'));
    assert.ok((up.evidence.downMillis ?? 0) > 400);
    const { longestStallMillis } = await stream.finish();
    assert.ok(longestStallMillis < LONGEST_STALL_MILLIS, `stalled for ${longestStallMillis} ms`);
    assert.deepEqual(await a.of('tunnelDown'), []);
    for (const watch of [a, b]) assert.deepEqual((await watch.of('pathDown')).filter(onLink('link0')), []);
  });

  it('is left within a second when nothing is sent, and called dead half a second later', async () => {
    const [a, b] = await watchBoth();
    await sleep(300);
    const swallowedAt = Date.now();
    await swallow(0, true);
    for (const watch of [a, b]) {
      const suspect = await watch.waitFor('pathSuspect', onLink('link0'));
      const down = await watch.waitFor('pathDown', onLink('link0'));
      const [left, dead] = [suspect, down].map(({ at }) => Date.parse(at) - swallowedAt) as [number, number];
      assert.ok(left < 1_000 && dead < 1_500, `left after ${left} ms, dead after ${dead} ms`);
    }
    const { received } = await ping(pair.sites.hostA, 10, {
      address: hostInside('b').v4,
      intervalMillis: 10,
    });
    assert.equal(received, 10, 'the other link carries');
    await swallow(0, false);
    await waitUntilUp(pair);
  });

  for (const [direction, sender] of [
    ['aToB', 'a'],
    ['bToA', 'b'],
  ] as const) {
    it(`in one direction (${direction}) is left by whoever sends into it`, async () => {
      const watch = await JournalWatch.start(pair[sender]);
      const streams = [
        await TcpStream.start(pair.sites),
        await TcpStream.start(pair.sites, { towards: 'a' }),
      ];
      await swallow(1, true, direction);
      await watch.waitFor('pathDown', onLink('link1'));
      await sleep(300);
      const echoes = await ping(pair.sites.hostA, 20, { address: hostInside('b').v4, intervalMillis: 10 });
      assert.equal(echoes.received, 20, 'both directions work');
      await swallow(1, false, direction);
      await waitUntilUp(pair);
      for (const stream of streams) {
        const { longestStallMillis } = await stream.finish();
        assert.ok(longestStallMillis < LONGEST_STALL_MILLIS, `stalled for ${longestStallMillis} ms`);
      }
    });
  }

  it('ends the tunnel when no other is left, and the tunnel comes back with it', async () => {
    const [a, b] = await watchBoth();
    await Promise.all([swallow(0, true), swallow(1, true)]);
    for (const watch of [a, b]) {
      const down = await watch.waitFor('tunnelDown');
      assert.equal(down.evidence.reason, 'No path carries.');
    }
    assert.equal((await pair.a.tunnel()).state, 'down');
    await sleep(1_000);
    await Promise.all([swallow(0, false), swallow(1, false)]);
    await waitUntilUp(pair);
    for (const watch of [a, b]) await watch.waitFor('tunnelUp');
    const { received } = await ping(pair.sites.hostA, 10, {
      address: hostInside('b').v4,
      intervalMillis: 10,
    });
    assert.equal(received, 10);
  });

  it('is not confused with one that loses a third of its packets', async () => {
    const [a, b] = await watchBoth();
    await pair.sites.link(1).set({ lossPercent: 30 });
    const echoes = await RunningPing.start(pair.sites.hostA, {
      address: hostInside('b').v4,
      intervalMillis: 5,
    });
    await sleep(3_000);
    await echoes.finish();
    await sleep(2_000);
    await pair.sites.link(1).set({ lossPercent: 0 });
    for (const watch of [a, b]) assert.deepEqual(await watch.of('pathDown'), []);
    await waitUntilUp(pair);
  });
});
