/**
 * A packet worker with fixed keys and no daemon around it: the packet path alone, for the judges of the wire format.
 *
 * Usage: node lab/packet-path.ts '<json>' with
 * {tun, spiIn, spiOut, keyIn, keyOut (hex, 36 bytes: key and salt), finish, innerSources: [{hex, length}],
 *  paths: [{interface, local (hex), port, remote (hex), remotePort}]}
 * Prints `ready` and runs until its standard input ends; then prints its counters as JSON.
 */
import { openCounters, pathCounters, readCounters, tunnelCounters } from '../src/dataplane/counters.ts';
import { WorkerHandle } from '../src/dataplane/worker-handle.ts';
import { openTun, removeTun } from '../src/linux/tun.ts';
import { openUdpSocket } from '../src/linux/udp-socket.ts';

type Options = {
  tun: string;
  spiIn: number;
  spiOut: number;
  keyIn: string;
  keyOut: string;
  finish: boolean;
  innerSources: { hex: string; length: number }[];
  paths: { interface: string; local: string; port: number; remote: string; remotePort: number }[];
};

const options = JSON.parse(process.argv[2] ?? '{}') as Options;
const worker = await WorkerHandle.start(
  (event) => process.stderr.write(`${JSON.stringify(event)}\n`),
  (error) => {
    process.stderr.write(`${error.line}\n`);
    process.exit(1);
  },
);
const tun = openTun(options.tun);
const tunnelBlock = openCounters(tunnelCounters);
worker.send({
  kind: 'addTunnel',
  schedule: 'arrival',
  tunnel: 0,
  tunFd: tun.fd,
  udpOffload: tun.udpOffload,
  innerSources: options.innerSources.map(({ hex, length }) => ({ bytes: bytesOf(hex), length })),
  counters: tunnelBlock,
});
worker.send({ kind: 'addInbound', tunnel: 0, spi: options.spiIn, ...keysOf(options.keyIn) });
const pathBlocks = options.paths.map((path, id) => {
  const address = bytesOf(path.local);
  const fd = openUdpSocket({ interfaceName: path.interface, address, port: path.port, mark: 0 });
  worker.send({ kind: 'openSocket', socket: id, fd });
  const counters = openCounters(pathCounters);
  const remote = { address: bytesOf(path.remote), port: path.remotePort };
  worker.send({
    kind: 'addPath',
    tunnel: 0,
    path: id,
    socket: id,
    remote,
    keepaliveMillis: 250,
    weight: 1,
    counters,
  });
  return counters;
});
worker.send({
  kind: 'addOutbound',
  tunnel: 0,
  spi: options.spiOut,
  ...keysOf(options.keyOut),
  finishChecksums: options.finish,
  activate: 'now',
  packetLimit: 2 ** 32,
});
await worker.released();
process.stdout.write('ready\n');
process.stdin.resume();
process.stdin.on('end', () => void finish());

async function finish(): Promise<void> {
  const tunnel = readCounters(tunnelCounters, tunnelBlock);
  const paths = pathBlocks.map((block) => readCounters(pathCounters, block));
  process.stdout.write(`${JSON.stringify({ tunnel, paths, worker: worker.counters() })}\n`);
  await worker.stop();
  removeTun(tun);
}

function keysOf(hex: string): { key: Uint8Array; salt: Uint8Array } {
  const bytes = bytesOf(hex);
  return { key: bytes.subarray(0, 32), salt: bytes.subarray(32, 36) };
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
