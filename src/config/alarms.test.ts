import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfig, formatMistake } from './index.ts';

function check(alarms: string) {
  return checkConfig(
    `gateway: { name: nantes, identity: /i.pem }\nlinks: { fibre: { interface: eth1 } }\n${alarms}`,
    'f',
  );
}

function alarmsOf(alarms: string) {
  const checked = check(alarms);
  return checked.ok ? checked.config.alarms : assert.fail(checked.mistakes.map(formatMistake).join('\n'));
}

test('without the section nobody is told', () => {
  const nobody = {
    from: 'warning',
    syslog: false,
    keepaliveLog: undefined,
    webhooks: [],
    snmp: [],
    mail: undefined,
  };
  assert.deepEqual(alarmsOf(''), nobody);
  assert.deepEqual(alarmsOf('alarms: {}'), nobody);
});

test('every receiver is read', () => {
  const { snmp, ...rest } = alarmsOf(`alarms:
  from: notice
  syslog: true
  keepalive-log: /var/log/backstay/keepalive.log
  webhooks: [{ url: "https://example.org/hook?x=1", headers-file: /etc/backstay/hook.headers }]
  snmp:
    - { to: 192.0.2.10, version: 2c, community-file: /c }
    - { to: "[2001:db8::1]:1162", version: 3, user: backstay, auth: sha256, auth-password-file: /a, privacy: aes128,
        privacy-password-file: /p, engine-id: "0x80001F8805AB" }
  mail: { to: noc@example.org, from: backstay@branch.example }
`);
  assert.deepEqual(rest, {
    from: 'notice',
    syslog: true,
    keepaliveLog: '/var/log/backstay/keepalive.log',
    webhooks: [{ url: 'https://example.org/hook?x=1', headersFile: '/etc/backstay/hook.headers' }],
    mail: { to: ['noc@example.org'], from: 'backstay@branch.example' },
  });
  const [community, usm] = snmp.map(({ to, ...others }) => [`${to.address.text} ${to.port}`, others]);
  assert.deepEqual(community, ['192.0.2.10 162', { version: '2c', communityFile: '/c' }]);
  assert.deepEqual(usm, [
    '2001:db8::1 1162',
    {
      version: '3',
      user: 'backstay',
      authentication: { hash: 'sha256', passwordFile: '/a' },
      privacy: { passwordFile: '/p' },
      engineId: '80001f8805ab',
    },
  ]);
});
