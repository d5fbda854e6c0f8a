/**
 * Strangers at the gateway's TCP port, a process inside a namespace:
 * `intruder-main.ts ADDRESS PORT SOURCE IDENTITY`.
 *
 * Three kinds at once: connections that send garbage, connections that send one byte at a time and never end, and a
 * peer with a key that nobody knows (the identity file). Ends with its standard input, and then says on standard output
 * how many there were of each kind, and how many the gateway let in: `IntruderReport`.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { IntruderReport } from './intruder.ts';

const GARBAGE_EVERY_MILLIS = 50;
const GARBAGE_BYTES = 2_000;
const STRANGE_KEY_EVERY_MILLIS = 500;
const SLOW_CONNECTIONS = 20;
const SLOW_BYTE_EVERY_MILLIS = 300;
/** The beginning of a TLS handshake record that announces 512 bytes. */
const slowBytes = Buffer.concat([Buffer.from('16030102000100', 'hex'), Buffer.alloc(600)]);

const [host = '', port = '', localAddress = '', identity = ''] = process.argv.slice(2);
const pem = readFileSync(identity);
const where = { host, port: Number(port), localAddress };
const report: IntruderReport = { garbage: 0, slow: 0, strangeKeys: 0, answered: 0 };

const timers = [
  setInterval(sendGarbage, GARBAGE_EVERY_MILLIS),
  setInterval(showStrangeKey, STRANGE_KEY_EVERY_MILLIS),
];
for (let i = 0; i < SLOW_CONNECTIONS; i++) keepSlowConnection();

process.stdout.write('ready\n');
process.stdin.resume();
process.stdin.on('end', () => {
  timers.forEach(clearInterval);
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
});

function sendGarbage(): void {
  report.garbage++;
  const socket = quiet(connect(where, () => socket.end(randomBytes(GARBAGE_BYTES))));
}

function keepSlowConnection(): void {
  report.slow++;
  let sent = 0;
  const socket = quiet(connect(where));
  const timer = setInterval(() => {
    if (socket.writable && sent < slowBytes.length) socket.write(slowBytes.subarray(sent, ++sent));
  }, SLOW_BYTE_EVERY_MILLIS);
  socket.on('close', () => {
    clearInterval(timer);
    setTimeout(keepSlowConnection, SLOW_BYTE_EVERY_MILLIS);
  });
}

/** A peer that was let in would get more than the farewell that strangers are sent before the end. */
function showStrangeKey(): void {
  report.strangeKeys++;
  const socket = connectTls({
    ...where,
    cert: pem,
    key: pem,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
  });
  quiet(socket);
  const stayed = setTimeout(() => report.answered++, 3_000);
  socket.on('close', () => clearTimeout(stayed));
}

function quiet<Connection extends Socket>(socket: Connection): Connection {
  socket.on('error', () => {});
  socket.resume();
  return socket;
}
