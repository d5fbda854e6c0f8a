/**
 * The receiving end of a stream, a process in a host's namespace: `stream-receiver-main.ts ADDRESS PORT`.
 *
 * Contract: takes one TCP connection to its end and says how much came, how long the longest stall was, and the hash.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { Arrivals } from '../../demo/arrivals.ts';
import type { ReceiverReport } from './stream-report.ts';

const [address = '', port = ''] = process.argv.slice(2);
const arrivals = new Arrivals();
const hash = createHash('sha256');

const server = createServer({ noDelay: true }, (socket) => {
  server.close();
  socket.on('data', (bytes) => {
    arrivals.note(performance.now(), bytes.length);
    hash.update(bytes);
  });
  socket.on('error', (error) => fail(error));
  socket.on('end', () => {
    const report: ReceiverReport = { ...arrivals.summary, sha256: hash.digest('hex') };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    socket.end();
  });
});
server.on('error', (error) => fail(error));
server.listen({ host: address, port: Number(port) }, () => process.stdout.write('listening\n'));

function fail(error: Error): never {
  process.stderr.write(`receiver: ${error.message}\n`);
  process.exit(1);
}
