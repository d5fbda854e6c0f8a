/** Real kernel state, in a network namespace of the test's own process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesiredState } from '../network/desired-state.ts';
import type { TunnelFilter } from '../network/filter-rule.ts';
import { filterTable } from '../network/filter-table.ts';
import { type IpAddress, parseInterfaceAddress, parseIpAddress, parsePrefix } from '../network/ip-address.ts';
import { resolveLink } from '../network/link-resolution.ts';
import { applyNetwork, readNetwork, removeNetwork } from './network-state.ts';
import { readCounters } from './nftables.ts';
import { enterPrivateNetwork } from './private-network.ts';
import { runProgram } from './run-program.ts';

const root = process.getuid?.() === 0;
if (root) enterPrivateNetwork();
const state = mkdtempSync(`${tmpdir()}/bs-host-`);
after(() => rmSync(state, { recursive: true }));

beforeEach(async () => {
  if (!root) return;
  // Link-local addresses are ready at once, not in the middle of a test.
  await runProgram('sysctl', ['-qw', 'net.ipv6.conf.default.accept_dad=0']);
  await ip('link set lo up');
  await ip('link add eth1 type veth peer name far1');
  await ip('link set far1 up');
  await ip('link set eth1 up');
  await ip('address add 198.51.100.2/24 dev eth1');
  await ip('-6 address add 2001:db8:1::2/64 dev eth1 nodad');
  await ip('route add default via 198.51.100.1 dev eth1 metric 100');
  await ip('tuntap add dev bs-head mode tun vnet_hdr');
  await ip('rule add pref 500 from 10.66.0.0/16 lookup 66');
  await ip('route add 192.0.2.0/24 via 198.51.100.1 protocol 4');
  await runProgram('nft', ['-f', '-'], {
    input: 'table ip mine { chain c { type filter hook input priority 0; }; }',
  });
});

afterEach(async () => {
  if (!root) return;
  await removeNetwork(state);
  await ip('link del eth1');
  await ip('-force link del bs-head').catch(() => {});
  await ip('rule del pref 500');
  await runProgram('nft', ['delete', 'table', 'ip', 'mine']);
});

test('apply, apply again without a single kernel event, remove: the machine is as before', {
  skip: !root,
}, async () => {
  await ip('link del bs-head');
  const before = await machine();
  await ip('tuntap add dev bs-head mode tun vnet_hdr');
  const first = await applyNetwork(await desired(), state);
  assert.deepEqual(first.failures, []);
  assert.ok(first.changes.length > 20);
  assert.match((await machine()).firewall, /maxseg size set rt mtu/);
  assert.equal((await runProgram('sysctl', ['-n', 'net.ipv4.ip_forward'])).trim(), '1');

  const events = await kernelEvents(async () => {
    assert.deepEqual(await applyNetwork(await desired(), state), { changes: [], failures: [] });
  });
  assert.equal(events, '');

  const removed = await removeNetwork(state);
  assert.deepEqual(removed.failures, []);
  assert.deepEqual(await machine(), before);
});

test('what a killed daemon left is adopted: only the difference is touched', { skip: !root }, async () => {
  await applyNetwork(await desired(), state);
  const changed = {
    ...(await desired()),
    links: (await desired()).links.map((link) => ({ ...link, families: link.families.slice(0, 1) })),
  };
  const events = await kernelEvents(async () => {
    const applied = await applyNetwork(changed, state);
    assert.ok(
      applied.changes.length > 0 &&
        applied.changes.every((change) => /^ip -6 (rule|route) del /.test(change)),
    );
  });
  assert.doesNotMatch(events, /198\.51\.100\.|10\.2\.0\.0|bs-head/);
});

test('a device that nobody wants any more goes, one without our alias stays', { skip: !root }, async () => {
  await applyNetwork(await desired(), state);
  await ip('tuntap add dev theirs mode tun');
  await applyNetwork({ ...(await desired()), tunnelDevices: [] }, state);
  const names = (await readNetwork()).interfaces.map((it) => it.name);
  assert.ok(!names.includes('bs-head') && names.includes('theirs'));
  await ip('link del theirs');
});

test('a part that the kernel refuses is as before, the others work', { skip: !root }, async () => {
  await applyNetwork({ ...(await desired()), links: [] }, state);
  const before = await machine();
  const [link] = (await desired()).links;
  const [ipv4, ipv6] = link!.families;
  const families = [{ ...ipv4!, address: address('198.51.100.77') }, ipv6!];
  const applied = await applyNetwork({ ...(await desired()), links: [{ ...link!, families }] }, state);
  assert.deepEqual(
    applied.failures.map(({ part, error }) => [part, error.code]),
    [['link fibre IPv4', 'BS_NETWORK_REFUSED']],
  );
  assert.match(applied.failures[0]!.error.message, /route add default via 198\.51\.100\.1 .*Invalid/);
  const now = await machine();
  assert.equal(now.routes4, before.routes4);
  assert.equal(now.rules4, before.rules4);
  assert.notEqual(now.rules6, before.rules6);
});

test('ip breaking in the middle is an error and leaves what was before', { skip: !root }, async () => {
  const before = await machine();
  // The IPv4 commands come through, then ip dies without a word about a line; after that it works again.
  await withIp(
    (directory) => `ip "$@" || exit
case "$*" in "-4 -force -batch -") [ -e ${directory}/broke ] || { touch ${directory}/broke; exit 77; } ;; esac`,
    async () => assert.rejects(applyNetwork(await desired(), state), { code: 'BS_PROGRAM_FAILED' }),
  );
  const { firewall, aliases, ...now } = await machine();
  const { firewall: formerFirewall, aliases: formerAliases, ...former } = before;
  assert.deepEqual(now, former);
  await removeNetwork(state);
  assert.equal((await machine()).firewall, formerFirewall);
});

test('an ip that does not answer several questions at once is asked one by one', {
  skip: !root,
}, async () => {
  const usual = await readNetwork();
  assert.ok(usual.mainRoutes.length > 0 && usual.rules.length > 0 && usual.interfaces.length > 0);
  for (const answer of ['exit 1', 'ip "$@" | tail -n 1', 'ip "$@"; echo "a warning" >&2'])
    await withIp(
      () => `case "$*" in *-json*-batch*) ${answer}; exit ;; esac
ip "$@"`,
      async () => assert.deepEqual(await readNetwork(), usual, answer),
    );
});

/** With a stand-in that is found first; what it says ends up at the real one. */
async function withIp(script: (directory: string) => string, run: () => Promise<void>): Promise<void> {
  const path = process.env['PATH'];
  const directory = mkdtempSync(`${tmpdir()}/bs-host-stub-`);
  const stub = `${directory}/ip`;
  writeFileSync(stub, `#!/bin/sh\nPATH=\${PATH#*:}\n${script(directory)}\n`);
  chmodSync(stub, 0o755);
  process.env['PATH'] = `${directory}:${path}`;
  try {
    await run();
  } finally {
    process.env['PATH'] = path;
    rmSync(directory, { recursive: true });
  }
}

