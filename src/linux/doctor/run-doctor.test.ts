/** The whole doctor on a real machine: a network namespace of the test's own process. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { type Config, checkConfig } from '../../config/index.ts';
import { createIdentity } from '../identity.ts';
import { lockInstance } from '../instance-lock.ts';
import { enterPrivateNetwork } from '../private-network.ts';
import { runProgram } from '../run-program.ts';
import type { Check } from './check.ts';
import { runDoctor } from './run-doctor.ts';

const root = process.getuid?.() === 0;
if (root) enterPrivateNetwork();
const state = mkdtempSync(`${tmpdir()}/bs-host-`);
after(() => rmSync(state, { recursive: true }));

const text = `
gateway: { name: lyon, identity: ${state}/identity.pem, state: ${state} }
links:
  fibre: { interface: eth1 }
tunnels:
  head:
    peer: { fingerprint: "SHA256:${'A'.repeat(43)}", addresses: [203.0.113.9] }
    networks: [10.2.0.0/16]
`;

before(async () => {
  if (!root) return;
  createIdentity(`${state}/identity.pem`);
  // Link-local addresses are ready at once, not in the middle of a test.
  await runProgram('sysctl', ['-qw', 'net.ipv6.conf.default.accept_dad=0']);
  await ip('link set lo up');
  await ip('link add eth1 type veth peer name far1');
  await ip('link set far1 up');
  await ip('link set eth1 up');
  await ip('address add 198.51.100.2/24 dev eth1');
  await ip('route add default via 198.51.100.1');
  set('all', 0);
});

test('a sound machine: all is well, and nothing was changed', { skip: !root }, async () => {
  const look = () =>
    Promise.all(
      [['address'], ['route', 'show', 'table', 'all'], ['rule']].map((args) => runProgram('ip', args)),
    );
  const then = await look();
  const report = await runDoctor(config());
  assert.deepEqual(
    report.checks.filter(({ status }) => status !== 'ok'),
    [],
  );
  assert.equal(report.worst, 'ok');
  assert.deepEqual(await look(), then);
});

const faults: readonly [string, string, string, string][] = [
  ['link fibre', 'problem', 'link set eth1 down', 'link set eth1 up'],
  ['link fibre', 'problem', 'address del 198.51.100.2/24 dev eth1', 'address add 198.51.100.2/24 dev eth1'],
  [
    'link fibre',
    'warning',
    'route flush table main root 0.0.0.0/0 match 0.0.0.0/0 proto boot',
    'link set eth1 up',
  ],
  ['link fibre MTU', 'problem', 'link set eth1 mtu 1400', 'link set eth1 mtu 1500'],
  ['routing rules', 'problem', 'rule add pref 5 lookup 5', 'rule del pref 5'],
  ['routing rules', 'warning', 'rule add pref 5 from 10.0.0.0/8 lookup 5', 'rule del pref 5'],
  ['tunnel head networks', 'problem', 'address add 10.2.0.1/15 dev eth1', 'address del 10.2.0.1/15 dev eth1'],
  ['tunnel head networks', 'warning', 'address add 10.2.7.1/24 dev eth1', 'address del 10.2.7.1/24 dev eth1'],
];

for (const [name, status, breaking, repairing] of faults) {
  test(`${breaking}: a ${status} of ${name}`, { skip: !root }, async () => {
    await ip(breaking);
    const check = await find(name);
    await ip(repairing);
    await ip('route replace default via 198.51.100.1').catch(() => {});
    assert.equal(check?.status, status);
    assert.ok(check?.remedy);
  });
}

test('a port in use is a problem, unless the daemon itself uses it', { skip: !root }, async () => {
  const socket = createSocket('udp4').bind(4500);
  await once(socket, 'listening');
  assert.match((await find('link fibre port'))?.found ?? '', /^198\.51\.100\.2 UDP 4500: EADDRINUSE$/);
  const lock = await lockInstance(state);
  assert.equal((await find('link fibre port'))?.status, 'ok');
  lock.release();
  socket.close();
});

test('strict rp_filter is fine until the main table sends a peer elsewhere', { skip: !root }, async () => {
  set('eth1', 1);
  assert.equal((await find('link fibre rp_filter'))?.status, 'ok');
  await ip('route add 203.0.113.0/24 dev lo');
  assert.match(
    (await find('link fibre rp_filter'))?.found ?? '',
    /203\.0\.113\.9 by 203\.0\.113\.0\/24 over lo/,
  );
  await ip('route del 203.0.113.0/24 dev lo');
});

test('a kernel that cannot filter as configured is a problem where there are filters', {
  skip: !root,
}, async () => {
  const path = process.env['PATH'];
  // As where nft_ct is missing.
  writeFileSync(
    `${state}/nft`,
    '#!/bin/sh\ncase "$(cat)" in *"ct state"*) echo "no ct" >&2; exit 1 ;; esac\n',
  );
  chmodSync(`${state}/nft`, 0o755);
  process.env['PATH'] = `${state}:${path}`;
  try {
    assert.equal((await find('nftables'))?.status, 'ok');
    const filtered = config(`${text}    filter-default: drop\n`);
    assert.equal((await find('nftables', filtered))?.status, 'problem');
  } finally {
    process.env['PATH'] = path;
  }
});

function config(yaml = text): Config {
  const checked = checkConfig(yaml, 'backstay.yaml');
  assert.ok(checked.ok);
  return checked.config;
}

async function find(name: string, examined = config()): Promise<Check | undefined> {
  return (await runDoctor(examined)).checks.find((check) => check.name === name);
}

function set(scope: string, filter: number): void {
  writeFileSync(`/proc/sys/net/ipv4/conf/${scope}/rp_filter`, String(filter));
}

async function ip(words: string): Promise<void> {
  await runProgram('ip', words.split(' '));
}
