/**
 * Plain traffic over two links, by the faults that a link can have beside those of internet.test.ts: one direction, loss, a full queue, another
 * address, an interface made again, a daemon that stands still, a full disk, or somebody else's packet filter (S1.2, S1.3, S1.8, S1.9).
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { behindRouter, gatewayInside } from '../addressing.ts';
import type { Child } from '../child.ts';
import { quickStart } from '../gateways.ts';
import { fillUp } from './full-disk.ts';
import { InternetSite, masqueraded, server } from './internet-site.ts';
import { JournalWatch } from './journal-watch.ts';
import { program, withMounts } from './refusal.ts';

const line = { rateMbit: 6, delayMillis: 5, queueMillis: 400 };
/** What the default probe settings promise for a link that goes silent, and by how much a busy machine may be late. */
const PROMISED_MILLIS = 5_000;
const LATE_MILLIS = 1_000;
/** A change runs some twenty programs, which take their time on a busy machine. */
const CHANGE_MILLIS = 8_000;
const START_MILLIS = 90_000;
/** A program that is started on a busy machine connects when it has begun. */
const CONNECT_MILLIS = 8_000;
const floodMain = join(import.meta.dirname, 'internet', 'flood-main.ts');
const targets = [{ icmp: server.v4 }, { icmp: server.v6 }];
const tiers = { links: { link0: { tier: 1 }, link1: { tier: 2 } }, masquerade: masqueraded };

const goodBoth = { link0: 'up', link1: 'up' } as const;

/** The number of the last answer that the client got. */
function answers({ output }: Child): number {
  return Number([...output.matchAll(/^(\d+) /gm)].at(-1)?.[1] ?? 0);
}

async function assertAlive(connection: Child): Promise<void> {
  await connection.waitFor(new RegExp(`^${answers(connection) + 5} `, 'm'), 5_000);
  assert.doesNotMatch(connection.output, /error|closed/);
}

