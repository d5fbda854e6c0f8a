import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PppWay } from '../../config/index.ts';
import { checkDialling, checkModem } from './dial-checks.ts';

const found = ({ name, status, found: what }: { name: string; status: string; found: string }) =>
  `${status} ${name}: ${what}`;

test('a machine that can dial, and one that cannot', () => {
  const programs = { pppd: '/usr/sbin/pppd', chat: '/usr/sbin/chat' };
  assert.deepEqual(checkDialling({ ...programs, hasKernelPpp: true }).map(found), [
    'ok pppd and chat: /usr/sbin/pppd and /usr/sbin/chat',
    'ok kernel PPP: /dev/ppp',
  ]);
  const lacking = checkDialling({ pppd: undefined, chat: undefined, hasKernelPpp: false });
  assert.deepEqual(lacking.map(found), [
    'problem pppd and chat: pppd and chat not installed.',
    'problem kernel PPP: There is no /dev/ppp.',
  ]);
  assert.match(lacking[0]?.remedy ?? '', /apt-get install ppp/);
});

test('a modem and its password', () => {
  const way = { device: '/dev/ttyS0', passwordFile: '/etc/isp.password' } as PppWay;
  assert.deepEqual(checkModem('modem', way, true, undefined).map(found), [
    'ok link modem modem: /dev/ttyS0',
    'ok link modem password: /etc/isp.password',
  ]);
  assert.deepEqual(checkModem('modem', way, false, 'Its mode is 0644, others can reach it.').map(found), [
    'problem link modem modem: There is no /dev/ttyS0.',
    'problem link modem password: /etc/isp.password: Its mode is 0644, others can reach it.',
  ]);
});
