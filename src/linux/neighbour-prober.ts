/**
 * The next hop of a link, asked by ARP (IPv4) or neighbour discovery (IPv6).
 *
 * Contract: a link without a next hop, or over something that has no such addresses (PPP, a tunnel), has nobody to be asked.
 * The neighbour's own answer counts, not what the kernel remembers of him. `link/neighbour-packet.ts` has the packets.
 * Source: S1.1; packet(7), RFC 826, RFC 4861.
 */
import {
  encodeArpRequest,
  encodeSolicitation,
  hardwareBytes,
  isAdvertisementOf,
  isArpReply,
  solicitedNodeAddress,
} from '../link/neighbour-packet.ts';
import type { IpAddress } from '../network/ip-address.ts';
import { absentProber, passOnly } from './echo-prober.ts';
import { bind } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import {
  check,
  discardAll,
  openProbeSocket,
  type ProbeWay,
  prepareReceiving,
  probeError,
  receiveAll,
  sendBytes,
  socketType,
} from './probe-socket.ts';
import { PendingQuestions, type ProbeAnswer, type Prober } from './prober.ts';
import {
  bindRaw,
  openSocket,
  SOCK_NONBLOCK_CLOEXEC,
  setBytesOption,
  setIntegerOption,
  socketScratch,
} from './socket-calls.ts';

const getSocketName = bind<(fd: number, address: number, length: number) => number>(
  'int getsockname(int fd, uintptr_t address, uintptr_t length)',
);
const AF_PACKET = 17;
const AF_INET6 = 10;
const ETH_P_ARP = 0x0806;
const ARPHRD_ETHER = 1;
const SOL_IPV6 = 41;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_UNICAST_HOPS = 16;
const IPV6_RECVHOPLIMIT = 51;
const IPPROTO_ICMPV6 = 58;
const ICMPV6_FILTER = 1;
const NEIGHBOUR_ADVERTISEMENT = 136;

/** @throws BackstayError as `openProbeSocket` */
export function openNeighbourProber(way: ProbeWay, timeoutMillis: number): Prober {
  const own = way.families.find(({ gateway }) => gateway !== undefined);
  if (own?.gateway === undefined) return absentProber;
  const packetFd = openPacketSocket(way);
  const hardware = hardwareAddress(packetFd);
  if (hardware === undefined) {
    closeFd(packetFd);
    return absentProber;
  }
  const link: NeighbourLink = { way, hardware, own: own.address, wanted: own.gateway };
  if (own.family === 4) return new NeighbourProber(packetFd, arpOf(link), timeoutMillis);
  closeFd(packetFd);
  return new NeighbourProber(openDiscoverySocket(link), discoveryOf(link), timeoutMillis);
}

type NeighbourLink = {
  readonly way: ProbeWay;
  readonly hardware: Uint8Array;
  readonly own: IpAddress;
  readonly wanted: IpAddress;
};

type Question = {
  readonly bytes: Uint8Array;
  readonly to: Uint8Array;
  isAnswer(packet: Uint8Array, hopLimit: number | undefined): boolean;
};

class NeighbourProber implements Prober {
  readonly #fd: number;
  readonly #question: Question;
  readonly #pending: PendingQuestions<undefined>;

  constructor(fd: number, question: Question, timeoutMillis: number) {
    this.#fd = fd;
    this.#question = question;
    this.#pending = new PendingQuestions(timeoutMillis);
  }

  ask(question: number): 'asked' {
    // Everybody's questions on this segment come here, and nobody has looked since the last round.
    if (this.#pending.newest === undefined) discardAll(this.#fd);
    this.#pending.add(question, undefined);
    const failure = sendBytes(this.#fd, this.#question.bytes, this.#question.to);
    if (failure !== undefined) this.#pending.fail(question, failure);
    return 'asked';
  }

  /** Answers have no numbers: each is taken for that to the last question. */
  collect(): ProbeAnswer[] {
    const answers = receiveAll(this.#fd).received.flatMap(({ bytes, wallMillis, hopLimit }) => {
      const newest = this.#pending.newest;
      if (newest === undefined || !this.#question.isAnswer(bytes, hopLimit)) return [];
      return this.#pending.answer(newest, wallMillis);
    });
    return [...answers, ...this.#pending.takeFailures()];
  }

  close(): void {
    closeFd(this.#fd);
  }
}

function openPacketSocket(way: ProbeWay): number {
  const fd = openSocket(AF_PACKET, socketType.datagram | SOCK_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw probeError(way, 'socket');
  try {
    check(bindRaw(fd, linkLayerAddress(way, new Uint8Array(0))), way, 'bind');
    prepareReceiving(fd);
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return fd;
}

/** `struct sockaddr_ll`: family 0, protocol 2 (network order), interface 4, hardware type 8, packet type 10, length 11, address 12. */
function linkLayerAddress({ interfaceIndex }: ProbeWay, hardware: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20);
  const data = new DataView(bytes.buffer);
  data.setUint16(0, AF_PACKET, true);
  data.setUint16(2, ETH_P_ARP);
  data.setInt32(4, interfaceIndex, true);
  bytes[11] = hardware.length;
  bytes.set(hardware, 12);
  return bytes;
}

/** Ours, where the interface is like an Ethernet. */
function hardwareAddress(fd: number): Uint8Array | undefined {
  const scratch = socketScratch();
  scratch.data.setUint32(64, 20, true);
  if (getSocketName(fd, scratch.address, scratch.address + 64) < 0) return undefined;
  const isEthernet = scratch.data.getUint16(8, true) === ARPHRD_ETHER && scratch.bytes[11] === hardwareBytes;
  return isEthernet ? scratch.bytes.slice(12, 12 + hardwareBytes) : undefined;
}

function arpOf({ way, hardware, own, wanted }: NeighbourLink): Question {
  return {
    bytes: encodeArpRequest(hardware, own.bytes, wanted.bytes),
    to: linkLayerAddress(way, new Uint8Array(hardwareBytes).fill(0xff)),
    isAnswer: (packet) => isArpReply(packet, hardware, own.bytes, wanted.bytes),
  };
}

function openDiscoverySocket({ way, own }: NeighbourLink): number {
  const fd = openProbeSocket(way, own, socketType.raw, IPPROTO_ICMPV6);
  setBytesOption(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, passOnly(NEIGHBOUR_ADVERTISEMENT));
  for (const [name, value] of [
    [IPV6_MULTICAST_HOPS, 255],
    [IPV6_UNICAST_HOPS, 255],
    [IPV6_RECVHOPLIMIT, 1],
  ] as const)
    setIntegerOption(fd, SOL_IPV6, name, value);
  return fd;
}

function discoveryOf({ way, hardware, wanted }: NeighbourLink): Question {
  // `struct sockaddr_in6`: family 0, port 2, flow 4, address 8, scope 24.
  const to = new Uint8Array(28);
  const data = new DataView(to.buffer);
  data.setUint16(0, AF_INET6, true);
  to.set(solicitedNodeAddress(wanted.bytes), 8);
  data.setUint32(24, way.interfaceIndex, true);
  return {
    bytes: encodeSolicitation(hardware, wanted.bytes),
    to,
    isAnswer: (packet, hopLimit) => isAdvertisementOf(packet, wanted.bytes, hopLimit),
  };
}
