/**
 * A tunnel as the target of its links' probes: what it knows of its paths is the links' verdict, with its cause, and nothing is
 * sent for it (S1.1, S1.2).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { outside } from '../addressing.ts';
import { backstay } from './command-line.ts';
import { JournalWatch } from './journal-watch.ts';
import { openSitePair, type SitePair } from './site-pair.ts';

const line = { rateMbit: 50, delayMillis: 10 };
const probe = { targets: [{ tunnel: 'sites' }], interval: '200ms', timeout: '300ms' };
const of = (name: string) => (entry: { subject: { name?: string } }) => entry.subject.name === name;

describe('links that are judged by their tunnel', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('tunnel-target', {
      shape: 'nat',
      profile: [line, line],
      overrides: { a: { link: { probe } } },
    });
    await verdicts('up', 'up');
  });
  after(() => pair?.close());

  async function verdicts(...wanted: string[]): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const { links } = await pair.a.status();
      if (links.map(({ probe: it }) => it?.verdict).join() === wanted.join()) return;
      if (performance.now() > deadline) assert.fail(JSON.stringify(links, undefined, 1));
      await sleep(50);
    }
  }

  it('are up with their paths, after as long as these take', async () => {
    // The first round may have begun before the paths were laid.
    await sleep(2_000);
    const [link] = (await pair.a.status()).links;
    const found = link?.probe?.targets.find(({ target }) => target === 'tunnel sites');
    assert.deepEqual([found?.sent, found?.answered, found?.elsewhere], [3, 3, 'answers']);
    const { delayMillis = 0 } = found ?? {};
    assert.ok(delayMillis > 19 && delayMillis < 200, `${delayMillis} ms`);
  });

  it('cost no packet: the peer is asked nothing but what the tunnel asks', async () => {
    const { v4, v6 } = outside(0, 2);
    const capture = await pair.sites.gatewayA.spawn('tcpdump', [
      ...['-i', 'wan0', '-n', '-l', '-q'],
      `(host ${v4} or host ${v6}) and not udp and not tcp`,
    ]);
    await capture.waitFor(/listening on/);
    await sleep(2_000);
    capture.signal('SIGINT');
    await capture.exited;
    assert.deepEqual(
      capture.output.split('\n').filter((it) => / IP6? /.test(it)),
      [],
    );
  });

  it('are down when the path is, with the cause and the evidence, and up again with it', async () => {
    const watch = await JournalWatch.start(pair.a);
    await pair.sites.link(0).set({ blackHole: true });
    const down = await watch.waitFor('linkDown', of('link0'), 10_000);
    assert.equal(down.evidence.probe?.cause, 'providerDead');
    const target = down.evidence.probe?.targets.find((it) => it.target === 'tunnel sites');
    assert.deepEqual([target?.answered, target?.elsewhere], [0, 'answers']);
    const explained = await backstay(pair.a, 'link', 'explain', 'link0');
    assert.equal(explained.status, 1);
    assert.match(explained.text, /tunnel sites/);
    await pair.sites.link(0).set({ blackHole: false });
    await watch.waitFor('linkUp', of('link0'), 20_000);
    assert.deepEqual((await watch.of('linkDown')).filter(of('link1')), []);
    const tried = await backstay(pair.a, 'link', 'try', 'link0', '--retries', '100', '--json');
    const { configured, tried: other } = JSON.parse(tried.text);
    assert.deepEqual([configured.downs, other.downs], [1, 0]);
  });

  it('are not at fault when the peer dies', async () => {
    const watch = await JournalWatch.start(pair.a);
    pair.b.kill();
    await watch.waitFor('tunnelDown', () => true, 15_000);
    await sleep(4_000);
    const { links } = await pair.a.status();
    assert.deepEqual(
      links.map(({ probe: it }) => [it?.verdict, it?.cause]),
      [
        ['up', 'peerDead'],
        ['up', 'peerDead'],
      ],
    );
    assert.deepEqual(await watch.of('linkDown'), []);
  });
});
