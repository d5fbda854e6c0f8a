/**
 * Plain traffic over tiers of links with real packets: it moves when a link dies, in whatever way, connections on a link that works are
 * not touched, it returns after the hold, and what belongs to others stays (S1.3, S1.5, S1.6, S1.8, S1.9, S1.12).
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { behindRouter } from '../addressing.ts';
import { Child } from '../child.ts';
import { InternetSite, masqueraded, otherServer, server } from './internet-site.ts';
import { type Entry, JournalWatch } from './journal-watch.ts';
import { type MachineState, machineState } from './machine-state.ts';

const line = { rateMbit: 50, delayMillis: 5 };
const program = join(import.meta.dirname, '..', '..', 'bin', 'backstay');
/** What the default probe settings promise for a link that goes silent, and by how much a busy machine may be late. */
const PROMISED_MILLIS = 5_000;
const LATE_MILLIS = 1_000;
/** A change runs some twenty programs, which take their time on a busy machine. */
const CHANGE_MILLIS = 8_000;
/** So does a program of the test until it connects. */
const CONNECT_MILLIS = 8_000;
const HOLD_MILLIS = 2_000;

const foreign = `table inet theirs {
  chain c {
    type filter hook forward priority 10;
  }
}`;

function sorted(state: MachineState): Record<string, string[]> {
  const entries = Object.entries(state);
  return Object.fromEntries(entries.map(([part, text]) => [part, text.split('\n').toSorted()]));
}

