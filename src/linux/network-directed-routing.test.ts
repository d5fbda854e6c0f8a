/**
 * Real packets: two links share one interface, with two next hops, and the main table's default leads elsewhere (S4.6). The next hops
 * are told apart by their MAC addresses: `first` is the far end and answers, `second` is only counted.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesiredLink } from '../network/desired-state.ts';
import { parseIpAddress } from '../network/ip-address.ts';
import { resolveLink } from '../network/link-resolution.ts';
import { linkMark } from '../network/link-routing.ts';
import { applyNetwork, readNetwork, removeNetwork } from './network-state.ts';
import { enterPrivateNetwork } from './private-network.ts';
import { runProgram, tryProgram } from './run-program.ts';

const root = process.getuid?.() === 0;
if (root) enterPrivateNetwork();
const state = mkdtempSync(`${tmpdir()}/bs-host-`);
const far = `bs-host-${process.pid}-far`;
const secondMac = '02:00:00:00:00:99';

before(async () => {
  if (!root) return;
  await runProgram('ip', ['netns', 'add', far]);
  await batch(`link set lo up
    link add wan type veth peer name wan netns ${far}
    link add lan type veth peer name lan netns ${far}
    address add 198.51.100.2/24 dev wan
    address add 198.51.100.3/24 dev wan
    address add 2001:db8:1::2/64 dev wan nodad
    address add 2001:db8:1::3/64 dev wan nodad
    address add 10.0.0.2/24 dev lan
    address add fd00::2/64 dev lan nodad
    link set wan up
    link set lan up
    route add default via 10.0.0.1
    route add default via fd00::1
    neighbour add 198.51.100.254 lladdr ${secondMac} dev wan
    neighbour add 2001:db8:1::254 lladdr ${secondMac} dev wan`);
  await batch(
    `link set lo up
    address add 203.0.113.9/32 dev lo
    address add 2001:db8:9::9/128 dev lo nodad
    address add 198.51.100.1/24 dev wan
    address add 2001:db8:1::1/64 dev wan nodad
    address add 10.0.0.1/24 dev lan
    address add fd00::1/64 dev lan nodad
    link set wan up
    link set lan up`,
    ['-netns', far],
  );
  // Strict: an answer must come in where the route to its sender goes out.
  for (const scope of ['all', 'wan']) writeFileSync(`/proc/sys/net/ipv4/conf/${scope}/rp_filter`, '1');
  await inFar('nft', ['-f', '-'], `table netdev count { ${counters('wan')} ${counters('lan')} }`);
});

after(async () => {
  if (root) await runProgram('ip', ['netns', 'del', far]);
  rmSync(state, { recursive: true });
});

test('without the links everything follows the main table', { skip: !root }, async () => {
  await sendBound('198.51.100.3', '203.0.113.9');
  assert.deepEqual(await counted(), { lan: 1, first: 0, second: 0 });
});

test('marked packets of both families leave by their own link and next hop', { skip: !root }, async () => {
  await applyNetwork({ tunnelDevices: [], links: await links(), filters: [], forwarding: false }, state);
  for (const target of ['203.0.113.9', '2001:db8:9::9']) {
    await counted();
    assert.equal(await ping(target, 1), true, 'the answer comes back through strict rp_filter');
    assert.deepEqual(await counted(), { lan: 0, first: 1, second: 0 });
    assert.equal(await ping(target, 2), false);
    assert.deepEqual(await counted(), { lan: 0, first: 0, second: 1 });
  }
});

test('packets that only have the address of a link leave by it', { skip: !root }, async () => {
  await applyNetwork({ tunnelDevices: [], links: await links(), filters: [], forwarding: false }, state);
  for (const [source, target] of [
    ['198.51.100.2', '203.0.113.9'],
    ['2001:db8:1::2', '2001:db8:9::9'],
  ] as const) {
    await counted();
    await sendBound(source, target);
    assert.deepEqual(await counted(), { lan: 0, first: 1, second: 0 });
    await sendBound(source.replace(/2$/, '3'), target);
    assert.deepEqual(await counted(), { lan: 0, first: 0, second: 1 });
  }
});

test('a TCP connection over a link works, also one that the far side opens', {
  skip: !root,
  timeout: 10_000,
}, async () => {
  await applyNetwork({ tunnelDevices: [], links: await links(), filters: [], forwarding: false }, state);
  const answering = inFar('socat', ['-u', 'EXEC:echo hello', 'TCP-LISTEN:7000,reuseaddr']);
  await sleep(300);
  const socket = connect({ host: '203.0.113.9', port: 7000, localAddress: '198.51.100.2' });
  const [greeting] = await once(socket, 'data');
  assert.equal(String(greeting), 'hello\n');
  socket.destroy();
  await answering;
  const answeringHere = runProgram('socat', [
    '-u',
    'EXEC:echo hello',
    'TCP-LISTEN:7001,reuseaddr,bind=198.51.100.2',
  ]);
  await sleep(300);
  const dialled = 'TCP:198.51.100.2:7001,bind=203.0.113.9,connect-timeout=3';
  assert.equal(await inFar('socat', ['-u', dialled, '-']), 'hello\n');
  await answeringHere;
});

test('whoever opens a TCP connection over a link, the far side sends segments that fit 1280 bytes', {
  skip: !root,
  timeout: 20_000,
}, async () => {
  await applyNetwork({ tunnelDevices: [], links: await links(), filters: [], forwarding: false }, state);
  for (const [here, there, dialler] of [
    ['198.51.100.2', '203.0.113.9', 'TCP:203.0.113.9'],
    ['2001:db8:1::2', '2001:db8:9::9', 'TCP6:[2001:db8:9::9]'],
  ] as const) {
    const wanted = here.includes(':') ? 1220 : 1240;
    const family = here.includes(':') ? 'TCP6' : 'TCP';
    const bound = here.includes(':') ? `[${here}]` : here;
    const answering = inFar('socat', ['-u', 'EXEC:sleep 1', `${family}-LISTEN:7002,reuseaddr`]);
    const answeringHere = runProgram('socat', [
      '-u',
      'EXEC:sleep 1',
      `${family}-LISTEN:7003,reuseaddr,bind=${bound}`,
    ]);
    await sleep(300);
    const dialled = runProgram('socat', ['-u', `${dialler}:7002,bind=${bound}`, '-']);
    const source = family === 'TCP' ? there : `[${there}]`;
    const dialledBack = inFar('socat', ['-u', `${family}:${bound}:7003,bind=${source}`, '-']);
    await sleep(400);
    for (const port of [7002, 7003]) {
      const seen = await inFar('ss', [
        '-Htin',
        'state',
        'established',
        `( sport = ${port} or dport = ${port} )`,
      ]);
      // Timestamps take twelve bytes of each segment.
      assert.match(seen, new RegExp(` mss:${wanted - 12} `), `${there}, port ${port}`);
    }
    await Promise.all([answering, answeringHere, dialled, dialledBack]);
  }
});

test('what the main table has a special way for goes there, with the address of a link too', {
  skip: !root,
}, async () => {
  await applyNetwork({ tunnelDevices: [], links: await links(), filters: [], forwarding: false }, state);
  await counted();
  await sendBound('198.51.100.3', '10.0.0.1');
  assert.deepEqual(await counted(), { lan: 1, first: 0, second: 0 });
  await removeNetwork(state);
});

async function links(): Promise<DesiredLink[]> {
  const network = await readNetwork();
  return [
    {
      name: 'first',
      index: 1,
      addresses: ['198.51.100.2', '2001:db8:1::2'],
      gateways: ['198.51.100.1', '2001:db8:1::1'],
    },
    {
      name: 'second',
      index: 2,
      addresses: ['198.51.100.3', '2001:db8:1::3'],
      gateways: ['198.51.100.254', '2001:db8:1::254'],
    },
  ].map(({ name, index, addresses, gateways }) => {
    const address = addresses.map((text) => parseIpAddress(text)!);
    const gateway = gateways.map((text) => parseIpAddress(text)!);
    const resolution = resolveLink(network, { interface: 'wan', address, gateway });
    assert.ok(resolution.usable);
    return { name, index, interface: 'wan', families: resolution.families };
  });
}

/** Frames that carry packets to the far side, by next hop; broadcasts, ARP and neighbour discovery are not counted. */
function counters(device: string): string {
  const data = 'meta l4proto { udp, icmp }';
  const echo = 'icmpv6 type echo-request';
  const own = `ether daddr != ${secondMac}`;
  const count = (name: string, match: string) =>
    [data, echo].map((what) => `${match} ${what} counter comment "${name}";`);
  const rules =
    device === 'lan'
      ? count('lan', '')
      : [...count('first', own), ...count('second', `ether daddr ${secondMac}`)];
  return `chain ${device} { type filter hook ingress device ${device} priority 0; ${rules.join(' ')} };`;
}

