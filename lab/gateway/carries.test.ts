/** What a tunnel over two links carries, what it shows of itself, and what it keeps to itself. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gatewayInside, hostInside } from '../addressing.ts';
import { CommandFailed } from '../command.ts';
import { tunnelAddresses, tunnelInterface } from '../gateway-configs.ts';
import type { GatewayDaemon } from '../gateways.ts';
import { assertHostsReach, assertReaches, openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

const IPV4_AND_ICMP_HEADERS = 28;
const IPV6_AND_ICMP_HEADERS = 48;

describe('a tunnel with one family outside', () => {
  for (const families of ['v4', 'v6'] as const) {
    it(`carries both families over ${families} links`, async () => {
      const pair = await openSitePair(`only-${families}`, { families });
      try {
        const tunnel = await pair.a.tunnel();
        const colons = tunnel.paths.map(({ local }) => local.includes(':'));
        assert.deepEqual(colons, [families === 'v6', families === 'v6']);
        await assertHostsReach(pair.sites);
        const streams = [
          await TcpStream.start(pair.sites),
          await TcpStream.start(pair.sites, { family: 'v6' }),
        ];
        for (const stream of streams) await stream.finish();
      } finally {
        await pair.close();
      }
    });
  }
});

describe('a tunnel that may use one of two links', () => {
  it('opens no port on the other', async () => {
    const pair = await openSitePair('one-link', {
      families: 'v4',
      overrides: { tunnel: { links: ['link1'] } },
    });
    try {
      await assertHostsReach(pair.sites);
      const [a, b] = await Promise.all([listening(pair.a), listening(pair.b)]);
      const { address } = pair.sites.link(1).plan.b;
      assert.deepEqual(b, { udp: [`${address.v4}%wan1:4500`], tcp: [`${address.v4}:4500`] });
      assert.deepEqual([a.udp.length, a.tcp.length], [1, 0]);
    } finally {
      await pair.close();
    }
  });
});

describe('a tunnel with both families outside', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('carries', {
      runArguments: ({ state }) => ['--test-key-log', openKeyLog(state)],
    });
  });
  after(() => pair?.close());

  it('carries both families in both directions', async () => {
    await assertHostsReach(pair.sites);
    const streams = [
      await TcpStream.start(pair.sites, { family: 'v6' }),
      await TcpStream.start(pair.sites, { towards: 'a' }),
    ];
    for (const stream of streams) await stream.finish();
  });

  it('reaches the far gateway itself, from a host and from the near gateway', async () => {
    await assertReaches(pair.sites.hostA, gatewayInside('b').v4);
    await assertReaches(pair.sites.hostB, gatewayInside('a').v6);
    await assertReaches(pair.sites.gatewayA, hostInside('b').v4);
  });

  it('counts what it carries, the same on both sides', async () => {
    const start = await Promise.all([pair.a.tunnel(), pair.b.tunnel()]);
    await pair.sites.hostA.run('ping', ['-n', '-c', '20', '-i', '0.01', '-s', '1000', hostInside('b').v4]);
    const end = await Promise.all([pair.a.tunnel(), pair.b.tunnel()]);
    for (const [index, tunnel] of end.entries()) {
      const [now, then] = [tunnel.counters, start[index]!.counters];
      assert.equal(now.innerPacketsOut - then.innerPacketsOut, 20);
      assert.equal(now.innerPacketsIn - then.innerPacketsIn, 20);
      assert.equal(now.innerBytesOut - then.innerBytesOut, 20 * (1000 + IPV4_AND_ICMP_HEADERS));
      assert.equal(now.innerBytesIn - then.innerBytesIn, 20 * (1000 + IPV4_AND_ICMP_HEADERS));
      assert.ok(
        now.outerBytesOut - then.outerBytesOut > 20 * 1028,
        'outer bytes grow by more than the inner ones',
      );
      assert.ok(now.outerPacketsOut - then.outerPacketsOut >= 20);
      assert.ok(
        Math.abs(tunnel.paths.reduce((sum, path) => sum + path.share, 0) - 1) < 0.01,
        'shares make one',
      );
      assert.deepEqual(now.drops, then.drops, 'nothing is dropped');
    }
  });

  it('takes full-size packets that must not be fragmented, and says what is too big', async () => {
    const { mtu } = await pair.a.tunnel();
    const { hostA } = pair.sites;
    const [v4, v6] = [hostInside('b').v4, hostInside('b').v6];
    await assertEchoes(hostA, v4, mtu - IPV4_AND_ICMP_HEADERS);
    await assertEchoes(hostA, v6, mtu - IPV6_AND_ICMP_HEADERS);
    assert.match(
      await refusedEcho(hostA, v4, mtu - IPV4_AND_ICMP_HEADERS + 1),
      new RegExp(`mtu = ?${mtu}`, 'i'),
    );
    assert.match(await refusedEcho(hostA, v6, mtu - IPV6_AND_ICMP_HEADERS + 1), /Packet too big: mtu=/);
  });

  it('carries packets above its MTU that may be fragmented', async () => {
    await assertReaches(pair.sites.hostB, hostInside('a').v4, 3000);
  });

  it('makes the segments of hosts behind it fit', async () => {
    const { mtu } = await pair.a.tunnel();
    assert.deepEqual(await segmentSizesSeen(pair, 'v4'), [mtu - 40, mtu - 40]);
    assert.deepEqual(await segmentSizesSeen(pair, 'v6'), [mtu - 60, mtu - 60]);
  });

  it('gives its device the configured addresses and no other', async () => {
    const { stdout } = await pair.a.namespace.run('ip', ['-json', 'address', 'show', 'dev', tunnelInterface]);
    const [device] = JSON.parse(stdout) as { addr_info: { local: string; prefixlen: number }[] }[];
    const addresses = device?.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
    assert.deepEqual(addresses, Object.values(tunnelAddresses.a));
  });

  it('listens where it is configured to and nowhere else', async () => {
    const [a, b] = await Promise.all([listening(pair.a), listening(pair.b)]);
    const places = (side: 'a' | 'b') =>
      pair.sites.links.flatMap(({ plan }) => {
        const { interfaceName, address } = plan[side];
        return [`${address.v4}%${interfaceName}:4500`, `[${address.v6}]%${interfaceName}:4500`];
      });
    assert.deepEqual(a.udp, places('a').toSorted());
    assert.deepEqual(b.udp, places('b').toSorted());
    assert.deepEqual(a.tcp, [], 'an initiator waits for nobody');
    assert.deepEqual(
      b.tcp,
      places('b')
        .map((place) => place.replace(/%wan\d/, ''))
        .toSorted(),
    );
  });

  it('keeps its files and its words to itself', () => {
    for (const { files, child } of [pair.a, pair.b]) {
      const modes = Object.fromEntries(
        readdirSync(files.state).map((name) => [name, statSync(join(files.state, name)).mode & 0o777]),
      );
      assert.deepEqual(modes, {
        'journal.jsonl': 0o640,
        'keys.log': 0o600,
        lock: 0o600,
        'sysctl.json': 0o600,
      });
      assert.equal(statSync(files.socket).mode & 0o777, 0o660);
      const secrets = secretsOf(files.identity, keyLogIn(files.state));
      assert.ok(secrets.length >= 3, 'there are secrets to look for');
      const words = [
        commandLines(child.pid),
        child.output,
        readFileSync(join(files.state, 'journal.jsonl'), 'utf8'),
      ];
      for (const secret of secrets) assert.ok(!words.join('\n').includes(secret), 'a secret shows');
    }
  });
});

/** There was one before, with a mode that lets others read it. */
function openKeyLog(state: string): string {
  const path = keyLogIn(state);
  writeFileSync(path, '', { mode: 0o644 });
  return path;
}