test('a state directory that cannot be written: forwarding stays off, with an error', {
  skip: !root,
}, async () => {
  const applied = await applyNetwork({ ...(await desired()), tunnelDevices: [] }, '/proc/no-such-directory');
  assert.deepEqual(
    applied.failures.map(({ part, error }) => [part, error.code]),
    [['forwarding', 'BS_STATE_UNWRITABLE']],
  );
  assert.equal((await runProgram('sysctl', ['-n', 'net.ipv4.ip_forward'])).trim(), '0');
});

test('while a tunnel device is down its networks are unreachable, not sent to the provider', {
  skip: !root,
}, async () => {
  await applyNetwork(await desired(), state);
  assert.match(await runProgram('ip', ['route', 'get', '10.2.0.1']), /dev bs-head/);
  await ip('link set bs-head down');
  await assert.rejects(runProgram('ip', ['route', 'get', '10.2.0.1']), /No route to host|unreachable/);
  await assert.rejects(
    runProgram('ip', ['route', 'get', '10.2.0.1', 'from', '198.51.100.2']),
    /No route to host|unreachable/,
  );
  const repaired = await applyNetwork(await desired(), state);
  assert.deepEqual(repaired.failures, []);
  assert.match(await runProgram('ip', ['route', 'get', '10.2.0.1']), /dev bs-head/);
});

