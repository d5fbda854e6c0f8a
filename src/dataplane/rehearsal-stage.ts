/**
 * Where the rehearsal takes place: a packet worker with two tunnels that lead to each other over links on loopback.
 * One of them is carried by its connection; the others have one as well, and go by UDP.
 *
 * Contract: `carryOut` hands the worker commands and lets it do what is due, without sleeping. What goes in at `entry`
 * comes out at `exit`, as at TUN devices. `keyCommands` and `changeCommands` are what happens to a tunnel in its life.
 */
import { Arena } from '../linux/arena.ts';
import { closeFd } from '../linux/file-descriptor.ts';
import { openPacketPair, openStreamPair } from '../linux/packet-pair.ts';
import { localPort, openUdpSocket } from '../linux/udp-socket.ts';
import { WakeEvent } from '../linux/wake-event.ts';
import type { ClassRule } from '../tunnel/schedule/traffic-classes.ts';
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
const LINKS = [0, 1, 2];
/** Goes by TCP, and nothing is known of its rate in any scene. */
const BY_TCP = 2;

/** What differs from one worker to the next. */
export type Scene = {
  readonly links: number;
  readonly schedule: 'arrival' | 'weight';
  readonly classes: readonly ClassRule[];
  /** Whether the operator has said what the lines carry. Of the others it is measured: until then they are held back. */
  readonly declared: boolean;
};
/** Bytes per second: nothing is held back. */
const LOOPBACK_RATE = 10e9;

type End = {
  readonly tunnel: number;
  readonly tunFd: number;
  readonly sockets: readonly number[];
  /** Its ends of the paths' connections. */
  readonly streams: readonly number[];
};

export type Stage = {
  readonly files: Arena;
  readonly worker: PacketWorker;
  readonly entry: number;
  readonly exit: number;
  readonly ends: readonly [near: End, far: End];
  carryOut(...more: readonly WorkerCommand[]): void;
  close(): void;
};

export function openStage(scene: Scene): Stage {
  const links = LINKS.slice(0, scene.links);
  const pairs = [openPacketPair(), openPacketPair()] as const;
  const connections = links.map(openStreamPair);
  const [near, far] = [NEAR, FAR].map(
    (tunnel): End => ({
      tunnel,
      tunFd: (pairs[tunnel] as { inner: number }).inner,
      sockets: links.map(openSocket),
      streams: connections.map((ends) => ends[tunnel] as number),
    }),
  ) as [End, End];
  const commands: WorkerCommand[] = [...endCommands(near, far, scene), ...endCommands(far, near, scene)];
  // As through a port, which copies: to V8 a string of a message is another kind than one of the program.
  const line = { receive: () => structuredClone(commands.shift()), tell: () => {} };
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
      for (const { sockets, streams } of [near, far]) [...sockets, ...streams].forEach(closeFd);
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
      // Peers differ in what they understand. The first ones leave packets as they are, so that they can be compared.
      finishChecksums: generation % 4 === 2,
      aggfrag: generation % 2 === 1,
      // As a responder does, which waits until it hears its peer under the new keys.
      activate: tunnel === FAR && generation % 2 === 1 ? { whenHeardOn: inbound } : 'now',
      packetLimit: Number.MAX_SAFE_INTEGER,
    },
    { kind: 'removeInbound', spi: spi(1 - tunnel, generation - 2) },
  ];
}

/** The device is opened again, and now and then a socket and a connection as well; a path moves. */
export function changeCommands(
  { tunnel, tunFd, sockets, streams }: End,
  generation: number,
): WorkerCommand[] {
  const reopened = LINKS.filter((link) => link < sockets.length && (generation + link) % 3 === 2);
  return [
    { kind: 'changeDevice', tunnel, tunFd, udpOffload: true },
    ...reopened.flatMap((link): WorkerCommand[] => {
      const socket = socketId(tunnel, link);
      return [
        { kind: 'closeSocket', socket },
        { kind: 'openSocket', socket, fd: sockets[link] as number },
        { kind: 'movePath', tunnel, path: link, socket, remote: undefined },
        { kind: 'weightPath', tunnel, path: link, weight: 1 + generation / 2 },
        { kind: 'closeStream', tunnel, path: link, fd: streams[link] as number },
        { kind: 'openStream', tunnel, path: link, fd: streams[link] as number },
      ];
    }),
  ];
}

/** What makes one end: a tunnel with its paths, and as yet no keys. */
function endCommands(end: End, other: End, { schedule, classes, declared }: Scene): WorkerCommand[] {
  const { tunnel } = end;
  const counters = openCounters(tunnelCounters);
  return [
    {
      kind: 'addTunnel',
      schedule,
      classes,
      tunnel,
      tunFd: end.tunFd,
      udpOffload: true,
      innerSources: rehearsalSources,
      counters,
    },
    ...end.sockets.flatMap((_, link): WorkerCommand[] => {
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
          rate: declared && link !== BY_TCP ? LOOPBACK_RATE : undefined,
          encapsulation: link === BY_TCP ? 'tcp' : 'auto',
          initiates: tunnel === NEAR,
          counters: openCounters(pathCounters),
        },
        { kind: 'openStream', tunnel, path: link, fd: end.streams[link] as number },
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