function keyLogIn(state: string): string {
  return join(state, 'keys.log');
}

async function assertEchoes(
  from: SitePair['sites']['hostA'],
  address: string,
  payload: number,
): Promise<void> {
  const { stdout } = await from.run('ping', [...noFragments(payload), address]);
  assert.match(stdout, / 0% packet loss/);
}

async function refusedEcho(
  from: SitePair['sites']['hostA'],
  address: string,
  payload: number,
): Promise<string> {
  const failure = await from.run('ping', [...noFragments(payload), address]).catch((error: unknown) => error);
  assert.ok(failure instanceof CommandFailed, `an echo of ${payload} bytes passed`);
  return failure.output.stdout + failure.output.stderr;
}

/** Three echoes with DF. */
function noFragments(payload: number): string[] {
  return ['-n', '-c', '3', '-i', '0.02', '-W', '1', '-M', 'do', '-s', `${payload}`];
}

/** The segment sizes that host B and host A are told in the handshake of one connection. */
async function segmentSizesSeen({ sites }: SitePair, family: 'v4' | 'v6'): Promise<number[]> {
  const tcpFlags = family === 'v4' ? 'tcp[13]' : 'ip6[6] == 6 and ip6[53]';
  const words = ['-i', 'lan0', '-n', '-l', '-c', '1', '--immediate-mode', '-Q', 'in', `${tcpFlags} & 2 != 0`];
  const captures = await Promise.all([
    sites.hostB.spawn('tcpdump', words),
    sites.hostA.spawn('tcpdump', words),
  ]);
  await Promise.all(captures.map((capture) => capture.waitFor(/listening on/)));
  await (await TcpStream.start(sites, { family })).finish();
  await Promise.all(captures.map(({ exited }) => exited));
  return captures.map(({ output }) => Number(output.match(/mss (\d+)/)?.[1]));
}

async function listening({ namespace }: GatewayDaemon): Promise<{ udp: string[]; tcp: string[] }> {
  const { stdout } = await namespace.run('ss', ['-Hlntu']);
  const places = stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(/\s+/));
  const of = (protocol: string) =>
    places.flatMap((words) => (words[0] === protocol ? [words[4]!] : [])).toSorted();
  return { udp: of('udp'), tcp: of('tcp') };
}

function secretsOf(identity: string, keyLog: string): string[] {
  const [pem = ''] = readFileSync(identity, 'utf8').split('-----END PRIVATE KEY-----');
  const privateKey = pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
  const espKeys = readFileSync(keyLog, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { key: string }).key);
  return [...privateKey, ...espKeys];
}

/** Command line and environment of a process. */
function commandLines(pid: number): string {
  return ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1')).join('\n');
}
