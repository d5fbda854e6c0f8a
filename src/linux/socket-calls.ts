/**
 * The calls that every socket of a link begins with.
 *
 * Contract: as their man pages say: a negative result and `errno()`, which must be read at once. What they are given lies
 * in the scratch memory, which the next call here overwrites. Source: socket(2), bind(2), setsockopt(2), socket(7).
 */
import { Arena } from './arena.ts';
import { bind } from './ffi.ts';
import { writeSocketAddress } from './socket-address.ts';

export const openSocket = bind<(family: number, type: number, protocolNumber: number) => number>(
  'int socket(int family, int type, int protocolNumber)',
);
const bindCall = bind<(fd: number, address: number, length: number) => number>(
  'int bind(int fd, uintptr_t address, uint32_t length)',
);
const connectCall = bind<(fd: number, address: number, length: number) => number>(
  'int connect(int fd, uintptr_t address, uint32_t length)',
);
const setOptionCall = bind<
  (fd: number, level: number, name: number, value: number, length: number) => number
>('int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t length)');

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
export const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SO_MARK = 36;
/** Of the scratch memory: socket addresses and names first, then the value of an option. */
const OPTION_OFFSET = 128;

export function setIntegerOption(fd: number, level: number, name: number, value: number): number {
  const scratch = socketScratch();
  scratch.data.setInt32(OPTION_OFFSET, value, true);
  return setOptionCall(fd, level, name, scratch.address + OPTION_OFFSET, 4);
}

export function setBytesOption(fd: number, level: number, name: number, value: Uint8Array): number {
  const scratch = socketScratch();
  scratch.bytes.set(value, OPTION_OFFSET);
  return setOptionCall(fd, level, name, scratch.address + OPTION_OFFSET, value.length);
}

/** What leaves by the socket leaves by this interface, whatever the routing table says. */
export function bindToDevice(fd: number, interfaceName: string): number {
  return setBytesOption(fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${interfaceName}\0`, 'latin1'));
}

export function setMark(fd: number, mark: number): number {
  return setIntegerOption(fd, SOL_SOCKET, SO_MARK, mark);
}

/** @param address 4 or 16 bytes */
export function bindAddressTo(fd: number, address: Uint8Array, port: number): number {
  const scratch = socketScratch();
  return bindCall(fd, scratch.address, writeSocketAddress(scratch, 0, address, port));
}

export function connectTo(fd: number, address: Uint8Array, port: number): number {
  const scratch = socketScratch();
  return connectCall(fd, scratch.address, writeSocketAddress(scratch, 0, address, port));
}

/** Any `struct sockaddr`. */
export function connectRaw(fd: number, socketAddress: Uint8Array): number {
  const scratch = socketScratch();
  scratch.bytes.set(socketAddress);
  return connectCall(fd, scratch.address, socketAddress.length);
}

/** Any `struct sockaddr`. */
export function bindRaw(fd: number, socketAddress: Uint8Array): number {
  const scratch = socketScratch();
  scratch.bytes.set(socketAddress);
  return bindCall(fd, scratch.address, socketAddress.length);
}

let scratchArena: Arena | undefined;

export function socketScratch(): Arena {
  scratchArena ??= new Arena(4096);
  return scratchArena;
}