describe('plain traffic over two links with the default probe', () => {
  let site: InternetSite;
  before(async () => {
    site = await InternetSite.open('faults', {
      profile: [line, line],
      links: {
        // Link 0 dies in most of these tests, and is not to be punished for it.
        link0: { probe: { targets, 'delay-above': '150ms', 'hold-most': '1s' }, rate: '6mbit' },
        link1: { probe: { targets: [...targets, { icmp: gatewayInside('a').v4 }] } },
      },
      internet: { ...tiers, hold: '2s' },
    });
    await site.daemon.start(START_MILLIS);
    await returned();
  });
  // One that fails leaves the next a link without its fault.
  afterEach(heal);
  after(() => site?.close());

  async function heal(): Promise<void> {
    await site.sites.link(0).set({ blackHole: false, lossPercent: 0 });
    if (!(await site.gateway.hasInterface('wan0'))) await site.layAgain(0);
  }

  /** Nothing is left in the last ten rounds of what the test before has done. */
  async function withoutLoss(): Promise<void> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const [link0] = (await site.daemon.status()).links;
      if (link0?.probe?.lossRatio === 0) return;
      if (performance.now() > deadline) assert.fail(JSON.stringify(link0, undefined, 1));
      await sleep(200);
    }
  }

  async function returned(): Promise<void> {
    await site.carriedBy(['link0'], 40_000);
    await site.verdicts(goodBoth, 30_000);
    for (const from of [site.client, site.gateway])
      for (const address of Object.values(server))
        assert.equal(await site.wayOf(from, address, CONNECT_MILLIS), 0, address);
  }

  /** By the journal's own times: what is dead is down in time, and from then on the other link carries. */
  async function assertMoves(fault: () => Promise<void>): Promise<void> {
    const watch = await JournalWatch.start(site.daemon);
    const begunAt = Date.now();
    await fault();
    const isLink0 = ({ subject }: { subject: { name: string } }) => subject.name === 'link0';
    const down = await watch.waitFor('linkDown', isLink0, PROMISED_MILLIS + CHANGE_MILLIS);
    const took = Date.parse(down.at) - begunAt;
    assert.ok(took < PROMISED_MILLIS + LATE_MILLIS, `down after ${took} ms`);
    const moved = await watch.waitFor('internetMoved', undefined, CHANGE_MILLIS);
    assert.deepEqual(moved.evidence.after, ['link1']);
    for (const address of Object.values(server))
      assert.equal(await site.wayOf(site.client, address, CONNECT_MILLIS), 1);
  }

  it('is told that a target is the gateway itself, which counts as silent', async () => {
    const told = (await site.daemon.events()).filter(({ kind }) => kind === 'networkTrouble');
    assert.match(JSON.stringify(told), /BS_PROBE_TARGET_OWN icmp 10\.1\.0\.1: .*\(lan0\)/);
    const link1 = (await site.daemon.status()).links.find(({ name }) => name === 'link1');
    const own = link1?.probe?.targets.find(({ target }) => target === 'icmp 10.1.0.1');
    assert.deepEqual([own?.answered, link1?.probe?.verdict, link1?.probe?.cause], [0, 'up', 'targetDead']);
  });

  for (const direction of ['aToB', 'bToA'] as const) {
    it(`moves within 5 s when one direction is swallowed (${direction})`, async () => {
      await assertMoves(() => site.sites.link(0).set({ blackHole: true }, direction));
      await heal();
      await returned();
    });
  }

  for (const lossPercent of [5, 15]) {
    it(`stays with a loss of ${lossPercent} %`, async () => {
      const watch = await JournalWatch.start(site.daemon);
      const kept = await site.connect(site.client, server.v4);
      await kept.waitFor(/^3 /m);
      await site.sites.link(0).set({ lossPercent });
      await sleep(10_000);
      await site.sites.link(0).set({ lossPercent: 0 });
      // Of six questions one answer for each family is enough: one round in thousands is bad, and two in a row are needed.
      assert.deepEqual(await watch.of('linkDown'), []);
      assert.deepEqual(await watch.of('internetMoved'), []);
      await assertAlive(kept);
      kept.killNow();
      await site.verdicts(goodBoth, 30_000);
    });
  }

  it('stays with a delay that grows by its own full queue, and says that it is overloaded', async () => {
    await withoutLoss();
    const watch = await JournalWatch.start(site.daemon);
    const flood = await site.client.spawn(process.execPath, [floodMain, server.v4, '9']);
    const degraded = await watch.waitFor('linkDegraded', ({ subject }) => subject.name === 'link0', 25_000);
    assert.equal(degraded.evidence.probe.cause, 'overloaded', JSON.stringify(degraded.evidence));
    assert.deepEqual(await site.carriers(), ['link0']);
    await flood.stop();
    assert.deepEqual(await watch.of('internetMoved'), []);
    await site.verdicts(goodBoth, 30_000);
  });

  it('goes on with another address of the same link, and what had the old one is told at once', async () => {
    const other = { v4: behindRouter(0, 7).v4, v6: behindRouter(0, 7).v6 };
    const old = behindRouter(0, 2);
    const kept = await site.connect(site.client, server.v4);
    await kept.waitFor(/^3 \S*198\.18\.0\.1/m);
    const change = async (away: typeof old, come: typeof old) => {
      // As a DHCP client does.
      await site.gateway.ip(`address del ${away.v4}/24 dev wan0`, `address del ${away.v6}/64 dev wan0`);
      await site.gateway.addAddresses('wan0', `${come.v4}/24`, `${come.v6}/64`);
      for (const via of Object.values(behindRouter(0, 1)))
        await site.gateway.addRoute('default', via, 'dev wan0 metric 100');
      // What the daemon makes of the moment without an address is under way by then.
      await sleep(CHANGE_MILLIS);
    };
    await change(old, other);
    await kept.waitFor(/error|closed/, 10_000);
    await site.carriedBy(['link0'], 30_000);
    await returned();
    await change(other, old);
    await returned();
  });

  it('moves when the interface is deleted, and returns when it is made again', async () => {
    await assertMoves(() => site.gateway.ip('link del wan0'));
    await heal();
    await returned();
  });

  it('moves nothing and breaks nothing while the daemon stands still for three seconds', async () => {
    const kept = await site.connect(site.client, server.v4);
    await kept.waitFor(/^3 /m);
    const watch = await JournalWatch.start(site.daemon);
    const { pid } = (await site.daemon.status()).gateway;
    process.kill(pid, 'SIGSTOP');
    await sleep(3_000);
    process.kill(pid, 'SIGCONT');
    await sleep(6_000);
    assert.deepEqual(await watch.of('linkDown'), []);
    assert.deepEqual(await watch.of('internetMoved'), []);
    await assertAlive(kept);
    kept.killNow();
  });

  it('notices a link that died while the daemon stood still', async () => {
    const watch = await JournalWatch.start(site.daemon);
    const { pid } = (await site.daemon.status()).gateway;
    process.kill(pid, 'SIGSTOP');
    await site.sites.link(0).set({ blackHole: true });
    await sleep(3_000);
    process.kill(pid, 'SIGCONT');
    await watch.waitFor(
      'internetMoved',
      ({ evidence }) => evidence.after.join() === 'link1',
      PROMISED_MILLIS + CHANGE_MILLIS,
    );
    await heal();
    await returned();
  });

  it("leaves somebody else's packet filter as it is, word for word, through a change and a stop", async () => {
    await site.gateway.nft(theirs);
    const text = async () =>
      (await site.gateway.run('nft', ['list', 'table', 'inet', 'theirs'])).stdout +
      (await site.gateway.run('nft', ['list', 'table', 'ip', 'theirs-too'])).stdout;
    const before = await text();
    await assertMoves(() => site.sites.link(0).set({ blackHole: true }));
    assert.equal(await text(), before);
    await site.sites.link(0).set({ blackHole: false });
    await returned();
    await site.daemon.stop();
    assert.equal(await text(), before);
    await site.daemon.start(START_MILLIS);
    await returned();
    assert.equal(await text(), before);
    await site.gateway.nft('delete table inet theirs; delete table ip theirs-too');
  });
});

