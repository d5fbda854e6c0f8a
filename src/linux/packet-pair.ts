/** Pairs of connected descriptors: such that keep packet borders, as a TUN device does, and streams (socketpair(2)). */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName } from './ffi.ts';

const socketpair = bind<(family: number, type: number, protocolNumber: number, pair: number) => number>(
  'int socketpair(int family, int type, int protocolNumber, uintptr_t pair)',
);
const setOption = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t length)',
);
const AF_UNIX = 1;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/** @param innerBytes how much may be written at the inner end before it is read; the system's default without */
export function openPacketPair(innerBytes = 0): { inner: number; outer: number } {
  const [inner, outer] = openPair(SOCK_SEQPACKET);
  if (innerBytes === 0) return { inner, outer };
  const scratch = new Arena(4096);
  scratch.data.setInt32(0, innerBytes, true);
  if (setOption(inner, SOL_SOCKET, SO_SNDBUFFORCE, scratch.address, 4) < 0) {
    throw new BackstayError('BS_PRIVILEGE_MISSING', `SO_SNDBUFFORCE failed (${errnoName(errno())}).`);
  }
  return { inner, outer };
}

/** Bytes in order, without borders, as a TCP connection has them. */
export function openStreamPair(): [number, number] {
  return openPair(SOCK_STREAM);
}

function openPair(type: number): [number, number] {
  const scratch = new Arena(4096);
  if (socketpair(AF_UNIX, type | NONBLOCK_CLOEXEC, 0, scratch.address) < 0) {
    throw new BackstayError('BS_INTERNAL', `socketpair failed (${errnoName(errno())}).`);
  }
  return [scratch.data.getInt32(0, true), scratch.data.getInt32(4, true)];
}
