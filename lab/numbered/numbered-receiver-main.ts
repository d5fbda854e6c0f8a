/**
 * The receiving end of a numbered stream: `numbered-receiver-main.ts ADDRESS PORT`.
 *
 * Contract: takes datagrams until its standard input ends, and says which numbers came, how often and how far apart.
 */
import { createSocket } from 'node:dgram';
import type { NumberedReceived } from './numbered-report.ts';

const RECEIVE_BUFFER = 8 * 1024 * 1024;

const [address = '', port = ''] = process.argv.slice(2);
const seen = new Set<number>();
let repeated = 0;
let overtaken = 0;
let newest = -1;
let lastAt = Number.POSITIVE_INFINITY;
let longestGapMillis = 0;

const socket = createSocket({
  type: address.includes(':') ? 'udp6' : 'udp4',
  recvBufferSize: RECEIVE_BUFFER,
});
socket.on('message', (packet) => {
  const now = performance.now();
  longestGapMillis = Math.max(longestGapMillis, now - lastAt);
  lastAt = now;
  const number = packet.readUInt32BE();
  if (seen.has(number)) repeated++;
  seen.add(number);
  if (number < newest) overtaken++;
  newest = Math.max(newest, number);
});
socket.on('error', (error) => {
  process.stderr.write(`receiver: ${error.message}\n`);
  process.exit(1);
});
socket.bind(Number(port), address, () => process.stdout.write('listening\n'));
process.stdin.on('end', () => {
  const report: NumberedReceived = { packets: seen.size, repeated, overtaken, longestGapMillis };
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
});
process.stdin.resume();
