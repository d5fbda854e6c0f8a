/**
 * Sends packets through a whole packet worker once before the first real one.
 *
 * Contract: proves on this machine, before anything of it is changed, that what goes in at one end comes out unharmed at
 * the other: structures given to the kernel, merged datagrams, libcrypto. And it warms the code, the worker's loop
 * included: through cold code a packet takes three times as long. Works with two tunnels between two sockets on the
 * loopback interface and throw-away keys; where that interface is switched off it proves nothing and says so.
 * Throws BS_SELF_TEST_FAILED.
 */
import { BackstayError } from '../errors.ts';
import { Arena } from '../linux/arena.ts';
import { closeFd, readFd, writeFd } from '../linux/file-descriptor.ts';
import { openPacketPair } from '../linux/packet-pair.ts';
import { localPort, openUdpSocket } from '../linux/udp-socket.ts';
import { WakeEvent } from '../linux/wake-event.ts';
import { openCounters, pathCounters, tunnelCounters, workerCounters } from './counters.ts';
import { PacketWorker } from './packet-worker.ts';
import type { WorkerCommand } from './protocol.ts';
import { rehearsalPackets } from './rehearsal-packets.ts';

/** After about so many calls V8 has compiled the hot functions with what it learnt. */
const ROUNDS = 1_500;
const LOOPBACK = new Uint8Array([127, 0, 0, 1]);
const NEAR = 0;
const FAR = 1;
/** Room for what is written to the TUN side and read back from it. */
const PACKET_ROOM = 70_000;
/** A turn may go to a probe instead of the packet. */
const MOST_TURNS = 20;

/** @returns false when the loopback interface takes no packets */
export function rehearse(rounds = ROUNDS): boolean {
  const stage = openStage();
  try {
    let played = 0;
    for (let round = 0; round < rounds; round++) {
      for (const packet of stage.packets) {
        const verdict = play(stage, packet, round);
        if (verdict === 'silent' && played === 0) return false;
        if (verdict !== 'same') throw failure(verdict);
        played++;
      }
    }
    return true;
  } finally {
    stage.close();
  }
}

type Stage = ReturnType<typeof openStage>;

function openStage() {
  const files = new Arena(2 * PACKET_ROOM);
  const near = openPacketPair();
  const far = openPacketPair();
  const sockets = [NEAR, FAR].map(() =>
    openUdpSocket({ interfaceName: 'lo', address: LOOPBACK, port: 0, mark: 0 }),
  );
  const [nearSocket, farSocket] = sockets as [number, number];
  const wake = WakeEvent.open();
  const commands = [
    ...endCommands(NEAR, near.inner, nearSocket, localPort(farSocket)),
    ...endCommands(FAR, far.inner, farSocket, localPort(nearSocket)),
  ];
  const line = { receive: () => commands.shift(), tell: () => {} };
  const worker = new PacketWorker(line, wake, openCounters(workerCounters));
  wake.wake();
  worker.turn();
  return {
    files,
    worker,
    packets: rehearsalPackets(),
    entry: near.outer,
    exit: far.outer,
    close: () => {
      worker.close();
      wake.close();
      for (const fd of [near.inner, near.outer, far.inner, far.outer, ...sockets]) closeFd(fd);
    },
  };
}

/** What makes one end: a tunnel that sends under its own number as SPI, and receives under the other's. */
function endCommands(end: number, tunFd: number, socketFd: number, remotePort: number): WorkerCommand[] {
  const spi = (of: number) => 0x7265_6873 + of;
  const keys = { key: new Uint8Array(32).fill(1), salt: new Uint8Array(4) };
  const anySource = [{ bytes: new Uint8Array(4), length: 0 }];
  return [
    {
      kind: 'addTunnel',
      tunnel: end,
      tunFd,
      udpOffload: true,
      innerSources: anySource,
      counters: openCounters(tunnelCounters),
    },
    { kind: 'openSocket', socket: end, fd: socketFd },
    { kind: 'addInbound', tunnel: end, spi: spi(1 - end), ...keys },
    {
      kind: 'addPath',
      tunnel: end,
      path: 0,
      socket: end,
      remote: { address: LOOPBACK, port: remotePort },
      keepaliveMillis: 1_000,
      weight: 1,
      counters: openCounters(pathCounters),
    },
    {
      kind: 'addOutbound',
      tunnel: end,
      spi: spi(end),
      ...keys,
      finishChecksums: false,
      activate: 'now',
      packetLimit: Number.MAX_SAFE_INTEGER,
    },
  ];
}

/** One packet in at the near end; what came out at the far end must be the same. */
function play(stage: Stage, packet: Uint8Array, round: number): 'same' | 'silent' | 'changed' {
  const { files, worker } = stage;
  files.bytes.set(packet);
  if (writeFd(stage.entry, files.address, packet.length) !== packet.length) return 'silent';
  let length = -1;
  for (let turn = 0; turn < MOST_TURNS && length < 0; turn++) {
    worker.turn();
    length = readFd(stage.exit, files.address + PACKET_ROOM, PACKET_ROOM);
  }
  if (length < 0) return 'silent';
  if (length !== packet.length) return 'changed';
  // Every byte the first times; later only the code is warmed.
  if (round > 2) return 'same';
  const arrived = files.bytes.subarray(PACKET_ROOM, PACKET_ROOM + length);
  return Buffer.compare(arrived, packet) === 0 ? 'same' : 'changed';
}

function failure(verdict: string): BackstayError {
  return new BackstayError('BS_SELF_TEST_FAILED', `A packet sent to ourselves came back ${verdict}.`);
}
