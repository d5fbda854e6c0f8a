/**
 * The sending end of a stream, a process in a host's namespace: `stream-sender-main.ts ADDRESS PORT BYTES_PER_SECOND`.
 *
 * Contract: sends random bytes by one plain TCP connection at a steady pace, until its standard input ends; waits until
 * the receiver has closed, and says how much it was and what hash it has. A broken connection is an error.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { SenderReport } from './stream-report.ts';

const SHORTEST_PACE_MILLIS = 10;
/** A slow stream sends seldom rather than many small packets. */
const SMALLEST_PIECE = 500;

const [address = '', port = '', rate = ''] = process.argv.slice(2);
const paceMillis = Math.max(SHORTEST_PACE_MILLIS, (SMALLEST_PIECE / Number(rate)) * 1000);
const piece = Math.ceil((Number(rate) * paceMillis) / 1000);
const hash = createHash('sha256');
let bytes = 0;

const socket = connect({ host: address, port: Number(port), noDelay: true });
socket.on('error', (error) => fail(error.message));
socket.on('connect', () => {
  process.stdout.write('connected\n');
  send();
  const pace = setInterval(send, paceMillis);
  process.stdin.on('end', () => {
    clearInterval(pace);
    socket.end();
  });
  process.stdin.resume();
});
socket.on('close', () => {
  const report: SenderReport = { bytes, sha256: hash.digest('hex') };
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
});
socket.resume();

/** What the network does not take is not offered a second time: memory stays bounded while a link is dead. */
function send(): void {
  if (socket.writableNeedDrain) return;
  const data = randomBytes(piece);
  hash.update(data);
  bytes += data.length;
  socket.write(data);
}

function fail(message: string): never {
  process.stderr.write(`sender: ${message}\n`);
  process.exit(1);
}