/** Chains at our own priorities, and a mark of their own. */
const theirs = `
table inet theirs {
  set known { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 } }
  chain choose {
    type filter hook prerouting priority dstnat + 10; policy accept;
    ip saddr @known meta mark set 0x77
  }
}
table ip theirs-too {
  chain out {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "tun9" masquerade
  }
}`;

describe('a gateway whose disk is full', () => {
  it('moves and returns all the same, says so, and writes down what was missing', async () => {
    const site = await InternetSite.open('full-disk', {
      profile: [line, line],
      links: { link0: { probe: { targets } }, link1: { probe: { targets } } },
      internet: { ...tiers, hold: '1s' },
    });
    try {
      const { state, config } = site.daemon.files;
      const small = withMounts(`mount -t tmpfs -o size=64k,mode=700 none ${state}`);
      const [first = '', ...rest] = [...small, program, 'run', '--config', config, ...quickStart];
      const daemon = await site.gateway.spawn(first, rest);
      await daemon.waitFor(/runs as/, START_MILLIS);
      await site.carriedBy(['link0'], 20_000);
      await site.verdicts(goodBoth);
      const filler = `/proc/${daemon.pid}/root${state}/filler`;
      fillUp(filler);
      const watch = await JournalWatch.start(site.daemon);
      await site.sites.link(0).set({ blackHole: true });
      await watch.waitFor('internetMoved', undefined, 15_000);
      assert.equal(await site.wayOf(site.client, server.v4, CONNECT_MILLIS), 1);
      const trouble = await watch.waitFor('networkTrouble', ({ evidence }) =>
        evidence.problems.some((it) => /BS_STATE_UNWRITABLE .*internet\.json/.test(it)),
      );
      assert.ok(trouble);
      await site.sites.link(0).set({ blackHole: false });
      await watch.waitFor('internetMoved', ({ evidence }) => evidence.after.join() === 'link0', 30_000);
      assert.equal(await site.wayOf(site.client, server.v4, CONNECT_MILLIS), 0);
      rmSync(filler);
      daemon.signal('SIGTERM');
      assert.equal((await daemon.exited).status, 0);
    } finally {
      await site.close();
    }
  });
});

describe('a backup by modem that cannot be dialled', () => {
  const hidePppd = withMounts('[ ! -e /usr/sbin/pppd ] || mount --bind /dev/null /usr/sbin/pppd');
  for (const [what, device, under, code] of [
    ['the modem is missing', '/dev/no-such-modem', [], 'BS_MODEM_MISSING'],
    ['pppd is not installed', '/dev/null', hidePppd, 'BS_PPP_NOT_INSTALLED'],
  ] as const) {
    it(`is told with its reason, and the primary is kept: ${what}`, async () => {
      const ppp = { device, phone: '0123', account: 'office', 'password-file': '/dev/null' };
      const site = await InternetSite.open('no-modem', {
        profile: [line, line],
        links: {
          link0: { probe: { targets } },
          link1: { interface: 'ppp0', probe: undefined, use: 'on-demand', 'on-demand': { ppp } },
        },
        internet: { ...tiers, hold: '1s' },
      });
      try {
        const words = [...under, program, 'run', '--config', site.daemon.files.config, ...quickStart];
        const daemon = await site.gateway.spawn(words[0] ?? '', words.slice(1));
        await daemon.waitFor(/runs as/, START_MILLIS);
        await site.verdicts({ link0: 'up' });
        const watch = await JournalWatch.start(site.daemon);
        await site.sites.link(0).set({ blackHole: true });
        const failed = await watch.waitFor('linkDialFailed', undefined, 30_000);
        assert.equal(failed.evidence.code, code);
        await watch.waitFor('internetLost');
        assert.deepEqual(await site.carriers(), ['link0']);
        await site.sites.link(0).set({ blackHole: false });
        await site.verdicts({ link0: 'up' }, 20_000);
        assert.equal(await site.wayOf(site.client, server.v4, CONNECT_MILLIS), 0);
        daemon.signal('SIGTERM');
        assert.equal((await daemon.exited).status, 0);
      } finally {
        await site.close();
      }
    });
  }
});
