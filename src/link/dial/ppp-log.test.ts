import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PppLog } from './ppp-log.ts';

/** As pppd 2.4.9 and chat say it, shortened. */
const called = `timeout set to 60 seconds
send (ATDT0123^M)
expect (CONNECT)
^M
RINGING^M
CONNECT
 -- got it
`;
const answered = `Serial connection established.
Renamed interface ppp0 to modem0
Using interface modem0
Connect: modem0 <--> /dev/modem
`;
const agreed = `CHAP authentication succeeded: Access granted
CHAP authentication succeeded
local  IP address 10.64.0.2
remote IP address 10.64.0.1
primary   DNS address 192.0.2.53
secondary DNS address 192.0.2.54
`;

function read(...texts: string[]): PppLog {
  const log = new PppLog();
  for (const text of texts) log.read(text);
  return log;
}

test('a log tells how far the line is, and what it was given', () => {
  assert.equal(read(called).phase, 'calling');
  const negotiating = read(called, answered);
  assert.deepEqual(
    [negotiating.phase, negotiating.step, negotiating.interface],
    ['negotiating', 'LCP', 'modem0'],
  );
  assert.equal(read(called, answered, agreed.slice(0, 100)).step, 'IPCP');
  const up = read(called, answered, agreed);
  assert.deepEqual(
    [up.phase, up.localAddress, up.peerAddress, up.nameServers, up.ending],
    ['up', '10.64.0.2', '10.64.0.1', ['192.0.2.53', '192.0.2.54'], undefined],
  );
});

test('it comes to the same in whatever pieces it is read', () => {
  const whole = read(called + answered + agreed);
  const bytes = read(...(called + answered + agreed));
  assert.deepEqual({ ...bytes, servers: bytes.nameServers }, { ...whole, servers: whole.nameServers });
});

test('what a log has told is told by its summary as well', () => {
  assert.equal(read(called).summary(), '');
  const up = read(called, answered, agreed);
  const again = read(up.summary());
  assert.deepEqual(
    [again.phase, again.interface, again.localAddress, again.peerAddress, again.nameServers],
    [up.phase, up.interface, up.localAddress, up.peerAddress, up.nameServers],
  );
});

test('the first thing that goes wrong is the reason', () => {
  const table: [text: string, kind: string][] = [
    ['CHAP authentication failed: Access denied\nConnection terminated.\n', 'refused'],
    ['PAP authentication failed\nModem hangup\n', 'refused'],
    ['LCP: timeout sending Config-Requests\nModem hangup\n', 'timeout'],
    ['IPCP: timeout sending Config-Requests\n', 'timeout'],
    ['LCP terminated by peer (Peer not responding)\n', 'terminated'],
    ['No response to 3 echo-requests\nSerial link appears to be disconnected.\nModem hangup\n', 'noEchoes'],
    ['Modem hangup\nConnect time 0.1 minutes.\n', 'hungUp'],
  ];
  for (const [text, kind] of table) {
    assert.equal(read(called, answered, text).ending?.kind, kind, text);
    assert.equal(read(called, text).ending, undefined, 'from the modem it proves nothing');
  }
  assert.equal(read('Device modem is locked by pid 17\n').ending?.words, 'Device modem is locked by pid 17');
  assert.equal(read('Failed to open /dev/ttyS9: No such device\n').ending?.kind, 'noDevice');
});

test('name servers are machines, each once, and not more than two', () => {
  const servers = (...addresses: string[]) =>
    read(called, answered, ...addresses.map((it) => `primary   DNS address ${it}\n`)).nameServers;
  assert.deepEqual(
    servers('0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '2001:db8::1', 'x', ''),
    [],
  );
  assert.deepEqual(servers('9.9.9.9', '9.9.9.9', '8.8.8.8', '1.1.1.1'), ['9.9.9.9', '8.8.8.8']);
  assert.deepEqual(
    read(called, 'primary   DNS address 9.9.9.9\n').nameServers,
    [],
    'not before the call is answered',
  );
});

test('whatever modem and provider say, little of it is kept, and nothing that a terminal would obey', () => {
  const known = [
    called,
    answered,
    agreed,
    'local  IP address ',
    'CHAP authentication failed: ',
    '\u001b[2J',
    '\n',
    '\r',
    '\0',
  ];
  const piece = fc.oneof(fc.constantFrom(...known), fc.string({ unit: 'binary', maxLength: 2_000 }));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const log = read(...pieces);
      const kept = [...log.lastWords, ...log.nameServers, log.ending?.words ?? '', log.interface ?? ''];
      assert.ok(
        kept.every((text) => /^[\x20-\x7e]*$/.test(text) && text.length <= 300),
        JSON.stringify(kept),
      );
      assert.ok(log.lastWords.length <= 6 && log.nameServers.length <= 2);
      assert.ok(log.phase !== 'up' || log.localAddress !== undefined);
      assert.ok(log.summary().length < 400);
    }),
  );
});

test('a line without an end fills no memory', () => {
  const log = new PppLog();
  for (let index = 0; index < 1_000; index += 1) log.read('x'.repeat(10_000));
  log.read('\nSerial connection established.\n');
  assert.equal(log.phase, 'negotiating');
  assert.ok(log.lastWords.join('').length <= 6 * 300);
});
