/**
 * Tells that something changed in the machine's network: interfaces, addresses, routes, routing rules.
 *
 * Contract: the descriptor becomes readable when something changed; `drainRouteMonitor` empties it and answers whether it was
 * so. What changed is not read: whoever is told reads the state as it is now (`readNetwork`), which is also right after
 * the kernel dropped messages (ENOBUFS). Our own changes are reported as well.
 * Source: rtnetlink(7), netlink(7).
 */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName, errnoValue } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';

const socket = bind<(family: number, type: number, protocolNumber: number) => number>(
  'int socket(int family, int type, int protocolNumber)',
);
const bindSocket = bind<(fd: number, address: number, length: number) => number>(
  'int bind(int fd, uintptr_t address, unsigned int length)',
);
const receive = bind<(fd: number, address: number, length: number, flags: number) => number>(
  'int64_t recv(int fd, uintptr_t address, size_t length, int flags)',
);

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;

/** RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, and RTNLGRP_IPV6_RULE (19). */
const GROUPS = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | (1 << 18);

/** One message of the kernel is below a page; what does not fit is cut off, and nobody reads it. */
const BUFFER_BYTES = 4096;

/** @returns a non-blocking descriptor for epoll; close it with `closeRouteMonitor` */
export function openRouteMonitor(): number {
  const fd = socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw failed('socket');
  const { address, bytes, data } = monitorScratch();
  // struct sockaddr_nl: family, padding, port id (0: the kernel chooses), groups
  bytes.fill(0, 0, 12);
  data.setUint16(0, AF_NETLINK, true);
  data.setUint32(8, GROUPS, true);
  if (bindSocket(fd, address, 12) === 0) return fd;
  const error = failed('bind');
  closeFd(fd);
  throw error;
}

/** @returns whether something changed since the last call */
export function drainRouteMonitor(fd: number): boolean {
  const { address } = monitorScratch();
  for (let changed = false; ; changed = true) {
    if (receive(fd, address, BUFFER_BYTES, 0) >= 0) continue;
    const error = errno();
    if (error === errnoValue.EAGAIN) return changed;
    if (error !== errnoValue.ENOBUFS && error !== errnoValue.EINTR) throw failed('recv');
  }
}

export function closeRouteMonitor(fd: number): void {
  closeFd(fd);
}

let scratchArena: Arena | undefined;

function monitorScratch(): Arena {
  scratchArena ??= new Arena(BUFFER_BYTES);
  return scratchArena;
}

function failed(step: string): BackstayError {
  return new BackstayError('BS_INTERNAL', `${step} of the route monitor failed (${errnoName(errno())}).`);
}
