/**
 * Where the rehearsal takes place: a packet worker with two tunnels that lead to each other over two links on loopback.
 *
 * Contract: `carryOut` hands the worker commands and lets it do what is due, without sleeping. What goes in at `entry`
 * comes out at `exit`, as at TUN devices. `keyCommands` and `changeCommands` are what happens to a tunnel in its life.
 */
import { Arena } from '../linux/arena.ts';
import { closeFd } from '../linux/file-descriptor.ts';
import { openPacketPair } from '../linux/packet-pair.ts';
import { localPort, openUdpSocket } from '../linux/udp-socket.ts';
import { WakeEvent } from '../linux/wake-event.ts';
import { openCounters, pathCounters, tunnelCounters, workerCounters } from './counters.ts';
import { PacketWorker } from './packet-worker.ts';
import type { WorkerCommand } from './protocol.ts';
import { rehearsalSources } from './rehearsal-packets.ts';

/** The tunnels' ends, which are tunnels to the worker. */
const NEAR = 0;
const FAR = 1;

/** Room for what is written at the entry and read at the exit. */
export const PACKET_ROOM = 70_000;

const LOOPBACK = new Uint8Array([127, 0, 0, 1]);
const LINKS = [0, 1];
/** Bytes per second: nothing is held back. */
const LOOPBACK_RATE = 10e9;

type End = { readonly tunnel: number; readonly tunFd: number; readonly sockets: readonly number[] };

export type Stage = {
  readonly files: Arena;
  readonly worker: PacketWorker;
  readonly entry: number;
  readonly exit: number;
  readonly ends: readonly End[];
  carryOut(...more: readonly WorkerCommand[]): void;
  close(): void;
};

export function openStage(): Stage {
  const pairs = [openPacketPair(), openPacketPair()] as const;
  const near: End = { tunnel: NEAR, tunFd: pairs[NEAR].inner, sockets: LINKS.map(openSocket) };
  const far: End = { tunnel: FAR, tunFd: pairs[FAR].inner, sockets: LINKS.map(openSocket) };
  const commands: WorkerCommand[] = [...endCommands(near, far), ...endCommands(far, near)];
  const line = { receive: () => commands.shift(), tell: () => {} };
  const wake = WakeEvent.open();
  const worker = new PacketWorker(line, wake, openCounters(workerCounters));
  const carryOut = (...more: readonly WorkerCommand[]) => {
    commands.push(...more);
    wake.wake();
    worker.turn();
  };
  carryOut();
  return {
    files: new Arena(2 * PACKET_ROOM),
    worker,
    entry: pairs[NEAR].outer,
    exit: pairs[FAR].outer,
    ends: [near, far],
    carryOut,
    close: () => {
      worker.close();
      wake.close();
      for (const { inner, outer } of pairs) [inner, outer].forEach(closeFd);
      for (const { sockets } of [near, far]) sockets.forEach(closeFd);
    },
  };
}

/** New keys. Each end sends under its own number as SPI; half of all SPIs are above 2^31. */
export function keyCommands({ tunnel }: End, generation: number): WorkerCommand[] {
  const spi = (of: number, born: number) => (born % 2 === 0 ? 0x7265_6800 : 0xf265_6800) + 2 * born + of;
  const keys = { key: new Uint8Array(32).fill(generation), salt: new Uint8Array(4) };
  const inbound = spi(1 - tunnel, generation);
  return [
    { kind: 'addInbound', tunnel, spi: inbound, ...keys },
    {
      kind: 'addOutbound',
      tunnel,
      spi: spi(tunnel, generation),
      ...keys,
      finishChecksums: false,
      // As a responder does, which waits until it hears its peer under the new keys.
      activate: tunnel === FAR && generation % 2 === 1 ? { whenHeardOn: inbound } : 'now',
      packetLimit: Number.MAX_SAFE_INTEGER,
    },
    { kind: 'removeInbound', spi: spi(1 - tunnel, generation - 2) },
  ];
}

/** The device is opened again, and now and then a socket as well; a path moves. */
export function changeCommands({ tunnel, tunFd, sockets }: End, generation: number): WorkerCommand[] {
  const reopened = LINKS.filter((link) => (generation + link) % 3 === 2);
  return [
    { kind: 'changeDevice', tunnel, tunFd, udpOffload: true },
    ...reopened.flatMap((link): WorkerCommand[] => {
      const socket = socketId(tunnel, link);
      return [
        { kind: 'closeSocket', socket },
        { kind: 'openSocket', socket, fd: sockets[link] as number },
        { kind: 'movePath', tunnel, path: link, socket, remote: undefined },
        { kind: 'weightPath', tunnel, path: link, weight: 1 + generation / 2 },
      ];
    }),
  ];
}

/** What makes one end: a tunnel with its paths, and as yet no keys. */
function endCommands(end: End, other: End): WorkerCommand[] {
  const { tunnel } = end;
  const counters = openCounters(tunnelCounters);
  return [
    {
      kind: 'addTunnel',
      schedule: 'arrival',
      tunnel,
      tunFd: end.tunFd,
      udpOffload: true,
      innerSources: rehearsalSources,
      counters,
    },
    ...LINKS.flatMap((link): WorkerCommand[] => {
      const socket = socketId(tunnel, link);
      const remote = { address: LOOPBACK, port: localPort(other.sockets[link] as number) };
      return [
        { kind: 'openSocket', socket, fd: end.sockets[link] as number },
        {
          kind: 'addPath',
          tunnel,
          path: link,
          socket,
          remote,
          keepaliveMillis: 1_000,
          weight: 1,
          rate: LOOPBACK_RATE,
          counters: openCounters(pathCounters),
        },
      ];
    }),
  ];
}

function openSocket(): number {
  return openUdpSocket({ interfaceName: 'lo', address: LOOPBACK, port: 0, mark: 0 });
}

function socketId(tunnel: number, link: number): number {
  return tunnel * LINKS.length + link;
}
