/** A pair of connected descriptors that keep packet borders, as a TUN device does (socketpair(2), SOCK_SEQPACKET). */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName } from './ffi.ts';

const socketpair = bind<(family: number, type: number, protocolNumber: number, pair: number) => number>(
  'int socketpair(int family, int type, int protocolNumber, uintptr_t pair)',
);
const AF_UNIX = 1;
const SOCK_SEQPACKET_NONBLOCK_CLOEXEC = 5 | 0o4000 | 0o2000000;

export function openPacketPair(): { inner: number; outer: number } {
  const scratch = new Arena(4096);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET_NONBLOCK_CLOEXEC, 0, scratch.address) < 0) {
    throw new BackstayError('BS_INTERNAL', `socketpair failed (${errnoName(errno())}).`);
  }
  return { inner: scratch.data.getInt32(0, true), outer: scratch.data.getInt32(4, true) };
}
