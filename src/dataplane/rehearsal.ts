/**
 * Sends packets through the whole packet path once before the first real one.
 *
 * Contract: proves on this machine, before anything of it is changed, that what goes in at one end comes out unharmed at
 * the other: structures given to the kernel, merged datagrams, libcrypto. And it warms the code: the first packets
 * through cold code take three times as long. Works on its own associations with throw-away keys, over the loopback
 * interface; where that is switched off it proves nothing and says so.
 * Throws BS_SELF_TEST_FAILED.
 */
import { BackstayError } from '../errors.ts';
import { Arena } from '../linux/arena.ts';
import { RECEIVER_ARENA_BYTES } from '../linux/datagram-receiver.ts';
import { closeFd, readFd, writeFd } from '../linux/file-descriptor.ts';
import { openPacketPair } from '../linux/packet-pair.ts';
import { localPort, openUdpSocket } from '../linux/udp-socket.ts';
import { AssociationMemory, InboundAssociation, OutboundAssociation } from './association.ts';
import { openCounters, pathCounters, tunnelCounters, workerCounters } from './counters.ts';
import { Inbound } from './inbound.ts';
import { OUTBOUND_ARENA_BYTES, Outbound } from './outbound.ts';
import { rehearsalPackets } from './rehearsal-packets.ts';
import { type LinkSocket, NameMemory, TunnelPlane } from './tunnel-plane.ts';

/** After about so many calls V8 has compiled the hot functions with what it learnt. */
const ROUNDS = 1_500;
const LOOPBACK = new Uint8Array([127, 0, 0, 1]);
const SPI = 0x7265_6873;
const ANY_SOURCE = [{ bytes: new Uint8Array(4), length: 0 }];

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

/** Room for what is written to the TUN side and read back from it. */
const PACKET_ROOM = 70_000;

function openStage() {
  const arena = new Arena(RECEIVER_ARENA_BYTES + OUTBOUND_ARENA_BYTES + 4096);
  const files = new Arena(2 * PACKET_ROOM);
  const memory = new AssociationMemory(arena);
  const outbound = new Outbound(arena, { dataSent: () => {}, sendFailed: () => {} });
  const near = openPacketPair();
  const far = openPacketPair();
  const sending = openLoopbackSocket(0);
  const receiving = openLoopbackSocket(1);
  const tunnel = openTunnel(near.inner);
  tunnel.addPath(
    {
      kind: 'addPath',
      tunnel: 0,
      path: 0,
      socket: 0,
      remote: { address: LOOPBACK, port: localPort(receiving.fd) },
      keepaliveMillis: 1_000,
      weight: 1,
      counters: openCounters(pathCounters),
    },
    sending,
    arena,
    new NameMemory(arena),
    0,
  );
  const keys = { key: new Uint8Array(32).fill(1), salt: new Uint8Array(4) };
  const seal = { spi: SPI, ...keys, finishChecksums: false, packetLimit: Number.MAX_SAFE_INTEGER };
  tunnel.outbound = new OutboundAssociation(memory, seal);
  const farTunnel = openTunnel(far.inner);
  const listener = { reportArrived: () => {}, heardOn: () => {}, tunnel: () => farTunnel, dueAt: () => {} };
  const opener = new InboundAssociation(memory, { tunnel: 0, spi: SPI, ...keys });
  const counters = new Float64Array(openCounters(workerCounters));
  const inbound = new Inbound(arena, listener, new Map([[SPI, opener]]), counters);
  return {
    files,
    packets: rehearsalPackets(),
    tunnel,
    outbound,
    inbound,
    receiving,
    entry: near.outer,
    exit: far.outer,
    close: () => {
      tunnel.outbound?.close();
      opener.close();
      for (const fd of [near.inner, near.outer, far.inner, far.outer, sending.fd, receiving.fd]) closeFd(fd);
    },
  };
}

/** One packet in at the near end; what came out at the far end must be the same. */
function play(stage: Stage, packet: Uint8Array, round: number): 'same' | 'silent' | 'changed' {
  const { files, outbound, inbound, tunnel, receiving } = stage;
  files.bytes.set(packet);
  if (writeFd(stage.entry, files.address, packet.length) !== packet.length) return 'silent';
  outbound.drain(tunnel, round * 10);
  if (inbound.drain(receiving, round * 10) === 0) return 'silent';
  const length = readFd(stage.exit, files.address + PACKET_ROOM, PACKET_ROOM);
  if (length !== packet.length) return 'changed';
  // Every byte the first times; later only the code is warmed.
  if (round > 2) return 'same';
  return Buffer.compare(files.bytes.subarray(PACKET_ROOM, PACKET_ROOM + length), packet) === 0
    ? 'same'
    : 'changed';
}

function openTunnel(tunFd: number): TunnelPlane {
  return new TunnelPlane({
    kind: 'addTunnel',
    tunnel: 0,
    tunFd,
    udpOffload: true,
    innerSources: ANY_SOURCE,
    counters: openCounters(tunnelCounters),
  });
}

function openLoopbackSocket(id: number): LinkSocket {
  return { id, fd: openUdpSocket({ interfaceName: 'lo', address: LOOPBACK, port: 0, mark: 0 }) };
}

function failure(verdict: string): BackstayError {
  return new BackstayError('BS_SELF_TEST_FAILED', `A packet sent to ourselves came back ${verdict}.`);
}