test('filters are loaded once, keep their figures while other things change, and go', {
  skip: !root,
}, async () => {
  const before = await machine();
  const filtered = { ...(await desired()), filters: [officeFilter] };
  await runProgram('nft', ['-f', '-'], {
    input: 'table inet theirs { counter kept { packets 3 bytes 4; }; }',
  });
  const applied = await applyNetwork(filtered, state);
  assert.deepEqual(applied.failures, []);
  assert.ok(applied.changes.includes('nft table inet backstay-filters'));
  await runProgram('ping', ['-c', '2', '-i', '0.2', '-W', '0.2', '10.2.0.9']).catch(() => {});
  const rejected = async () => (await readCounters(filterTable)).get('rule-2-of-head-office')?.packets;
  assert.equal(await rejected(), 2);
  const [device] = filtered.tunnelDevices;
  const smaller = { ...filtered, tunnelDevices: [{ ...device!, mtu: 1300 }] };
  assert.deepEqual((await applyNetwork(smaller, state)).changes.filter(isNft), ['nft table inet backstay']);
  assert.equal(await rejected(), 2);
  assert.deepEqual(await applyNetwork(smaller, state), { changes: [], failures: [] });
  await runProgram('nft', ['flush', 'chain', 'inet', filterTable, 'output']);
  assert.deepEqual((await applyNetwork(smaller, state)).changes, ['nft table inet backstay-filters']);
  await removeNetwork(state);
  assert.deepEqual(await readCounters(filterTable), new Map());
  assert.match(
    await runProgram('nft', ['list', 'ruleset']),
    /table inet theirs \{\n\tcounter kept \{\n\t\tpackets 3 bytes 4/,
  );
  await runProgram('nft', ['delete', 'table', 'inet', 'theirs']);
  assert.equal((await machine()).firewall, before.firewall);
});

test('filters stand before their device is up', { skip: !root }, async () => {
  const seen = `${state}/device-at-loading`;
  const noting = `case "$script" in *${filterTable}*) ip link show bs-head >${seen} ;; esac`;
  await withNft(noting, async () => {
    const applied = await applyNetwork({ ...(await desired()), filters: [officeFilter] }, state);
    assert.deepEqual(applied.failures, []);
  });
  assert.match(readFileSync(seen, 'utf8'), /bs-head: <[^>]*>/);
  assert.doesNotMatch(readFileSync(seen, 'utf8'), /[<,]UP[,>]/);
  assert.match(await runProgram('ip', ['link', 'show', 'bs-head']), /[<,]UP[,>]/);
});

test('while its filter cannot be loaded a tunnel carries nothing, then it opens by itself', {
  skip: !root,
}, async () => {
  const filtered = { ...(await desired()), filters: [officeFilter] };
  // The tunnel is in use when the filter is wanted for the first time.
  await applyNetwork({ ...filtered, filters: [] }, state);
  const refused = await withFailingNft(() => applyNetwork(filtered, state));
  assert.deepEqual(
    refused.failures.map(({ part, error }) => [part, error.code]),
    [['traffic filters', 'BS_PROGRAM_FAILED']],
  );
  assert.match(await runProgram('ip', ['route', 'show', '10.2.0.0/16']), /^unreachable [^\n]*\n$/);
  assert.match(await runProgram('ip', ['-6', 'route', 'show', 'fd00:2::/64']), /^unreachable [^\n]*\n$/);
  assert.doesNotMatch(await runProgram('ip', ['link', 'show', 'bs-head']), /[<,]UP[,>]/);
  await withFailingNft(async () => {
    assert.deepEqual((await applyNetwork(filtered, state)).failures.length, 1, 'it stays closed');
  });
  assert.doesNotMatch(await runProgram('ip', ['link', 'show', 'bs-head']), /[<,]UP[,>]/);
  assert.deepEqual((await applyNetwork(filtered, state)).failures, []);
  assert.match(await runProgram('ip', ['link', 'show', 'bs-head']), /[<,]UP[,>]/);
  assert.match(await runProgram('ip', ['route', 'get', '10.2.0.1']), /dev bs-head/);
  assert.deepEqual(await applyNetwork(filtered, state), { changes: [], failures: [] });
});

const officeFilter: TunnelFilter = {
  tunnel: 'head-office',
  device: 'bs-head',
  rules: [
    filterRule({ action: 'accept', protocols: ['tcp', 'udp'], ports: [{ first: 80, last: 90 }] }),
    filterRule({
      position: 2,
      action: 'reject',
      to: ['10.2.0.9/32', 'fd00:2::9/128'].map((it) => parsePrefix(it)!),
    }),
  ],
  otherwise: 'drop',
};

function filterRule(rule: Partial<TunnelFilter['rules'][number]>): TunnelFilter['rules'][number] {
  const match = { direction: 'both', from: [], to: [], protocols: [], ports: [], sourcePorts: [] } as const;
  return { list: 'tunnel', position: 1, name: undefined, action: 'accept', ...match, ...rule };
}

function isNft(change: string): boolean {
  return change.startsWith('nft ');
}

/** As on a kernel that has not what filters need: nft lists and loads everything else. */
function withFailingNft<Result>(during: () => Promise<Result>): Promise<Result> {
  return withNft(`case "$script" in *${filterTable}*) echo refused >&2; exit 1 ;; esac`, during);
}

/** @param before what a shell does with "$script" before it is loaded */
async function withNft<Result>(before: string, during: () => Promise<Result>): Promise<Result> {
  const path = process.env['PATH'];
  const stub = mkdtempSync(`${tmpdir()}/bs-host-stub-`);
  writeFileSync(
    `${stub}/nft`,
    `#!/bin/sh
PATH=\${PATH#*:}
case "$*" in *-f*) ;; *) exec nft "$@" ;; esac
script=$(cat)
${before}
echo "$script" | nft "$@"\n`,
  );
  chmodSync(`${stub}/nft`, 0o755);
  process.env['PATH'] = `${stub}:${path}`;
  try {
    return await during();
  } finally {
    process.env['PATH'] = path;
    rmSync(stub, { recursive: true });
  }
}

async function desired(): Promise<DesiredState> {
  const link = resolveLink(await readNetwork(), { interface: 'eth1', address: 'auto', gateway: 'auto' });
  assert.ok(link.usable);
  return {
    tunnelDevices: [
      {
        tunnel: 'head-office',
        name: 'bs-head',
        mtu: 1418,
        addresses: ['10.255.0.1/30', 'fd00:255::1/64'].map((text) => parseInterfaceAddress(text)!),
        networks: ['10.2.0.0/16', 'fd00:2::/64'].map((text) => parsePrefix(text)!),
        gsoMaxBytes: 65536,
        queuePackets: 100,
      },
    ],
    links: [{ name: 'fibre', index: 1, interface: 'eth1', families: link.families }],
    filters: [],
    forwarding: true,
  };
}

async function machine() {
  const [rules4, rules6, routes4, routes6, aliases, firewall, settings] = await Promise.all([
    runProgram('ip', ['-4', 'rule']),
    runProgram('ip', ['-6', 'rule']),
    runProgram('ip', ['-4', 'route', 'show', 'table', 'all']),
    runProgram('ip', ['-6', 'route', 'show', 'table', 'all']),
    runProgram('ip', ['-json', 'address']).then((text) => JSON.stringify(JSON.parse(text), withoutIndex)),
    runProgram('nft', ['list', 'ruleset']),
    runProgram('sysctl', ['-a', '--pattern', 'forwarding|ip_forward|accept_redirects|accept_ra$']),
  ]);
  return { rules4, rules6, routes4, routes6, aliases, firewall, settings };
}

/** Link-local addresses get ready in their own time. */
function withoutIndex(key: string, value: unknown): unknown {
  return ['ifindex', 'tentative', 'valid_life_time'].includes(key) ? undefined : value;
}

async function kernelEvents(during: () => Promise<void>): Promise<string> {
  const monitor = spawn('ip', ['monitor', 'link', 'address', 'route', 'rule'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  monitor.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await sleep(200);
  await during();
  await sleep(200);
  monitor.kill();
  await once(monitor, 'close');
  return text;
}

async function ip(words: string): Promise<void> {
  await runProgram('ip', words.split(' '));
}

function address(text: string): IpAddress {
  return parseIpAddress(text)!;
}
