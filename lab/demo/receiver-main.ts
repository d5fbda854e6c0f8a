/**
 * The receiving end of the transfer, a process in host B's namespace: `receiver-main.ts ADDRESS PORT FILE`.
 *
 * Contract: takes one TCP connection, writes what comes to the file, and says on standard output, one JSON document per
 * line, what it has got: `listening`, `progress` ten times a second, `done` when the sender has closed and everything is
 * written. Reading never waits for the disk, so a stall is the network's.
 */
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { Arrivals } from './arrivals.ts';
import type { ReceiverLine } from './receiver-line.ts';

const PROGRESS_MILLIS = 100;

const [address = '', port = '', file = ''] = process.argv.slice(2);
const arrivals = new Arrivals();

const server = createServer({ noDelay: true }, (socket) => {
  server.close();
  const output = createWriteStream(file);
  const progress = setInterval(() => say({ kind: 'progress', ...arrivals.summary }), PROGRESS_MILLIS);
  socket.on('data', (bytes) => {
    arrivals.note(performance.now(), bytes.length);
    output.write(bytes);
  });
  socket.on('error', (error) => fail(error));
  socket.on('end', () => {
    clearInterval(progress);
    output.end(() => {
      say({ kind: 'done', ...arrivals.summary });
      socket.end();
    });
  });
  output.on('error', (error) => fail(error));
});
server.on('error', (error) => fail(error));
server.listen({ host: address, port: Number(port) }, () => say({ kind: 'listening' }));

function say(line: ReceiverLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function fail(error: Error): never {
  process.stderr.write(`receiver: ${error.message}\n`);
  process.exit(1);
}
