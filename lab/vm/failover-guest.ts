/**
 * Runs inside the virtual machine: a gateway with an Ethernet primary and a modem, from the death of the primary to its return.
 *
 *     host A ── gateway A ══ wan0 ═══════════════════ gateway B (and a server in the internet) ── host B
 *                         ══ modem ── provider's pppd ══╛
 *
 * Contract: as of `scenarios.ts`. Source: seed rows S1.1 to S1.9, figures 3 and 4 of the seed.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { outside, privateNetworks } from '../addressing.ts';
import { JournalWatch } from '../gateway/journal-watch.ts';
import { openSitePair, type SitePair } from '../gateway/site-pair.ts';
import { TcpStream } from '../gateway/tcp-stream.ts';
import { account, callerAddress, openProvider, type Provider } from '../modem/provider.ts';
import { connect, type Namespace } from '../namespace.ts';
import { askUntil } from '../patience.ts';
import { Scenarios } from './scenarios.ts';

/** The processor is emulated, and others measure on the real one. */
const PATIENCE_MILLIS = 90_000;
const LOOK_MILLIS = 200;
/** What a line of 33.6 kbit/s carries with ease. */
const MODEM_BYTES_PER_SECOND = 3_000;
const device = '/dev/modem';
const server = '198.51.100.1';
const outsideB = '203.0.113.2';
const providerB = '203.0.113.1';
const programs = join(import.meta.dirname, '..', 'gateway', 'internet');

type Section = Record<string, object | undefined>;
type Config = { links: Section; tunnels: Section; internet?: object };
type Rig = SitePair & Provider;

const scenarios = new Scenarios();
const rig = await open();
let stream: TcpStream | undefined;
await scenarios.play(
  'the primary carries plain traffic and the tunnel, and the modem is silent',
  primaryCarries,
);
await scenarios.play('a black hole is declared down, the modem dialled, everything moved', moves);
await scenarios.play('the tunnel goes by the modem, and its TCP connection lives', tunnelLives);
await scenarios.play('a wall clock that is set by an hour and back moves nothing', clockJumps);
await scenarios.play('the primary returns: everything moves back, and the modem is hung up', returns);
await scenarios.play('a daemon that stops leaves nothing', stops);
await scenarios.write();
await rig.close();

async function open(): Promise<Rig> {
  const pair = await openSitePair('move', { profile: ['plain'], withoutStarting: true, families: 'v4' });
  const { a, b, sites, lab, directory } = pair;
  const provider = await openProvider(lab, device);
  await connect(
    { namespace: sites.gatewayB, name: 'modem0' },
    { namespace: provider.namespace, name: 'office0' },
  );
  await provider.namespace.ip(
    `address add ${providerB}/24 dev office0`,
    `route add ${server} via ${outsideB}`,
  );
  await sites.gatewayB.ip(
    `address add ${outsideB}/24 dev modem0`,
    `address add ${server}/32 dev lo`,
    `route add ${callerAddress}/32 via ${providerB}`,
  );
  const listener = await sites.gatewayB.spawn(process.execPath, [join(programs, 'server-main.ts'), '9000']);
  await listener.waitFor(/listening/, PATIENCE_MILLIS);
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, `${account.password}\n`, { mode: 0o600 });
  change(a.files.config, (config) => {
    const { links, tunnels } = config;
    links['link0'] = {
      ...links['link0'],
      gateway: outside(0, 2).v4,
      probe: { targets: [{ icmp: server }], interval: '1s' },
    };
    links['modem'] = { interface: 'ppp0', use: 'on-demand', 'on-demand': dialBlock(passwordFile) };
    const tunnel = tunnels['sites'] as { peer: { addresses: string[] } };
    tunnel.peer.addresses.push(outsideB);
    // Plain traffic's need dials, not the tunnel's.
    tunnels['sites'] = { ...tunnel, links: ['link0', 'modem'], demand: { outage: '10m', 'below-for': '1s' } };
    config.internet = {
      links: { link0: { tier: 1 }, modem: { tier: 2 } },
      masquerade: [privateNetworks.a.v4],
      hold: '2s',
    };
  });
  change(b.files.config, ({ links, tunnels }) => {
    links['provider'] = { interface: 'modem0', address: outsideB, gateway: providerB };
    tunnels['sites'] = { ...tunnels['sites'], links: ['link0', 'provider'] };
  });
  await Promise.all([b, a].map((daemon) => daemon.start(2 * PATIENCE_MILLIS)));
  return { ...pair, ...provider };
}

function dialBlock(passwordFile: string): object {
  return {
    ppp: {
      device,
      phone: '0123456789',
      account: account.name,
      'password-file': passwordFile,
      'answer-within': '20s',
      'negotiate-within': '20s',
    },
    hold: '2s',
    retry: '1s',
  };
}

async function primaryCarries(): Promise<void> {
  await carriedBy('link0');
  await tunnelOver('link0');
  for (const from of [rig.sites.hostA, rig.sites.gatewayA]) await reachesFrom(from, outside(0, 1).v4);
  assert.deepEqual([rig.modem.calls, pppds()], [[], 0]);
  stream = await TcpStream.start(rig.sites, { bytesPerSecond: MODEM_BYTES_PER_SECOND });
}

