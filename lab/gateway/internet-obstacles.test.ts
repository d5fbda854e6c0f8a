/**
 * Each step of a change of the links that carry plain traffic fails once for real: a route of somebody else, a rule or a table that
 * the kernel does not take, programs that refuse, system calls that are denied, a disk that is full. The machine is then as
 * before or as after, never between, and goes on by itself when the obstacle is gone (S1.3, S1.6; docs/failover.md has the order).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { behindRouter } from '../addressing.ts';
import type { Child } from '../child.ts';
import { InternetSite, masqueraded, server } from './internet-site.ts';
import { JournalWatch } from './journal-watch.ts';
import { type MachineState, machineState } from './machine-state.ts';
import { ProgramShims } from './program-shims.ts';

const line = { rateMbit: 50, delayMillis: 2 };
const probe = {
  targets: [{ icmp: server.v4 }],
  timeout: '400ms',
  interval: '200ms',
  // Link 0 dies once in each test, and is not to be punished for it.
  hold: '500ms',
  'hold-most': '500ms',
};
/** The daemon tries again after two seconds; a machine that is busy takes its time. */
const AGAIN_MILLIS = 30_000;
/** A program that is started on a busy machine connects when it has begun. */
const CONNECT_MILLIS = 8_000;
/** TCP asks again after ever longer pauses: a connection that was stuck for half a minute is told within another. */
const BACKOFF_MILLIS = 90_000;

const hop = behindRouter(1, 1);
const own = behindRouter(1, 2);

type Text = Readonly<Record<string, readonly string[]>>;

/** Rules, routes and packet filters; what was set down and up again stands in another order. */
function textOf(state: MachineState): Text {
  const parts = Object.entries(state).filter(([part]) => /rules|routes|filters/.test(part));
  return Object.fromEntries(parts.map(([part, text]) => [part, text.split('\n').toSorted()]));
}