describe('plain traffic over two tiers', () => {
  let site: InternetSite;
  let untouched: MachineState;
  before(async () => {
    site = await InternetSite.open('internet', {
      profile: [line, line],
      internet: {
        links: { link0: { tier: 1 }, link1: { tier: 2 } },
        masquerade: masqueraded,
        hold: `${HOLD_MILLIS}ms`,
      },
    });
    await site.gateway.nft(foreign);
    await site.gateway.ip(
      'route add 192.0.2.0/24 dev lo table 77',
      'rule add pref 900 to 192.0.2.0/24 lookup 77',
    );
    untouched = await machineState(site.gateway);
    await site.daemon.start();
    await carriedBy(['link0']);
    await goodBoth();
  });
  // A test that fails leaves the next a link without its fault.
  afterEach(() => site.sites.link(0).set({ blackHole: false, lossPercent: 0 }));
  after(() => site?.close());

  const carriedBy = (wanted: readonly string[], withinMillis?: number) =>
    site.carriedBy(wanted, withinMillis);
  const goodBoth = () => site.verdicts({ link0: 'up', link1: 'up' });

  /** A fault of link 0; traffic of the client and of the gateway itself goes by link 1 at once, in both families. */
  async function movesBy(
    fault: () => Promise<void>,
    withinMillis = PROMISED_MILLIS,
  ): Promise<Entry<'internetMoved'>> {
    const watch = await JournalWatch.start(site.daemon);
    const kept = await site.connect(site.client, server.v4);
    await kept.waitFor(/^3 198\.18\.0\.1|^3 ::ffff:198\.18\.0\.1/m);
    const brokenAt = Date.now();
    await fault();
    const moved = await watch.waitFor(
      'internetMoved',
      ({ evidence }) => evidence.reason === 'failed' && evidence.after.join() === 'link1',
      withinMillis + CHANGE_MILLIS,
    );
    const [down] = (await watch.of('linkDown')).filter(({ subject }) => subject.name === 'link0');
    const took = Date.parse(down?.at ?? '') - brokenAt;
    assert.ok(took < withinMillis + LATE_MILLIS, `down after ${took} ms`);
    for (const from of [site.client, site.gateway]) {
      for (const address of Object.values(server))
        assert.equal(await site.wayOf(from, address, CONNECT_MILLIS), 1, `${from.name} ${address}`);
    }
    // Its packets come from another address now: the server refuses them, and the client knows at once.
    await kept.waitFor(/error|closed/, CHANGE_MILLIS);
    return moved;
  }

  async function returns(): Promise<void> {
    await carriedBy(['link0'], 25_000);
    await goodBoth();
    assert.equal(await site.wayOf(site.client, server.v4, CONNECT_MILLIS), 0);
    assert.equal(await site.wayOf(site.gateway, server.v4, CONNECT_MILLIS), 0);
  }

  it('goes by the first tier: client and gateway, both families, with strict rp_filter', async () => {
    for (const from of [site.client, site.gateway]) {
      for (const address of Object.values(server))
        assert.equal(await site.wayOf(from, address, CONNECT_MILLIS), 0, `${from.name} ${address}`);
    }
  });

  it('moves within 5 s when the provider swallows everything, and returns after the hold', async () => {
    const moved = await movesBy(() => site.sites.link(0).set({ blackHole: true }));
    assert.deepEqual(moved.evidence.cut, ['link0']);
    const onBackup = await site.connect(site.client, server.v4);
    await onBackup.waitFor(/^3 \S*198\.18\.1\.1/m);
    const repairedAt = Date.now();
    const watch = await JournalWatch.start(site.daemon);
    await site.sites.link(0).set({ blackHole: false });
    const back = await watch.waitFor('internetMoved', ({ evidence }) => evidence.reason === 'better', 25_000);
    assert.ok((back.evidence.heldMillis ?? 0) >= HOLD_MILLIS);
    assert.ok(Date.parse(back.at) - repairedAt >= HOLD_MILLIS);
    await returns();
    // The connection on the link that works lives on, over that link.
    const count = Number(onBackup.output.trim().split('\n').at(-1)?.split(' ')[0]);
    await onBackup.waitFor(new RegExp(`^${count + 5} \\S*198\\.18\\.1\\.1`, 'm'), 3_000);
    onBackup.killNow();
  });

  it('does not move when one target of two is dead', async () => {
    const watch = await JournalWatch.start(site.daemon);
    await site.sites.gatewayB.ip(`address del ${otherServer.v4}/32 dev lo`);
    await sleep(6_000);
    assert.deepEqual(await watch.of('internetMoved'), []);
    await site.sites.gatewayB.addAddresses('lo', `${otherServer.v4}/32`);
  });

  it('moves when the interface is set down, and returns', async () => {
    await movesBy(() => site.gateway.ip('link set wan0 down'));
    await site.gateway.ip('link set wan0 up');
    await site.dressAgain();
    await returns();
  });

  it('moves when the address is removed, and returns', async () => {
    const { v4, v6 } = behindRouter(0, 2);
    await movesBy(() => site.gateway.ip(`address del ${v4}/24 dev wan0`, `address del ${v6}/64 dev wan0`));
    await site.dressAgain();
    await returns();
  });

  it('moves when the route of the link is removed, and returns', async () => {
    await movesBy(async () => {
      await site.gateway.ip('route del default dev wan0');
      await site.gateway.run('ip', ['-6', 'route', 'del', 'default', 'dev', 'wan0']);
    }, 2 * PROMISED_MILLIS);
    await site.dressAgain();
    await returns();
  });

  it('follows the word of the operator, and goes on from a kill without moving anything', async () => {
    assert.equal(await backstay('link', 'use', 'link1'), 0);
    await carriedBy(['link1']);
    const onBackup = await site.connect(site.client, server.v4);
    await onBackup.waitFor(/^3 \S*198\.18\.1\.1/m);
    site.daemon.kill();
    await site.daemon.child.exited;
    await site.daemon.start();
    const watch = await JournalWatch.start(site.daemon);
    await sleep(4_000);
    assert.deepEqual(await site.carriers(), ['link1']);
    assert.deepEqual(await watch.of('internetMoved'), []);
    const count = Number(onBackup.output.trim().split('\n').at(-1)?.split(' ')[0]);
    await onBackup.waitFor(new RegExp(`^${count + 5} `, 'm'), 3_000);
    onBackup.killNow();
    assert.equal(await backstay('link', 'release'), 0);
    await carriedBy(['link0']);
    assert.equal(await backstay('link', 'use', 'nothing'), 2);
  });

  it('keeps to a lossy link rather than to the backup tier', async () => {
    const watch = await JournalWatch.start(site.daemon);
    await site.sites.link(0).set({ lossPercent: 30 });
    await watch.waitFor('linkDegraded', ({ subject }) => subject.name === 'link0', 15_000);
    await site.sites.link(0).set({ lossPercent: 0 });
    const moved = (await watch.of('internetMoved')).filter(({ evidence }) => evidence.reason !== 'better');
    const downs = await watch.of('linkDown');
    // Of three questions to each of two targets one answer is enough; a chance in thousands for a bad round, twice in a row.
    assert.deepEqual([downs.length, moved.length], [0, 0]);
  });

  it('leaves the machine as it was found', async () => {
    await site.daemon.stop();
    // What was set down and up again stands in another order.
    assert.deepEqual(sorted(await machineState(site.gateway)), sorted(untouched));
  });

  async function backstay(...words: string[]): Promise<number> {
    const child = await Child.start(program, [...words, '--socket', site.daemon.files.socket]);
    return (await child.exited).status ?? -1;
  }
});
