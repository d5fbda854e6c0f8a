/**
 * The sending end of the transfer, a process in host A's namespace: `sender-main.ts ADDRESS PORT FILE`.
 *
 * Contract: sends the file by one plain TCP connection and ends with status 0 when the receiver has closed as well.
 */
import { createReadStream } from 'node:fs';
import { connect } from 'node:net';

const CHUNK_BYTES = 256 * 1024;

const [address = '', port = '', file = ''] = process.argv.slice(2);

const socket = connect({ host: address, port: Number(port) });
socket.on('error', (error) => fail(error));
socket.on('connect', () =>
  createReadStream(file, { highWaterMark: CHUNK_BYTES }).on('error', fail).pipe(socket),
);
socket.on('close', () => process.exit(0));
socket.resume();

function fail(error: Error): never {
  process.stderr.write(`sender: ${error.message}\n`);
  process.exit(1);
}
