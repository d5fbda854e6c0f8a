/**
 * The sockets by which a link is probed: bound to the link's interface, address and mark, so that a probe leaves by its
 * own link whatever the routing table says; and sending and receiving by them without ever waiting.
 *
 * Contract: `openProbeSocket` throws when the link can't be used so; everything after it returns what the network did. The
 * time of an arrival is the kernel's, so that delays do not depend on when this process looks.
 * Source: S1.8 (the primary is probed through the primary itself); raw(7), packet(7), recvmsg(2), socket(7) (SO_TIMESTAMPNS).
 */
import { BackstayError } from '../errors.ts';
import type { IpAddress, IpFamily } from '../network/ip-address.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName, errnoValue } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import {
  AF_INET,
  AF_INET6,
  bindAddressTo,
  bindToDevice,
  openSocket,
  SOCK_NONBLOCK_CLOEXEC,
  SOL_SOCKET,
  setIntegerOption,
  setMark,
} from './socket-calls.ts';

const sendTo = bind<
  (fd: number, bytes: number, length: number, flags: number, to: number, toLength: number) => number
>('int64_t sendto(int fd, uintptr_t bytes, size_t length, int flags, uintptr_t to, uint32_t toLength)');
const receiveMessage = bind<(fd: number, message: number, flags: number) => number>(
  'int64_t recvmsg(int fd, uintptr_t message, int flags)',
);

export const socketType = { stream: 1, datagram: 2, raw: 3 } as const;
const SO_RCVBUF = 8;
const SO_TIMESTAMPNS = 35;
const SOL_IPV6 = 41;
const IPV6_HOPLIMIT = 52;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** Some dozens of answers; a flood of them must not fill the memory. */
const RECEIVE_BUFFER_BYTES = 64 * 1024;

/** More small packets than the receive buffer holds. */
const MOST_DISCARDED = 512;

/** By which link a probe leaves. */
export type ProbeWay = {
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly mark: number;
  readonly families: readonly {
    readonly family: IpFamily;
    readonly address: IpAddress;
    /** The next hop. */
    readonly gateway: IpAddress | undefined;
  }[];
};

