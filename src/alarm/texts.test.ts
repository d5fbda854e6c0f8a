import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { entryOf, linkDown, linkUp, sent } from '../../test/fixtures/alarm-rig.ts';
import { eventCatalogue } from '../journal/event.ts';
import { testAlarm } from './alarm.ts';
import { alarmCatalogue, notifications } from './alarm-catalogue.ts';
import { parseHeaderLines } from './header-lines.ts';
import { changeLine, failedRoundLine } from './keepalive-line.ts';
import { mailMessage } from './mail-message.ts';
import { syslogPriority } from './syslog-priority.ts';

const places = { from: 'backstay@branch.example', to: ['noc@example.org', 'me@example.org'] };

test('a mail is what sendmail takes', () => {
  const [head, body = ''] = mailMessage(sent(linkDown()), 'lyon', places).split('\n\n');
  assert.equal(
    head,
    `From: Backstay lyon <backstay@branch.example>
To: noc@example.org,
 me@example.org
Subject: [lyon] warning: Link fibre is down: no carrier (eth1).
Date: Fri, 20 Nov 2026 12:00:00 +0000
Message-ID: <1.1795176000500.lyon@branch.example>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64`,
  );
  assert.equal(
    Buffer.from(body, 'base64').toString(),
    `Link fibre is down: no carrier (eth1).

Gateway:  lyon
About:    Link fibre
Event:    linkDown (warning)
Time:     2026-11-20T12:00:00.500Z
2 earlier messages about this were left out.
1 messages about other things were given up.

Evidence: {
  "interface": "eth1",
  "reason": "no carrier"
}
`,
  );
});

test('a mail has no header of a stranger, and a recovery is told as one', () => {
  const hostile = linkDown('fibre', `x\nBcc: all@example.org\r\n\u2028é${'long '.repeat(100)}`);
  const [head = ''] = mailMessage(sent(hostile), 'lyon', places).split('\n\n');
  assert.doesNotMatch(head, /^Bcc/m);
  assert.match(head, /^[ -~\n]*$/);
  assert.ok(head.split('\n').every((line) => line.length < 200));
  assert.match(mailMessage(sent(linkUp()), 'lyon', places), /^Subject: \[lyon\] recovery: Link fibre is up/m);
});

test('the system log gets facility daemon and a level', () => {
  assert.deepEqual((['alarm', 'warning', 'notice', 'info'] as const).map(syslogPriority), [25, 28, 29, 30]);
});

test('a file of headers is read, and what is wrong is told by its line', () => {
  assert.deepEqual(parseHeaderLines('# secret\n\nAuthorization: Bearer a b=\r\nX-Kind:x \n'), {
    headers: { authorization: 'Bearer a b=', 'x-kind': 'x' },
  });
  for (const [text, line] of [
    ['a: b\nnonsense', 2],
    ['a: b\nA: c', 2],
    ['Host: example.org', 1],
    ['a: \u0001', 1],
    ['__proto__: x', 1],
    ['a b: c', 1],
  ] as const)
    assert.deepEqual(parseHeaderLines(text), { wrongLine: line }, text);
});

test('the keepalive log has changes of links, and ever fewer of the same failed rounds', () => {
  assert.equal(changeLine(entryOf(linkDown())), 'DOWN Link fibre is down: no carrier (eth1).');
  assert.match(changeLine(entryOf(linkUp())) ?? '', /^UP Link fibre is up/);
  const rekeyed = { generation: 2, reason: 'one hour is over' };
  assert.equal(
    changeLine(entryOf({ kind: 'tunnelRekeyed', subject: { type: 'tunnel', name: 't' }, evidence: rekeyed })),
    undefined,
  );
  const targets = [
    { target: 'icmp 192.0.2.1', sent: 3, answered: 0, reason: 'ENETUNREACH' },
    { target: 'icmp 192.0.2.2', sent: 3, answered: 1, delayMillis: 21 },
  ];
  assert.equal(
    failedRoundLine('fibre', 2, 1, targets),
    'TIMEOUT Link fibre, bad round 2: icmp 192.0.2.1 0/3 (ENETUNREACH), icmp 192.0.2.2 1/3 in 21 ms',
  );
  const written = Array.from({ length: 20 }, (_, index) => index + 1).filter(
    (round) => failedRoundLine('fibre', round, 4, targets) !== undefined,
  );
  assert.deepEqual(written, [1, 2, 3, 4, 5, 8, 16]);
});

test('every kind of event is in the catalogue of alarms, with a notification of the MIB', () => {
  assert.deepEqual(Object.keys(alarmCatalogue).toSorted(), Object.keys(eventCatalogue).toSorted());
  const mib = readFileSync(new URL('../../packaging/BACKSTAY-MIB.txt', import.meta.url), 'utf8');
  for (const [name, number] of Object.entries(notifications))
    assert.match(
      mib,
      new RegExp(`^${name} NOTIFICATION-TYPE[^=]*::= \\{ backstayNotifications ${number} \\}`, 'm'),
    );
  assert.equal(mib.match(/NOTIFICATION-TYPE$/gm)?.length, Object.keys(notifications).length);
});

test('a test alarm says that it is one', () => {
  assert.match(testAlarm('lyon', '2026-11-20T12:00:00.000Z').text, /test alarm/);
});

test('docs/alarms.md has every kind as the catalogue has it', () => {
  const page = readFileSync(new URL('../../docs/alarms.md', import.meta.url), 'utf8');
  const rows = Object.entries(alarmCatalogue).map(([kind, { role, matter, notification }]) => {
    const { severity } = eventCatalogue[kind as keyof typeof eventCatalogue];
    return `| \`${kind}\` | ${severity} | ${role} | ${matter} | \`${notification}\` |`;
  });
  for (const row of rows) assert.ok(page.includes(`${row}\n`), `docs/alarms.md lacks: ${row}`);
  assert.equal(page.match(/^\| `[a-z]\w+` \| (?:info|notice|warning|alarm) \|/gm)?.length, rows.length);
});
