/**
 * The sending end of a numbered stream: `numbered-sender-main.ts ADDRESS PORT PACKETS_PER_SECOND BYTES`.
 *
 * Contract: sends datagrams that carry their number, from 0, at a steady pace until its standard input ends. What the
 * machine made late is caught up with at a few times the pace: a row of hundreds at once would overflow a queue of the kernel by itself,
 * and be told of as if the tunnel had lost them.
 */
import { createSocket } from 'node:dgram';
import type { NumberedSent } from './numbered-report.ts';

const PACE_MILLIS = 1;
/** In each of them no more than so many times what the pace asks for. */
const CATCHING_UP = 3;

const [address = '', port = '', pace = '', bytes = ''] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const longestRow = Math.ceil((CATCHING_UP * Number(pace) * PACE_MILLIS) / 1000);
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
  const due = Math.min(sent + longestRow, Math.floor(((now - begin) * Number(pace)) / 1000));
  for (; sent < due; sent++) {
    packet.writeUInt32BE(sent);
    socket.send(Buffer.from(packet));
  }
}