/** @throws BackstayError BS_LINK_UNUSABLE, BS_PRIVILEGE_MISSING, BS_ADDRESS_UNAVAILABLE */
export function openProbeSocket(
  way: ProbeWay,
  address: IpAddress,
  type: number,
  protocolNumber: number,
): number {
  const fd = openSocket(
    address.family === 6 ? AF_INET6 : AF_INET,
    type | SOCK_NONBLOCK_CLOEXEC,
    protocolNumber,
  );
  if (fd < 0) throw probeError(way, 'socket');
  try {
    check(bindToDevice(fd, way.interface), way, 'SO_BINDTODEVICE');
    check(setMark(fd, way.mark), way, 'SO_MARK');
    check(bindAddressTo(fd, address.bytes, 0), way, 'bind');
    prepareReceiving(fd);
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return fd;
}

export function prepareReceiving(fd: number): void {
  setIntegerOption(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
  setIntegerOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
}

export function check(result: number, way: ProbeWay, step: string): void {
  if (result < 0) throw probeError(way, step);
}

export function probeError(way: ProbeWay, step: string): BackstayError {
  const error = errno();
  const message = `A probe's ${step} failed (${errnoName(error)}).`;
  const detail = { place: way.interface };
  if (error === errnoValue.EPERM) return new BackstayError('BS_PRIVILEGE_MISSING', message, detail);
  if (error === errnoValue.EADDRNOTAVAIL) return new BackstayError('BS_ADDRESS_UNAVAILABLE', message, detail);
  return new BackstayError('BS_LINK_UNUSABLE', message, detail);
}

const arena = new Arena(8192);
const ROOM = 2048;
const room = arena.reserve(ROOM);
const nameRoom = arena.reserve(128);
const control = arena.reserve(256);
const vector = arena.reserve(16);
/** `struct msghdr`: name 0, name length 8, iovec 16, iovec count 24, control 32, control length 40, flags 48. */
const message = arena.reserve(56);
arena.setPointer(message, arena.address + nameRoom);
arena.setPointer(message + 16, arena.address + vector);
arena.setSize(message + 24, 1);
arena.setPointer(message + 32, arena.address + control);
arena.setPointer(vector, arena.address + room);
arena.setSize(vector + 8, ROOM);

/** @param to a `struct sockaddr`; nobody for a connected socket. @returns undefined when the kernel took it, else the error's name */
export function sendBytes(fd: number, bytes: Uint8Array, to?: Uint8Array): string | undefined {
  arena.bytes.set(bytes, room);
  if (to !== undefined) arena.bytes.set(to, nameRoom);
  const toAddress = to === undefined ? 0 : arena.address + nameRoom;
  const sent = sendTo(
    fd,
    arena.address + room,
    bytes.length,
    MSG_DONTWAIT | MSG_NOSIGNAL,
    toAddress,
    to?.length ?? 0,
  );
  return sent < 0 ? errnoName(errno()) : undefined;
}

export type Received = {
  readonly bytes: Uint8Array;
  /** A `struct sockaddr`. */
  readonly from: Uint8Array;
  /** Of `wallMillis`; undefined when the kernel did not stamp it. */
  readonly wallMillis: number | undefined;
  /** Of IPv6, where IPV6_RECVHOPLIMIT was asked for. */
  readonly hopLimit: number | undefined;
};

/** What is there, at most so much that a flood costs no more than a moment; `errors` are what the network refused. */
export function receiveAll(fd: number): { received: Received[]; errors: string[] } {
  const received: Received[] = [];
  const errors: string[] = [];
  for (let count = 0; count < 32; count++) {
    arena.setSize(message + 8, 128);
    arena.setSize(message + 40, 256);
    const length = receiveMessage(fd, arena.address + message, MSG_DONTWAIT);
    if (length < 0) {
      const error = errno();
      if (error === errnoValue.EAGAIN) break;
      errors.push(errnoName(error));
      continue;
    }
    received.push(whatCame(length));
  }
  return { received, errors };
}

/** Throws away what came while nobody asked, lest there be no room for the answer. */
export function discardAll(fd: number): void {
  for (let count = 0; count < MOST_DISCARDED; count++) {
    arena.setSize(message + 8, 128);
    arena.setSize(message + 40, 256);
    if (receiveMessage(fd, arena.address + message, MSG_DONTWAIT) < 0) return;
  }
}

function whatCame(length: number): Received {
  const from = arena.bytes.slice(nameRoom, nameRoom + arena.data.getUint32(message + 8, true));
  return { bytes: arena.bytes.slice(room, room + length), from, ...readControl() };
}

/** `struct cmsghdr`: length 0, level 8, type 12, data 16; the next begins at a multiple of 8. */
function readControl(): Pick<Received, 'wallMillis' | 'hopLimit'> {
  const { data } = arena;
  let stamp: number | undefined;
  let hopLimit: number | undefined;
  const end = control + Math.min(256, data.getUint32(message + 40, true));
  for (let at = control; at + 16 <= end; ) {
    const length = data.getUint32(at, true);
    if (length < 16) break;
    const [level, type] = [data.getInt32(at + 8, true), data.getInt32(at + 12, true)];
    if (level === SOL_SOCKET && type === SO_TIMESTAMPNS)
      stamp = data.getUint32(at + 16, true) * 1000 + data.getUint32(at + 24, true) / 1e6;
    if (level === SOL_IPV6 && type === IPV6_HOPLIMIT) hopLimit = data.getInt32(at + 16, true);
    at += Math.ceil(length / 8) * 8;
  }
  return { wallMillis: stamp, hopLimit };
}
