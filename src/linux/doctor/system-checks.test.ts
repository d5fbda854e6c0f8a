import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as system from './system-checks.ts';

test('a kernel is compared by numbers', () => {
  assert.equal(system.checkKernel('5.10.0-30-amd64').status, 'ok');
  assert.equal(system.checkKernel('6.1.0').status, 'ok');
  assert.equal(system.checkKernel('5.9.16').status, 'problem');
  assert.equal(system.checkKernel('4.19').status, 'problem');
});

test('missing capabilities are named', () => {
  assert.equal(system.checkPrivileges('000001ffffffffff').status, 'ok');
  assert.match(system.checkPrivileges('0000000000001000').found, /^CAP_NET_RAW missing/);
  assert.match(system.checkPrivileges('').found, /CAP_NET_ADMIN and CAP_NET_RAW/);
});

test('the priority is allowed by a capability, or by a limit', () => {
  const status = (effective: string, niceLimit: number) =>
    system.checkPriority({ effective, niceLimit }, -10).status;
  assert.equal(status('000001ffffffffff', 0), 'ok');
  assert.equal(status('0000000000003000', 30), 'ok');
  assert.equal(status('0000000000003000', 29), 'warning');
  assert.equal(status('', 0), 'warning');
});

test('a clock that was never set is a problem', () => {
  assert.equal(system.checkClock(0).status, 'problem');
  assert.equal(system.checkClock(Date.UTC(2027, 5, 1)).status, 'ok');
});

test('TUN: missing, untried, and with what the kernel can do', () => {
  assert.match(system.checkTun({ openable: { why: 'ENOENT' }, offloads: undefined })[0]!.found, /ENOENT/);
  const statuses = (offloads: system.TunFacts['offloads']) =>
    system.checkTun({ openable: true, offloads }).map(({ status }) => status);
  assert.deepEqual(statuses(undefined), ['ok', 'warning']);
  assert.deepEqual(statuses({ udp: false }), ['ok', 'ok']);
});

test('small socket buffers matter only where they cannot be exceeded', () => {
  const facts = {
    segmentation: true,
    merging: true,
    forced: false,
    receiveMaxBytes: 212992,
    sendMaxBytes: 212992,
  };
  assert.deepEqual(
    system.checkSockets(facts).map(({ status }) => status),
    ['ok', 'warning'],
  );
  assert.deepEqual(
    system.checkSockets({ ...facts, forced: true }).map(({ status }) => status),
    ['ok', 'ok'],
  );
  assert.match(system.checkSockets({ ...facts, merging: false })[0]!.found, /^UDP_GRO missing/);
});

test('forwarding that nobody switches on is a warning', () => {
  const off = { ipv4: '0', ipv6: '0' };
  assert.equal(system.checkForwarding(off, true).status, 'ok');
  assert.equal(system.checkForwarding(off, false).status, 'warning');
  assert.equal(system.checkForwarding({ ipv4: '1', ipv6: undefined }, false).status, 'ok');
});

test('every finding that is not ok has a remedy', () => {
  const checks = [
    system.checkKernel('3.2'),
    system.checkNftables('Operation not permitted'),
    system.checkProgram('ip', { why: 'missing' }),
    system.checkClock(0),
  ];
  assert.ok(checks.every(({ status, remedy }) => status !== 'ok' && remedy !== undefined));
});