/** What was counted since the last call. */
async function counted(): Promise<Record<string, number>> {
  await sleep(20);
  const sums: Record<string, number> = {};
  const listing = JSON.parse(await inFar('nft', ['--json', 'list', 'ruleset']));
  for (const { rule } of listing.nftables) {
    if (rule === undefined) continue;
    const { packets } = rule.expr.find((it: object) => 'counter' in it).counter;
    sums[rule.comment] = (sums[rule.comment] ?? 0) + packets;
  }
  const since = Object.fromEntries(
    Object.entries(sums).map(([name, sum]) => [name, sum - (lastSums[name] ?? 0)]),
  );
  lastSums = sums;
  return since;
}

let lastSums: Record<string, number> = {};

async function ping(target: string, index: number): Promise<boolean> {
  return (await tryProgram('ping', ['-n', '-c1', '-W1', '-m', String(linkMark(index)), target])).status === 0;
}

async function sendBound(source: string, target: string): Promise<void> {
  const socket = createSocket(source.includes(':') ? 'udp6' : 'udp4');
  socket.bind(0, source);
  await once(socket, 'listening');
  socket.send('x', 9, target);
  await sleep(50);
  socket.close();
}

async function batch(lines: string, options: readonly string[] = []): Promise<void> {
  await runProgram('ip', [...options, '-batch', '-'], { input: lines });
}

function inFar(program: string, args: readonly string[], input = ''): Promise<string> {
  return runProgram('ip', ['netns', 'exec', far, program, ...args], { input });
}
