/**
 * The UDP socket of a link: datagrams leave by the link's interface with its address, whatever the routing table says.
 *
 * Contract: bound to one address and one interface, marked for the link's own routing table (`network/link-routing`),
 * DF set and path MTU news ignored (we probe), merged receiving switched on. Non-blocking.
 * Source: seed 004, network-directed routing (S4.6); udp(7), ip(7), ipv6(7), socket(7).
 */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName, errnoValue } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import { readSocketAddress, SOCKET_ADDRESS_LENGTH, writeSocketAddress } from './socket-address.ts';

const socket = bind<(family: number, type: number, protocolNumber: number) => number>(
  'int socket(int family, int type, int protocolNumber)',
);
const bindSocket = bind<(fd: number, address: number, length: number) => number>(
  'int bind(int fd, uintptr_t address, uint32_t length)',
);
const setOption = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t length)',
);

const getSocketName = bind<(fd: number, address: number, length: number) => number>(
  'int getsockname(int fd, uintptr_t address, uintptr_t length)',
);

const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
export const SOL_SOCKET = 1;
const SOL_IP = 0;
const SOL_UDP = 17;
const SOL_IPV6 = 41;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const UDP_GRO = 104;
/** DF always set, the kernel's own idea of the path MTU ignored. */
const PMTUDISC_PROBE = 3;

/** Holds 60 ms of 1 Gbit/s; bursts of 64 KiB from several links arrive while the worker is busy elsewhere. */
const BUFFER_BYTES = 8 * 1024 * 1024;

export type UdpSocketOptions = {
  readonly interfaceName: string;
  /** 4 or 16 bytes */
  readonly address: Uint8Array;
  readonly port: number;
  readonly mark: number;
};

/** @returns the descriptor. @throws BackstayError BS_ADDRESS_IN_USE, BS_ADDRESS_UNAVAILABLE, BS_LINK_UNUSABLE, BS_PRIVILEGE_MISSING, BS_KERNEL_TOO_OLD */
export function openUdpSocket(options: UdpSocketOptions): number {
  const ipv6 = options.address.length === 16;
  const fd = socket(ipv6 ? 10 : 2, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw udpError(options, 'socket');
  try {
    configure(fd, options, ipv6);
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return fd;
}

/** The port that the kernel chose where 0 was asked for. */
export function localPort(fd: number): number {
  const scratch = socketScratch();
  scratch.data.setUint32(64, SOCKET_ADDRESS_LENGTH, true);
  getSocketName(fd, scratch.address, scratch.address + 64);
  return readSocketAddress(scratch, 0).port;
}

function configure(fd: number, options: UdpSocketOptions, ipv6: boolean): void {
  const scratch = socketScratch();
  const name = Buffer.from(`${options.interfaceName}\0`, 'latin1');
  scratch.bytes.set(name);
  require(setOption(
    fd,
    SOL_SOCKET,
    SO_BINDTODEVICE,
    scratch.address,
    name.length,
  ), options, 'SO_BINDTODEVICE');
  require(setInteger(fd, SOL_SOCKET, SO_MARK, options.mark), options, 'SO_MARK');
  if (ipv6) setInteger(fd, SOL_IPV6, IPV6_V6ONLY, 1);
  const discover = ipv6
    ? setInteger(fd, SOL_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
    : setInteger(fd, SOL_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE);
  require(discover, options, 'MTU_DISCOVER');
  require(setInteger(fd, SOL_UDP, UDP_GRO, 1), options, 'UDP_GRO');
  growBuffers(fd);
  const length = writeSocketAddress(scratch, 0, options.address, options.port);
  require(bindSocket(fd, scratch.address, length), options, 'bind');
}

/** Beyond the system's limit where we may, else up to it; a small buffer is slower, not wrong (`doctor` tells). */
function growBuffers(fd: number): void {
  if (setInteger(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES) < 0)
    setInteger(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
  if (setInteger(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES) < 0)
    setInteger(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
}

function setInteger(fd: number, level: number, name: number, value: number): number {
  const scratch = socketScratch();
  scratch.data.setInt32(64, value, true);
  return setOption(fd, level, name, scratch.address + 64, 4);
}

function require(result: number, options: UdpSocketOptions, step: string): void {
  if (result < 0) throw udpError(options, step);
}

function udpError(options: UdpSocketOptions, step: string): BackstayError {
  const error = errno();
  const detail = `${step} failed (${errnoName(error)}).`;
  const place = `${options.interfaceName} port ${options.port}`;
  if (error === errnoValue.EADDRINUSE) {
    const message = `Another program has this address and UDP port (${errnoName(error)}).`;
    return new BackstayError('BS_ADDRESS_IN_USE', message, { place });
  }
  if (error === errnoValue.EADDRNOTAVAIL)
    return new BackstayError('BS_ADDRESS_UNAVAILABLE', detail, { place });
  if (error === errnoValue.EPERM) return new BackstayError('BS_PRIVILEGE_MISSING', detail, { place });
  if (error === errnoValue.ENOPROTOOPT) {
    return new BackstayError('BS_KERNEL_TOO_OLD', `Its UDP sockets lack ${step}.`, { place });
  }
  return new BackstayError('BS_LINK_UNUSABLE', detail, { place });
}

let scratchArena: Arena | undefined;

function socketScratch(): Arena {
  scratchArena ??= new Arena(4096);
  return scratchArena;
}
