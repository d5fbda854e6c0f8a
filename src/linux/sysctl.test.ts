/** Real settings, in a network namespace of the test's own process. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, test } from 'node:test';
import { enterPrivateNetwork } from './private-network.ts';
import { runProgram } from './run-program.ts';
import { adjustSettings, readSetting, restoreSettings } from './sysctl.ts';

const root = process.getuid?.() === 0;
if (root) enterPrivateNetwork();
let state = '';

beforeEach(async () => {
  if (!root) return;
  state = mkdtempSync(`${tmpdir()}/bs-host-`);
  await runProgram('ip', ['link', 'add', 'eth1.5', 'type', 'veth', 'peer', 'name', 'lan']);
  set('net/ipv4/conf/all/accept_redirects', '0');
  set('net/ipv4/conf/lan/forwarding', '1');
  set('net/ipv6/conf/lan/forwarding', '1');
});

afterEach(async () => {
  if (!root) return;
  restoreSettings(state);
  await runProgram('ip', ['link', 'del', 'eth1.5']);
  rmSync(state, { recursive: true });
});

const names = [
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/accept_redirects',
  'net/ipv4/conf/lan/forwarding',
  'net/ipv4/conf/eth1.5/forwarding',
  'net/ipv4/conf/default/forwarding',
  'net/ipv6/conf/all/forwarding',
  'net/ipv6/conf/lan/forwarding',
  'net/ipv6/conf/eth1.5/forwarding',
  'net/ipv6/conf/eth1.5/accept_ra',
];

test('everything that the switch changed behind our back is restored', { skip: !root }, () => {
  const before = names.map(readSetting);
  assert.equal(adjustSettings(state, { forwarding: true, links: ['eth1.5'], marked: [] }), true);
  assert.deepEqual(names.map(readSetting), ['1', '0', '1', '1', '1', '1', '1', '1', '2']);
  assert.equal(adjustSettings(state, { forwarding: true, links: ['eth1.5'], marked: [] }), false);
  assert.equal(restoreSettings(state), true);
  assert.deepEqual(names.map(readSetting), before);
  assert.equal(existsSync(`${state}/sysctl.json`), false);
});

test('the next start after a kill still knows the values from before the first', { skip: !root }, () => {
  const before = names.map(readSetting);
  adjustSettings(state, { forwarding: true, links: [], marked: [] });
  set('net/ipv4/ip_forward', '0');
  adjustSettings(state, { forwarding: true, links: ['eth1.5'], marked: [] });
  restoreSettings(state);
  assert.deepEqual(names.map(readSetting), before);
});

test('what somebody switched off after us stays off, the rest is restored', { skip: !root }, () => {
  adjustSettings(state, { forwarding: true, links: [], marked: [] });
  set('net/ipv4/ip_forward', '0');
  set('net/ipv4/conf/all/accept_redirects', '1');
  restoreSettings(state);
  assert.equal(readSetting('net/ipv4/conf/all/accept_redirects'), '1');
  assert.equal(readSetting('net/ipv6/conf/all/forwarding'), '0');
});

test('forwarding that was on before stays on, and advertisements are left to the operator', {
  skip: !root,
}, () => {
  set('net/ipv4/ip_forward', '1');
  set('net/ipv6/conf/all/forwarding', '1');
  assert.equal(adjustSettings(state, { forwarding: true, links: ['eth1.5'], marked: [] }), false);
  restoreSettings(state);
  assert.equal(readSetting('net/ipv4/ip_forward'), '1');
  assert.equal(readSetting('net/ipv6/conf/eth1.5/accept_ra'), '1');
  set('net/ipv4/ip_forward', '0');
  set('net/ipv6/conf/all/forwarding', '0');
});

test('a record from before the last boot restores nothing; a damaged one is an error', {
  skip: !root,
}, () => {
  const path = `${state}/sysctl.json`;
  adjustSettings(state, { forwarding: true, links: [], marked: [] });
  const record = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...record, boot: 'another' }));
  assert.equal(restoreSettings(state), false);
  assert.equal(readSetting('net/ipv4/ip_forward'), '1');
  set('net/ipv4/ip_forward', '0');
  writeFileSync(path, '{');
  assert.throws(() => adjustSettings(state, { forwarding: true, links: [], marked: [] }), {
    code: 'BS_STATE_UNREADABLE',
  });
  assert.equal(readSetting('net/ipv4/ip_forward'), '0');
  rmSync(path);
});

function set(name: string, value: string): void {
  writeFileSync(`/proc/sys/${name}`, value);
}

test('answers are looked up with their mark while links carry plain traffic, without forwarding too', {
  skip: !root,
}, () => {
  const mark = 'net/ipv4/conf/eth1.5/src_valid_mark';
  const wishes = { forwarding: false, links: ['eth1.5'], marked: ['eth1.5', 'eth1.5'] };
  assert.equal(adjustSettings(state, wishes), true);
  assert.deepEqual([readSetting(mark), readSetting('net/ipv4/ip_forward')], ['1', '0']);
  assert.equal(adjustSettings(state, wishes), false);
  assert.equal(adjustSettings(state, { ...wishes, marked: [] }), true);
  assert.equal(readSetting(mark), '0');
});
