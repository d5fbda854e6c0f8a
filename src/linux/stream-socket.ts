/**
 * The descriptor of a TCP connection that the packet worker reads and writes by itself.
 *
 * Contract: `takeOver` makes a descriptor of our own from a socket of Node.js, whose event loop has nothing to do with the
 * connection afterwards; whoever took it closes it. Nothing here waits.
 * Source: tcp(7), dup(2), sendmsg(2).
 */
import type { Socket } from 'node:net';
import { Arena } from './arena.ts';
import { bind } from './ffi.ts';

const fcntl = bind<(fd: number, command: number, argument: number) => number>(
  'int fcntl(int fd, int command, int argument)',
);
const setOption = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t length)',
);
const recv = bind<(fd: number, address: number, length: number, flags: number) => number>(
  'int64_t recv(int fd, uintptr_t address, size_t length, int flags)',
);
const send = bind<(fd: number, address: number, length: number, flags: number) => number>(
  'int64_t send(int fd, uintptr_t address, size_t length, int flags)',
);
const sendmsg = bind<(fd: number, message: number, flags: number) => number>(
  'int64_t sendmsg(int fd, uintptr_t message, int flags)',
);

const F_DUPFD_CLOEXEC = 1030;
const SOL_TCP = 6;
const TCP_NODELAY = 1;
const TCP_NOTSENT_LOWAT = 25;
const MSG_DONTWAIT = 0x40;
const MSG_DONTWAIT_NOSIGNAL = MSG_DONTWAIT | 0x4000;

/**
 * So much may lie in the kernel unsent: two bursts, which the worker replaces in time at more than a gigabit per second.
 * What queues there is delay that no report sees coming.
 */
const UNSENT_BYTES = 128 * 1024;

/** @returns the descriptor; -1 when the connection has ended meanwhile, or no descriptor is left */
export function takeOver(socket: Socket): number {
  const { fd = -1 } = (socket as Socket & { readonly _handle: { readonly fd: number } | null })._handle ?? {};
  const own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
  // It closes its descriptor and sends nothing: the connection lives on in ours.
  socket.destroy();
  if (own < 0) return -1;
  setInteger(own, TCP_NODELAY, 1);
  setInteger(own, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
  return own;
}

/** @returns bytes received, 0 at the end of the connection, or -1 with errno set */
export function receiveStream(fd: number, address: number, length: number): number {
  return recv(fd, address, length, MSG_DONTWAIT);
}

/** @returns bytes sent, or -1 with errno set */
export function sendStream(fd: number, address: number, length: number): number {
  return send(fd, address, length, MSG_DONTWAIT_NOSIGNAL);
}

/** @param message a `struct msghdr`. @returns bytes sent, or -1 with errno set */
export function sendStreamVectors(fd: number, message: number): number {
  return sendmsg(fd, message, MSG_DONTWAIT_NOSIGNAL);
}

function setInteger(fd: number, name: number, value: number): void {
  scratch ??= new Arena(4096);
  scratch.data.setInt32(0, value, true);
  setOption(fd, SOL_TCP, name, scratch.address, 4);
}

let scratch: Arena | undefined;