async function moves(): Promise<void> {
  const watch = await JournalWatch.start(rig.a);
  await rig.sites.link(0).set({ blackHole: true });
  const moved = await watch.waitFor('internetMoved', undefined, PATIENCE_MILLIS);
  assert.deepEqual([moved.evidence.before, moved.evidence.after], [['link0'], ['modem']]);
  assert.deepEqual(moved.evidence.cut, ['link0']);
  for (const from of [rig.sites.hostA, rig.sites.gatewayA]) await reachesFrom(from, callerAddress);
  const events = (await rig.a.events()) as readonly { kind: string }[];
  const order = ['linkDown', 'linkDialled', 'linkUp', 'internetMoved'].map((kind) =>
    events.findLastIndex((entry) => entry.kind === kind),
  );
  assert.deepEqual(
    order.toSorted((one, other) => one - other),
    order,
    JSON.stringify(events),
  );
  assert.ok(order.every((index) => index >= 0));
  assert.equal(rig.modem.calls.length, 1);
}

async function tunnelLives(): Promise<void> {
  await tunnelOver('modem');
  const connection = stream ?? assert.fail('there is no stream');
  const before = await connection.bytesSoFar();
  await until(async () => (await connection.bytesSoFar()) > before + 10_000, 'the connection goes on');
  // Three answers, however long a packet waits behind the stream's.
  await rig.sites.hostA.run('ping', ['-c', '3', '-w', `${PATIENCE_MILLIS / 1000}`, '10.2.0.2']);
}

async function clockJumps(): Promise<void> {
  const watch = await JournalWatch.start(rig.a);
  for (const seconds of [3_600, -3_600]) {
    const now = Math.round(Date.now() / 1000);
    await rig.sites.gatewayA.run('date', ['-s', `@${now + seconds}`]);
    await sleep(15_000);
    await carriedBy('modem');
    await tunnelOver('modem');
    await reachesFrom(rig.sites.hostA, callerAddress);
  }
  const kinds = ['internetMoved', 'linkHungUp', 'linkUp', 'tunnelDown'] as const;
  for (const kind of kinds) assert.deepEqual(await watch.of(kind), []);
  assert.equal(rig.modem.calls.length, 1);
}

async function returns(): Promise<void> {
  const watch = await JournalWatch.start(rig.a);
  await rig.sites.link(0).set({ blackHole: false });
  const back = await watch.waitFor(
    'internetMoved',
    ({ evidence }) => evidence.after.join() === 'link0',
    PATIENCE_MILLIS,
  );
  assert.equal(back.evidence.reason, 'better');
  await watch.waitFor('linkHungUp', undefined, PATIENCE_MILLIS);
  await tunnelOver('link0');
  for (const from of [rig.sites.hostA, rig.sites.gatewayA]) await reachesFrom(from, outside(0, 1).v4);
  await until(() => !rig.modem.isInCall && pppds() === 0, 'the line is hung up');
  const { bytes } = (await stream?.finish()) ?? assert.fail('there is no stream');
  assert.ok(bytes > 0);
}

async function stops(): Promise<void> {
  rig.a.child.signal('SIGTERM');
  await rig.a.child.exited;
  const [tables, rules] = await Promise.all([
    rig.sites.gatewayA.run('nft', ['list', 'tables']),
    rig.sites.gatewayA.run('ip', ['rule', 'show']),
  ]);
  assert.doesNotMatch(tables.stdout, /backstay/);
  assert.doesNotMatch(rules.stdout, /730/);
}

async function carriedBy(link: string): Promise<void> {
  await until(async () => {
    const { internet } = await rig.a.status();
    return internet?.families[0]?.carriers.some((carrier) => carrier.link === link) === true;
  }, `${link} carries the internet`);
}

async function tunnelOver(link: string): Promise<void> {
  await rig.a.waitForTunnel(
    ({ state, paths }) => state === 'up' && paths.some((path) => path.link === link && path.state === 'up'),
    PATIENCE_MILLIS,
  );
}

/** A new connection to the server comes from this address. */
async function reachesFrom(from: Namespace, address: string): Promise<void> {
  const client = await from.spawn(process.execPath, [join(programs, 'client-main.ts'), server, '9000', '1']);
  const [, seen = ''] = await client.waitFor(/1 (\S+)/, PATIENCE_MILLIS);
  assert.equal(seen.replace('::ffff:', ''), address, from.name);
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const isThere = async () => ((await isSo()) ? true : undefined);
  if (await askUntil(isThere, PATIENCE_MILLIS, LOOK_MILLIS)) return;
  assert.fail(`not in time: ${what}\n${rig.a.child.output}`);
}

/** How many there are of the gateway's. */
function pppds(): number {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
        return /(^|\/)pppd$/.test(words[0] ?? '') && words[1] === 'file';
      } catch {
        return false;
      }
    }).length;
}

function change(file: string, edit: (config: Config) => void): void {
  const config = parse(readFileSync(file, 'utf8')) as Config;
  edit(config);
  writeFileSync(file, stringify(config));
}