describe('a step of a failover that fails', () => {
  const shims = new ProgramShims();
  let site: InternetSite;
  /** The machine when link 0 carries, and when link 1 does, without any obstacle. */
  let usual: Text;
  let moved: Text;

  before(async () => {
    site = await InternetSite.open('obstacles', {
      profile: [line, line],
      links: { link0: { probe }, link1: { probe } },
      internet: { links: { link0: { tier: 1 }, link1: { tier: 2 } }, masquerade: masqueraded, hold: '1s' },
      environment: shims.environment,
    });
    await site.daemon.start(90_000);
    await settled();
    usual = await text();
    await blackHole(true);
    await site.carriedBy(['link1']);
    moved = await text();
    assert.notDeepEqual(moved, usual);
    await back();
    assert.deepEqual(await text(), usual);
  });
  // One that fails leaves the next a machine without its obstacle.
  afterEach(async () => {
    shims.takeAway();
    await back();
  });
  after(async () => {
    await site?.close();
    shims.remove();
  });

  const text = async () => textOf(await machineState(site.gateway));
  const blackHole = (isOn: boolean) => site.sites.link(0).set({ blackHole: isOn });

  async function settled(): Promise<void> {
    await site.carriedBy(['link0'], 30_000);
    await site.verdicts({ link0: 'up', link1: 'up' });
  }

  async function back(): Promise<void> {
    await blackHole(false);
    await settled();
  }

  /** Between two attempts nothing is left of the one that failed. */
  async function restsAt(wanted: Text): Promise<void> {
    for (let look = 0; look < 5; look++) {
      let seen = await text();
      // An attempt may be under way.
      for (let again = 0; again < 5 && !isDeepStrictEqual(seen, wanted); again++) {
        await sleep(150);
        seen = await text();
      }
      assert.deepEqual(seen, wanted);
      await sleep(300);
    }
  }

  /** Link 0 dies; the step is told to have failed, and all is as before until the obstacle is gone. */
  async function failsAt(
    step: string,
    put: () => Promise<void> | void,
    takeAway: () => Promise<void> | void,
  ) {
    await put();
    // What the daemon can do about it by itself it has done by then.
    await sleep(3_000);
    const asBefore = await text();
    const watch = await JournalWatch.start(site.daemon);
    await blackHole(true);
    const told = await watch.waitFor(
      'networkTrouble',
      ({ evidence }) => evidence.problems.some((it) => it.startsWith(`internet, step ${step}: BS_`)),
      20_000,
    );
    await restsAt(asBefore);
    assert.deepEqual(await site.carriers(), ['link0']);
    assert.deepEqual(await watch.of('internetMoved'), []);
    await takeAway();
    await watch.waitFor('internetMoved', ({ evidence }) => evidence.after.join() === 'link1', AGAIN_MILLIS);
    await restsAt(moved);
    assert.equal(await site.wayOf(site.client, server.v4, CONNECT_MILLIS), 1);
    await back();
    assert.deepEqual(await text(), usual);
    return told;
  }

  it('link: the one that would carry has no address; nothing is begun, and that nothing works is told', async () => {
    await site.gateway.ip(`address del ${own.v4}/24 dev wan1`, `address del ${own.v6}/64 dev wan1`);
    await sleep(3_000);
    const asBefore = await text();
    const watch = await JournalWatch.start(site.daemon);
    await blackHole(true);
    const lost = await watch.waitFor('internetLost', undefined, 20_000);
    assert.deepEqual(
      lost.evidence.links.map(({ link, state }) => [link, state]),
      [
        ['link0', 'down'],
        ['link1', 'gone'],
      ],
    );
    await restsAt(asBefore);
    await site.dressAgain(1);
    await watch.waitFor('internetMoved', ({ evidence }) => evidence.after.join() === 'link1', AGAIN_MILLIS);
    await restsAt(moved);
    await back();
    assert.deepEqual(await text(), usual);
  });

  it('routes: one of somebody else is in the place of ours', async () => {
    const ours = `default via ${hop.v4} dev wan1 src ${own.v4} table 7301 metric 1024 advmss 1240`;
    const theirs = `default via ${hop.v4} dev wan1 table 7301 metric 1024 protocol static`;
    const told = await failsAt(
      'routes',
      () => site.gateway.ip(`route del ${ours} protocol 185`, `route add ${theirs}`),
      () => site.gateway.ip(`route del ${theirs}`),
    );
    assert.match(told.evidence.problems.join(), /route add default .* table 7301/);
  });

  it('rules: one is gone and is refused', async () => {
    const mark = 'pref 7300 fwmark 0x42530001 lookup 7301';
    const told = await failsAt(
      'rules',
      async () => {
        shims.put({ program: 'ip', how: 'refuse', lines: 'rule add .*0x42530001' });
        await site.gateway.ip(`rule del ${mark}`);
      },
      () => shims.takeAway(),
    );
    assert.match(told.evidence.problems.join(), /rule add .*0x42530001/);
  });

  it('masquerading: the table was flushed, and what loads it says so without doing it', async () => {
    await failsAt(
      'masquerading',
      async () => {
        shims.put({ program: 'nft', how: 'swallow', table: 'backstay-internet' });
        await site.gateway.nft('flush ruleset');
      },
      () => shims.takeAway(),
    );
  });

  it('defaultRoute: its route is refused', async () => {
    const told = await failsAt(
      'defaultRoute',
      () => shims.put({ program: 'ip', how: 'refuse', lines: 'route replace default .* table 7299' }),
      () => shims.takeAway(),
    );
    assert.match(told.evidence.problems.join(), /route replace default .* table 7299/);
  });

  it('defaultRoute: its route stands, and the table with the choice is refused', async () => {
    await failsAt(
      'defaultRoute',
      () => shims.put({ program: 'nft', how: 'refuse', table: 'backstay-internet' }),
      () => shims.takeAway(),
    );
  });

  it('connections: cutting them off is denied; the change stands, and they are cut off as soon as it is not', async () => {
    const kept = await site.connect(site.client, server.v4);
    await kept.waitFor(/^3 \S*198\.18\.0\.1/m);
    const watch = await JournalWatch.start(site.daemon);
    const denial = await denySockets();
    await blackHole(true);
    await watch.waitFor('internetMoved', undefined, 15_000);
    await watch.waitFor('networkTrouble', ({ evidence }) =>
      evidence.problems.some((it) => it.includes('BS_CONNTRACK_REFUSED')),
    );
    await restsAt(moved);
    assert.doesNotMatch(kept.output, /error|closed/);
    await denial.stop();
    await kept.waitFor(/error|closed/, BACKOFF_MILLIS);
    await back();
    assert.deepEqual(await text(), usual);
  });

  for (const [when, obstacle] of [
    [
      'before the default route',
      { program: 'ip', how: 'hang', lines: 'route replace default .* table 7299' },
    ],
    ['behind the default route', { program: 'nft', how: 'hang', table: 'backstay-internet' }],
  ] as const) {
    it(`defaultRoute: the daemon is killed ${when}; the next one ends what it has begun`, async () => {
      const kept = await site.connect(site.client, server.v4);
      await kept.waitFor(/^3 \S*198\.18\.0\.1/m);
      shims.put(obstacle);
      await blackHole(true);
      const endHanging = await shims.hangs(20_000);
      site.daemon.kill();
      await site.daemon.child.exited;
      endHanging();
      shims.takeAway();
      await site.daemon.start(90_000);
      await site.carriedBy(['link1'], AGAIN_MILLIS);
      await restsAt(moved);
      assert.equal(await site.wayOf(site.client, server.v4, CONNECT_MILLIS), 1);
      await kept.waitFor(/error|closed/, BACKOFF_MILLIS);
      await back();
      assert.deepEqual(await text(), usual);
    });
  }

  /** The daemon's main thread opens no socket any more: netlink's among them. Programs that it runs do. */
  async function denySockets(): Promise<Child> {
    const { pid } = (await site.daemon.status()).gateway;
    const words = ['-p', String(pid), '-e', 'trace=socket', '-e', 'inject=socket:error=EPERM'];
    const denial = await site.gateway.spawn('strace', words);
    await denial.waitFor(/attached/);
    return denial;
  }
});

