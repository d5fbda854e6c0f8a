/**
 * The sending end of a numbered stream: `numbered-sender-main.ts ADDRESS PORT PACKETS_PER_SECOND BYTES`.
 *
 * Contract: sends datagrams that carry their number, from 0, at a steady pace until its standard input ends. What the
 * machine made late is sent in a row, so that the pace holds.
 */
import { createSocket } from 'node:dgram';
import type { NumberedSent } from './numbered-report.ts';

const PACE_MILLIS = 1;
/** After a pause no more than so many are caught up with at once. */
const LONGEST_ROW = 100;

const [address = '', port = '', pace = '', bytes = ''] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const packet = Buffer.alloc(Number(bytes));
const begin = performance.now();
let sent = 0;
let lastAt = begin;
let longestPauseMillis = 0;

socket.on('error', (error) => {
  process.stderr.write(`sender: ${error.message}\n`);
  process.exit(1);
});
socket.connect(Number(port), address, () => {
  process.stdout.write('sending\n');
  const timer = setInterval(send, PACE_MILLIS);
  process.stdin.on('end', () => {
    clearInterval(timer);
    const report: NumberedSent = { packets: sent, longestPauseMillis };
    process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
  });
  process.stdin.resume();
});

function send(): void {
  const now = performance.now();
  longestPauseMillis = Math.max(longestPauseMillis, now - lastAt);
  lastAt = now;
  const due = Math.min(sent + LONGEST_ROW, Math.floor(((now - begin) * Number(pace)) / 1000));
  for (; sent < due; sent++) {
    packet.writeUInt32BE(sent);
    socket.send(Buffer.from(packet));
  }
}
