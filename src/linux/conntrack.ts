/**
 * Connections that the kernel tracks, by their mark: how many there are, and cutting them off.
 *
 * Contract: only connections of one family whose whole mark is the given one are looked at; the kernel does the choosing, so that
 * a table of a million entries is not read. A connection that is cut off is tracked anew by its next packet, which
 * then takes the ways and the address that stand by then.
 * One message is sent and its answer read at once; netlink answers before `send` returns.
 * Source: linux/netfilter/nfnetlink_conntrack.h; net/netfilter/nf_conntrack_netlink.c (`ctnetlink_flush_conntrack`,
 * which takes a mark and, of a message of version 1, the family as filters); netlink(7).
 */
import { BackstayError } from '../errors.ts';
import type { IpFamily } from '../network/ip-address.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName, errnoValue } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import { AF_INET, AF_INET6, openSocket, SOCK_NONBLOCK_CLOEXEC } from './socket-calls.ts';

const send = bind<(fd: number, address: number, length: number, flags: number) => number>(
  'int64_t send(int fd, uintptr_t address, size_t length, int flags)',
);
const receive = bind<(fd: number, address: number, length: number, flags: number) => number>(
  'int64_t recv(int fd, uintptr_t address, size_t length, int flags)',
);

const AF_NETLINK = 16;
const NETLINK_NETFILTER = 12;
const SOCK_RAW = 3;
/** NFNL_SUBSYS_CTNETLINK in the upper byte, IPCTNL_MSG_CT_GET and _DELETE in the lower. */
const CT_GET = 0x0101;
const CT_DELETE = 0x0102;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const CTA_MARK = 8;
const CTA_MARK_MASK = 21;
/** Headers of netlink (16) and nfnetlink (4), and two attributes of four bytes. */
const REQUEST_BYTES = 36;
const BUFFER_BYTES = 65_536;

/** @throws BackstayError BS_CONNTRACK_REFUSED */
export function cutConnections(mark: number, family: IpFamily): void {
  exchange(CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, mark, family);
}

/** @throws BackstayError BS_CONNTRACK_REFUSED */
export function countConnections(mark: number, family: IpFamily): number {
  return exchange(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, mark, family);
}

/** @returns how many objects came in answer */
function exchange(type: number, flags: number, mark: number, family: IpFamily): number {
  const fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) throw refused(errno());
  try {
    const { address } = writeRequest(type, flags, mark, family);
    if (send(fd, address, REQUEST_BYTES, 0) < 0) throw refused(errno());
    return readAnswer(fd, type);
  } finally {
    closeFd(fd);
  }
}

function writeRequest(type: number, flags: number, mark: number, family: IpFamily): Arena {
  const arena = scratch();
  const { bytes, data } = arena;
  bytes.fill(0, 0, REQUEST_BYTES);
  data.setUint32(0, REQUEST_BYTES, true);
  data.setUint16(4, type, true);
  data.setUint16(6, flags, true);
  data.setUint8(16, family === 4 ? AF_INET : AF_INET6);
  // Version 1: the family counts also where a table is emptied.
  data.setUint8(17, 1);
  for (const [offset, attribute, value] of [
    [20, CTA_MARK, mark],
    [28, CTA_MARK_MASK, 0xffffffff],
  ] as const) {
    data.setUint16(offset, 8, true);
    data.setUint16(offset + 2, attribute, true);
    data.setUint32(offset + 4, value, false);
  }
  return arena;
}

/** A dump ends with DONE, anything else with an acknowledgement: an error of 0. */
function readAnswer(fd: number, type: number): number {
  const { address, data } = scratch();
  for (let objects = 0; ; ) {
    const length = receive(fd, address, BUFFER_BYTES, 0);
    if (length < 0 && errno() === errnoValue.EINTR) continue;
    if (length < 0) throw refused(errno());
    for (let offset = 0; offset + 16 <= length; ) {
      const kind = data.getUint16(offset + 4, true);
      if (kind === NLMSG_DONE) return objects;
      if (kind === NLMSG_ERROR) return acknowledged(-data.getInt32(offset + 16, true), type, objects);
      objects += 1;
      offset += (Math.max(16, data.getUint32(offset, true)) + 3) & ~3;
    }
  }
}

function acknowledged(error: number, type: number, objects: number): number {
  // Nothing fits: nothing is left to be cut off.
  if (error === 0 || (type === CT_DELETE && error === errnoValue.ENOENT)) return objects;
  throw refused(error);
}

let scratchArena: Arena | undefined;

function scratch(): Arena {
  scratchArena ??= new Arena(BUFFER_BYTES);
  return scratchArena;
}

function refused(error: number): BackstayError {
  return new BackstayError('BS_CONNTRACK_REFUSED', `The kernel refused it (${errnoName(error)}).`);
}
