/** Plain traffic's rules, routes and table in a real kernel, in a network namespace of the test's own process. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { type DesiredState, nothingDesired } from '../network/desired-state.ts';
import { parsePrefix } from '../network/ip-address.ts';
import { resolveLink } from '../network/link-resolution.ts';
import { applyNetwork, readNetwork, remainingChanges, removeNetwork } from './network-state.ts';
import { enterPrivateNetwork } from './private-network.ts';
import { runProgram } from './run-program.ts';

const root = process.getuid?.() === 0;
if (root) enterPrivateNetwork();
const state = mkdtempSync(`${tmpdir()}/bs-internet-`);
after(() => rmSync(state, { recursive: true }));

test('it is applied once, reads back, changes in one step, and goes without a trace', {
  skip: !root,
}, async () => {
  await prepare();
  const before = await machine();
  const first = await desired(0);
  assert.deepEqual((await applyNetwork(first, state)).failures, []);
  assert.deepEqual(await applyNetwork(first, state), { changes: [], failures: [] });
  assert.deepEqual(await remainingChanges(first, ['link0', 'link1']), []);

  const second = await desired(1);
  assert.ok((await remainingChanges(second, [])).length > 0);
  const { changes, failures } = await applyNetwork(second, state);
  assert.deepEqual(failures, []);
  assert.deepEqual(
    changes.map((change) => change.split(' ').slice(0, 5).join(' ')),
    ['ip -4 route replace default', 'ip -6 route replace default', 'nft table inet backstay-internet'],
  );
  assert.deepEqual(await remainingChanges(second, ['link0', 'link1']), []);
  const way = await runProgram('ip', ['-4', 'route', 'get', '203.0.113.1']);
  assert.match(way, /dev eth1 table 7299 src 198\.51\.1\.2/);
  // More special ways of the main table come first, also the halves that a tunnel's default route is made of.
  await ip('route add 128.0.0.0/1 dev lan0');
  assert.match(await runProgram('ip', ['-4', 'route', 'get', '203.0.113.1']), /dev lan0/);
  await ip('route del 128.0.0.0/1 dev lan0');

  await removeNetwork(state);
  assert.deepEqual(await machine(), before);
});

test('somebody who flushes all rules and tables is noticed, and all stands again', {
  skip: !root,
}, async () => {
  const wanted = await desired(0);
  await applyNetwork(wanted, state);
  await runProgram('nft', ['flush', 'ruleset']);
  await ip('rule del pref 7306');
  assert.deepEqual((await remainingChanges(wanted, [])).length, 2);
  assert.deepEqual((await applyNetwork(wanted, state)).failures, []);
  assert.deepEqual(await remainingChanges(wanted, []), []);
  await removeNetwork(state);
});

async function prepare(): Promise<void> {
  await runProgram('sysctl', ['-qw', 'net.ipv6.conf.default.accept_dad=0']);
  await ip('link set lo up');
  for (const name of ['eth0', 'eth1', 'lan0']) {
    await ip(`link add ${name} type veth peer name far-${name}`);
    await ip(`link set far-${name} up`);
    await ip(`link set ${name} up`);
  }
  for (const index of [0, 1]) {
    await ip(`address add 198.51.${index}.2/24 dev eth${index}`);
    await ip(`-6 address add 2001:db8:${index}::2/64 dev eth${index} nodad`);
    await ip(`route add default via 198.51.${index}.1 dev eth${index} metric ${100 + index}`);
    await ip(`-6 route add default via 2001:db8:${index}::1 dev eth${index} metric ${100 + index}`);
  }
}

async function desired(carrier: number): Promise<DesiredState> {
  const network = await readNetwork();
  const links = [0, 1].map((index) => {
    const wish = { interface: `eth${index}`, address: 'auto', gateway: 'auto' } as const;
    const found = resolveLink(network, wish);
    assert.ok(found.usable);
    return { name: `link${index}`, index, interface: wish.interface, families: found.families };
  });
  const one = (link: number) => [{ link, weight: 3 }];
  const canary = { share: 0.1, carriers: one(1 - carrier) };
  const choices = ([4, 6] as const).map((family) => ({ family, carriers: one(carrier), canary }));
  const masquerade = ['192.168.1.0/24', 'fd00:1::/64'].map((text) => parsePrefix(text)!);
  return { ...nothingDesired, links, internet: { links: [0, 1], choices, masquerade } };
}

async function machine(): Promise<string[]> {
  const asked = [
    ['-4', 'rule'],
    ['-6', 'rule'],
    ['-4', 'route', 'show', 'table', 'all'],
    ['-6', 'route', 'show', 'table', 'all'],
  ];
  const said = await Promise.all(asked.map((words) => runProgram('ip', words)));
  const settings = ['eth0', 'eth1'].map((name) => `net.ipv4.conf.${name}.src_valid_mark`);
  return [...said, await runProgram('nft', ['list', 'ruleset']), await runProgram('sysctl', settings)];
}

async function ip(command: string): Promise<void> {
  await runProgram('ip', command.split(' '));
}
