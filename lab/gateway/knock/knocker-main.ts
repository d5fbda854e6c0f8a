/**
 * Knocks at ports, a process in a namespace: `knocker-main.ts PROTOCOL ADDRESS PORT…`.
 *
 * Contract: prints one JSON line, what became of each port in their order: `answered`, the kernel's error (`ECONNREFUSED`
 * for a reset), or `silent` when nothing came back in time.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

/** The way there and back takes milliseconds; a busy machine may need many. */
const PATIENCE_MILLIS = 1_500;

const [protocol = '', address = '', ...ports] = process.argv.slice(2);
const knock = protocol === 'tcp' ? knockTcp : knockUdp;
const results = await Promise.all(ports.map((port) => inTime((done) => knock(Number(port), done))));
process.stdout.write(`${JSON.stringify(results)}\n`);
process.exit(0);

type Done = (result: string) => void;

function inTime(begin: (done: Done) => void): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  setTimeout(() => resolve('silent'), PATIENCE_MILLIS);
  begin(resolve);
  return promise;
}

function knockTcp(port: number, done: Done): void {
  const socket = connect({ host: address, port }, () => done('answered'));
  socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
}

/** A connected socket learns of ICMP errors when it sends again. */
function knockUdp(port: number, done: Done): void {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const failed = (error: NodeJS.ErrnoException | null) => {
    if (error !== null) done(error.code ?? error.message);
  };
  socket.on('message', () => done('answered'));
  socket.on('error', failed);
  socket.connect(port, address, () => {
    const again = () => socket.send('knock', failed);
    again();
    setTimeout(again, PATIENCE_MILLIS / 3);
    setTimeout(again, (PATIENCE_MILLIS / 3) * 2);
  });
}
