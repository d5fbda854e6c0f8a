/**
 * Links that are probed with real packets: silence is acted upon within 5 s and named rightly, a dead target alone takes no
 * link down, and every probe leaves by its own link, whatever the main table says (S1.1 to S1.3, S1.8).
 */
import assert from 'node:assert/strict';
import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { behindRouter, outside } from '../addressing.ts';
import { Child } from '../child.ts';
import { type Entry, JournalWatch } from './journal-watch.ts';
import { openSitePair, type SitePair } from './site-pair.ts';

const serverPath = join(import.meta.dirname, 'probes', 'targets-main.ts');
const line = { rateMbit: 50, delayMillis: 10 };
const program = join(import.meta.dirname, '..', '..', 'bin', 'backstay');
/** What the defaults promise for a link that goes silent. */
const PROMISED_MILLIS = 5_000;

function probe(index: number) {
  const { v4, v6 } = outside(index, 2);
  return {
    targets: [
      { icmp: v4 },
      { icmp: v6 },
      { tcp: `${v4}:8080` },
      { http: `http://[${v6}]:8081/alive` },
      { dns: `${v4}:5353`, name: 'example.org' },
      // Nobody has this address.
      { icmp: outside(index, 77).v4 },
      { neighbour: 'next-hop' },
    ],
  };
}

/** Link 1 is judged faster than by default, so that its trouble is over sooner; link 0 has the defaults. */
const hasty = { timeout: '300ms', interval: '100ms' };

const aboutLink = (name: string) => (entry: { subject: { name?: string } }) => entry.subject.name === name;

