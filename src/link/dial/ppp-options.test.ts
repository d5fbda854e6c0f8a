import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PppWay } from '../../config/index.ts';
import { pppOptions } from './ppp-options.ts';

const way: PppWay = {
  kind: 'ppp',
  device: '/dev/ttyS0',
  speed: 115_200,
  phone: '0123',
  account: 'branch "12"',
  passwordFile: '/etc/backstay/isp.password',
  init: ['ATZ'],
  tries: 3,
  pauseMillis: 5_000,
  answerMillis: 60_000,
  negotiateMillis: 30_000,
};

test('the options of an attempt', () => {
  const connect = "/var/lib/it's/ppp/modem/connect";
  assert.equal(
    pppOptions({ way, interface: 'ppp0', password: 'a#b "c" \\d', connect }),
    `/dev/ttyS0
115200
connect "/bin/sh '/var/lib/it'\\\\''s/ppp/modem/connect'"
lock
modem
crtscts
nodetach
maxfail 1
ifname ppp0
noauth
user "branch \\"12\\""
password "a#b \\"c\\" \\\\d"
hide-password
noipdefault
nodefaultroute
usepeerdns
noipv6
noccp
lcp-echo-interval 10
lcp-echo-failure 3
lcp-max-configure 12
ipcp-max-configure 12
ip-up-script /bin/true
ip-down-script /bin/true
`,
  );
});

test('pppd gives up after the gateway does', () => {
  const text = pppOptions({
    way: { ...way, negotiateMillis: 300_000 },
    interface: 'x',
    password: 'p',
    connect: '/c',
  });
  const [, requests = ''] = /^lcp-max-configure (\d+)$/m.exec(text) ?? [];
  assert.ok(Number(requests) * 3_000 > 300_000);
});
