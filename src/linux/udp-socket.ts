/**
 * The UDP socket of a link: datagrams leave by the link's interface with its address, whatever the routing table says.
 *
 * Contract: bound to one address and one interface, marked for the link's own routing table (`network/link-routing`),
 * DF set and path MTU news ignored (we probe), merged receiving switched on. Non-blocking.
 * Source: seed 004, network-directed routing (S4.6); udp(7), ip(7), ipv6(7), socket(7).
 */
import { BackstayError } from '../errors.ts';
import { bind, errno, errnoName, errnoValue } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import { readSocketAddress, SOCKET_ADDRESS_LENGTH } from './socket-address.ts';
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
  socketScratch,
} from './socket-calls.ts';

const getSocketName = bind<(fd: number, address: number, length: number) => number>(
  'int getsockname(int fd, uintptr_t address, uintptr_t length)',
);

const SOCK_DGRAM = 2;
const SOL_IP = 0;
const SOL_UDP = 17;
const SOL_IPV6 = 41;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
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
  const fd = openSocket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0);
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
  require(bindToDevice(fd, options.interfaceName), options, 'SO_BINDTODEVICE');
  require(setMark(fd, options.mark), options, 'SO_MARK');
  if (ipv6) setIntegerOption(fd, SOL_IPV6, IPV6_V6ONLY, 1);
  const discover = ipv6
    ? setIntegerOption(fd, SOL_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
    : setIntegerOption(fd, SOL_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE);
  require(discover, options, 'MTU_DISCOVER');
  require(setIntegerOption(fd, SOL_UDP, UDP_GRO, 1), options, 'UDP_GRO');
  growBuffers(fd);
  require(bindAddressTo(fd, options.address, options.port), options, 'bind');
}

/** Beyond the system's limit where we may, else up to it; a small buffer is slower, not wrong (`doctor` tells). */
function growBuffers(fd: number): void {
  if (setIntegerOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES) < 0)
    setIntegerOption(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
  if (setIntegerOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES) < 0)
    setIntegerOption(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
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