describe('links that are probed', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('probes', {
      shape: 'nat',
      profile: [line, line],
      overrides: {
        a: { links: { link0: { probe: probe(0) }, link1: { probe: { ...probe(1), ...hasty } } } },
      },
      prepare: async ({ gatewayB }) => {
        const servers = await gatewayB.spawn(process.execPath, [serverPath, '8080', '8081', '5353']);
        await servers.waitFor(/listening/);
      },
    });
    await waitForVerdict('up', 'link0', 'link1');
  });
  after(() => pair?.close());

  async function verdictOf(name: string) {
    return (await pair.a.status()).links.find((link) => link.name === name)?.probe;
  }

  async function waitForVerdict(verdict: string, ...names: string[]): Promise<void> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const probes = await Promise.all(names.map(verdictOf));
      if (probes.every((it) => it?.verdict === verdict)) return;
      if (performance.now() > deadline) assert.fail(JSON.stringify(probes, undefined, 1));
      await sleep(50);
    }
  }

  it('are up while targets of every kind answer, and one that is dead is named without harm', async () => {
    await sleep(2_500);
    const watch = await JournalWatch.start(pair.a);
    const found = await verdictOf('link0');
    assert.equal(found?.verdict, 'up');
    assert.equal(found?.cause, 'targetDead');
    const { v4 } = outside(0, 77);
    assert.equal(found?.reason, `silent: icmp ${v4}`);
    for (const { target, sent, answered, delayMillis = 0 } of found?.targets ?? []) {
      assert.equal(sent, 3, target);
      if (target === `icmp ${v4}`) assert.equal(answered, 0);
      else assert.equal(answered, 3, target);
      if (/^icmp|^tcp|^dns/.test(target) && answered > 0)
        assert.ok(delayMillis > 19 && delayMillis < 60, `${target} in ${delayMillis} ms`);
    }
    assert.equal(found?.targets.length, 7);
    assert.deepEqual(await watch.of('linkDown'), []);
  });

  it('are down within 5 s when the provider swallows everything, with the cause, and up again', async () => {
    const watch = await JournalWatch.start(pair.a);
    const swallowedAt = Date.now();
    await pair.sites.link(0).set({ blackHole: true });
    const down = await watch.waitFor('linkDown', aboutLink('link0'));
    assert.ok(Date.parse(down.at) - swallowedAt < PROMISED_MILLIS, `${Date.parse(down.at) - swallowedAt} ms`);
    assert.equal(down.evidence.probe?.cause, 'providerDead');
    assert.equal(down.evidence.probe?.rounds, 2);
    const hop = down.evidence.probe?.targets.find(({ target }) => target === 'neighbour next-hop');
    assert.deepEqual([hop?.sent, hop?.answered], [3, 3]);
    const { status, text } = await backstay('link', 'explain', 'link0');
    assert.equal(status, 1);
    assert.match(
      text,
      /^Link link0 is down for .*: the next hop answers, nobody behind it does, \d+ bad rounds? in a row\n/,
    );
    await pair.sites.link(0).set({ blackHole: false });
    const up = await watch.waitFor('linkUp', aboutLink('link0'), 10_000);
    assert.ok((up.evidence.probe?.rounds ?? 0) >= 3);
    assert.deepEqual((await watch.of('linkDown')).filter(aboutLink('link1')), []);
    assert.equal((await backstay('link', 'explain', 'link0')).status, 0);
  });

  it('are down when the next hop is silent too, while their interface stays as it is', async () => {
    const router = pair.sites.router ?? assert.fail('there is no router');
    const watch = await JournalWatch.start(pair.a);
    await router.nft(`table netdev deaf {
      chain in { type filter hook ingress device in1 priority 0; policy drop; }
    }`);
    const down = await watch.waitFor('linkDown', aboutLink('link1'));
    assert.equal(down.evidence.probe?.cause, 'linkDead');
    await router.nft('delete table netdev deaf');
    await watch.waitFor('linkUp', aboutLink('link1'), 10_000);
  });

  it('that lost their address are down with that, and held when they have it again', async () => {
    const watch = await JournalWatch.start(pair.a);
    const { v4, v6 } = behindRouter(1, 2);
    await pair.sites.gatewayA.ip(`address del ${v4}/24 dev wan1`, `address del ${v6}/64 dev wan1`);
    await watch.waitFor('linkDown', aboutLink('link1'));
    await waitForVerdict('down', 'link1');
    await pair.sites.gatewayA.addAddresses('wan1', `${v4}/24`, `${v6}/64`);
    for (const via of Object.values(behindRouter(1, 1)))
      await pair.sites.gatewayA.addRoute('default', via, 'dev wan1 metric 101');
    const isHeld = (entry: Entry<'linkUp'>) =>
      aboutLink('link1')(entry) && entry.evidence.probe !== undefined;
    const { evidence } = await watch.waitFor('linkUp', isHeld, 15_000);
    assert.ok((evidence.probe?.rounds ?? 0) >= 3, JSON.stringify(evidence));
    assert.ok((evidence.probe?.holdMillis ?? 0) >= 1_000, JSON.stringify(evidence));
    await waitForVerdict('up', 'link1');
  });

  it('are degraded by loss, and told to be up again without it', async () => {
    const watch = await JournalWatch.start(pair.a);
    await pair.sites.link(1).set({ lossPercent: 25 });
    const degraded = await watch.waitFor('linkDegraded', aboutLink('link1'), 12_000);
    assert.equal(degraded.evidence.probe.cause, 'lossy');
    assert.ok((degraded.evidence.probe.lossRatio ?? 0) > 0.2);
    await pair.sites.link(1).set({ lossPercent: 0 });
    await watch.waitFor('linkUp', aboutLink('link1'), 15_000);
    assert.deepEqual((await watch.of('linkDown')).filter(aboutLink('link1')), []);
  });

  it('are asked each by itself, also when the main table leads everything elsewhere', async () => {
    const { gatewayA } = pair.sites;
    // More specific than any default route: to both targets of link 1 by link 0, and by link 1 to those of link 0.
    const [hop0, hop1] = [behindRouter(0, 1), behindRouter(1, 1)];
    await gatewayA.addRoute(`${outside(1, 2).v4}/32`, hop0.v4, 'dev wan0');
    await gatewayA.addRoute(`${outside(1, 2).v6}/128`, hop0.v6, 'dev wan0');
    await gatewayA.addRoute(`${outside(0, 2).v4}/32`, hop1.v4, 'dev wan1');
    await gatewayA.addRoute('default', hop1.v4, 'dev wan1 metric 1');
    const capture = await gatewayA.spawn('tcpdump', [
      '-i',
      'wan0',
      '-n',
      '-l',
      '-q',
      '-Q',
      'out',
      `host ${outside(1, 2).v4} or host ${outside(1, 2).v6}`,
    ]);
    await capture.waitFor(/listening on/);
    const watch = await JournalWatch.start(pair.a);
    await pair.sites.link(1).set({ blackHole: true });
    const down = await watch.waitFor('linkDown', aboutLink('link1'));
    assert.equal(down.evidence.probe?.cause, 'providerDead');
    await sleep(1_000);
    assert.equal((await verdictOf('link0'))?.verdict, 'up');
    capture.signal('SIGINT');
    await capture.exited;
    const strayed = capture.output.split('\n').filter((it) => /ICMP|\.8080|\.8081|\.5353/.test(it));
    assert.deepEqual(strayed, []);
    await pair.sites.link(1).set({ blackHole: false });
    await watch.waitFor('linkUp', aboutLink('link1'), 12_000);
    await gatewayA.ip(
      `route del ${outside(1, 2).v4}/32`,
      `route del ${outside(1, 2).v6}/128`,
      `route del ${outside(0, 2).v4}/32`,
      `route del default dev wan1 metric 1`,
    );
  });

  it('have a record by which other settings can be tried', async () => {
    const { status, text } = await backstay('link', 'try', 'link0', '--retries', '30', '--json');
    assert.equal(status, 0, text);
    const trial = JSON.parse(text);
    assert.ok(trial.configured.downs >= 1 && trial.configured.downMillis > 1_000, text);
    assert.equal(trial.tried.downs, 0, text);
    assert.equal((await backstay('link', 'try', 'link0', '--retries', 'many')).status, 2);
    assert.equal((await backstay('link', 'explain', 'nothing')).status, 2);
  });

  it('keep the record over a restart, and go on without one that is damaged', async () => {
    const file = join(pair.a.files.state, 'probe-rounds.json');
    await pair.a.stop();
    await pair.a.start();
    const trial = async () => JSON.parse((await backstay('link', 'try', 'link0', '--json')).text);
    const { configured, recorded } = await trial();
    assert.ok(configured.downs >= 1 && configured.downMillis > 1_000, JSON.stringify(configured));
    const beganAgo = Date.now() - Date.parse(recorded.since);
    assert.ok(beganAgo > 30_000 && beganAgo < 600_000, `${beganAgo} ms ago`);
    await waitForVerdict('up', 'link0');
    await pair.a.stop();
    truncateSync(file, statSync(file).size >> 1);
    await pair.a.start();
    const entry = (await pair.a.events()).findLast(({ kind }) => kind === 'networkTrouble');
    assert.match(JSON.stringify(entry?.evidence), /BS_STATE_UNREADABLE.*probe-rounds\.json/);
    await waitForVerdict('up', 'link0');
    assert.equal((await trial()).configured.downs, 0);
  });

  async function backstay(...words: string[]): Promise<{ status: number; text: string }> {
    const child = await Child.start(program, [...words, '--socket', pair.a.files.socket]);
    const { status } = await child.exited;
    return { status: status ?? -1, text: child.output };
  }
});
