/** A pair of connected descriptors that keep packet borders, as a TUN device does (socketpair(2), SOCK_SEQPACKET). */
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
const SOCK_SEQPACKET_NONBLOCK_CLOEXEC = 5 | 0o4000 | 0o2000000;

/** @param innerBytes how much may be written at the inner end before it is read; the system's default without */
export function openPacketPair(innerBytes = 0): { inner: number; outer: number } {
  const scratch = new Arena(4096);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET_NONBLOCK_CLOEXEC, 0, scratch.address) < 0) {
    throw new BackstayError('BS_INTERNAL', `socketpair failed (${errnoName(errno())}).`);
  }
  const inner = scratch.data.getInt32(0, true);
  scratch.data.setInt32(8, innerBytes, true);
  if (innerBytes > 0 && setOption(inner, SOL_SOCKET, SO_SNDBUFFORCE, scratch.address + 8, 4) < 0) {
    throw new BackstayError('BS_PRIVILEGE_MISSING', `SO_SNDBUFFORCE failed (${errnoName(errno())}).`);
  }
  return { inner, outer: scratch.data.getInt32(4, true) };
}
