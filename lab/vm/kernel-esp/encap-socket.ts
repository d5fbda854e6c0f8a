/**
 * The socket through which a kernel takes ESP out of UDP.
 *
 * Linux decapsulates ESP only on UDP sockets that ask for it (UDP_ENCAP, udp(7)), and a socket belongs to the network
 * namespace of the thread that made it. So this thread steps into the namespace for the moment of making it.
 */
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { VmError } from '../vm-error.ts';

const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int fd, int nstype)');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, void *address, uint32_t length)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)');

const CLONE_NEWNET = 0x4000_0000;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const IPPROTO_UDP = 17;
const UDP_ENCAP = 100;
const UDP_ENCAP_ESPINUDP = 2;

/** @returns the file descriptor, bound to every address of the family and the port */
export function openEncapSocket(namespace: string, family: 4 | 6, port: number): number {
  return inNamespace(namespace, () => {
    const fd = checked('socket', socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM_CLOEXEC, 0));
    const address = anyAddress(family, port);
    checked('bind', bind(fd, address, address.length));
    const value = Buffer.alloc(4);
    value.writeInt32LE(UDP_ENCAP_ESPINUDP);
    checked('UDP_ENCAP', setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, value, value.length));
    return fd;
  });
}

function inNamespace<Result>(namespace: string, work: () => Result): Result {
  const here = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(`/run/netns/${namespace}`, 'r');
  try {
    checked('setns', setns(there, CLONE_NEWNET));
    return work();
  } finally {
    checked('setns', setns(here, CLONE_NEWNET));
    closeSync(there);
    closeSync(here);
  }
}

/** struct sockaddr_in or sockaddr_in6 with the wildcard address. */
function anyAddress(family: 4 | 6, port: number): Buffer {
  const bytes = Buffer.alloc(family === 4 ? 16 : 28);
  bytes.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  return bytes;
}

function checked(call: string, result: number): number {
  if (result < 0) throw new VmError(`${call} failed with errno ${koffi.errno()}`);
  return result;
}