describe('hanging up the old link that fails', () => {
  let site: InternetSite;
  let directory: string;
  const stuck = () => join(directory, 'stuck');
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bs-hang-up-'));
    const command = join(directory, 'wan1');
    writeFileSync(command, commands(stuck()), { mode: 0o755 });
    const onDemand = {
      'up-command': [command, 'up'],
      'down-command': [command, 'down'],
      hold: '1s',
      retry: '1s',
    };
    site = await InternetSite.open('hang-up', {
      profile: [line, line],
      links: {
        link0: { probe },
        link1: { probe: undefined, use: 'on-demand', 'on-demand': onDemand },
      },
      internet: { links: { link0: { tier: 1 }, link1: { tier: 2 } }, masquerade: masqueraded, hold: '1s' },
    });
    await site.gateway.ip('link set wan1 down');
    await site.daemon.start(90_000);
    await site.carriedBy(['link0']);
    await site.verdicts({ link0: 'up' });
  });
  after(async () => {
    await site?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Rules, tables and routes that are ours; the command's own routes go with the interface. */
  async function ours(): Promise<Text> {
    const all = textOf(await machineState(site.gateway));
    const isOurs = (text: string) => !/"(dev|oif)":"wan1"/.test(text) || text.includes('"protocol":"185"');
    return Object.fromEntries(Object.entries(all).map(([part, lines]) => [part, lines.filter(isOurs)]));
  }

  it('oldLink: the change stands, nothing leads to the old link any more, and it is hung up when it can be', async () => {
    const usual = await ours();
    const watch = await JournalWatch.start(site.daemon);
    await site.sites.link(0).set({ blackHole: true });
    await watch.waitFor('internetMoved', ({ evidence }) => evidence.after.join() === 'link1', 20_000);
    assert.equal(await site.wayOf(site.client, server.v4, CONNECT_MILLIS), 1);
    writeFileSync(stuck(), '');
    await site.sites.link(0).set({ blackHole: false });
    await watch.waitFor('internetMoved', ({ evidence }) => evidence.after.join() === 'link0', 30_000);
    await watch.waitFor('linkHungUp', undefined, 15_000);
    await sleep(4_000);
    assert.match(await isUp(), /[<,]UP/);
    assert.deepEqual(await ours(), usual);
    assert.equal(await site.wayOf(site.client, server.v4, CONNECT_MILLIS), 0);
    rmSync(stuck());
    for (let wait = 0; wait < AGAIN_MILLIS && /[<,]UP/.test(await isUp()); wait += 200) await sleep(200);
    assert.doesNotMatch(await isUp(), /[<,]UP/);
  });

  const isUp = async () => (await site.gateway.run('ip', ['link', 'show', 'wan1'])).stdout;
});

/** What an operator's script does, as long as nothing is in its way. */
function commands(stuck: string): string {
  const routes = Object.values(hop).map((via) => `ip route replace default via ${via} dev wan1 metric 101`);
  const addresses = [`${own.v4}/24`, `${own.v6}/64 nodad`].map((it) => `ip address replace ${it} dev wan1`);
  return `#!/bin/sh -e
case $1 in
up) ip link set wan1 up; ${[...addresses, ...routes].join('; ')} ;;
down) [ ! -e ${stuck} ] || { echo 'the modem does not listen' >&2; exit 1; }; ip link set wan1 down ;;
esac
`;
}
