/** What sockets can do here, tried on sockets that are closed at once and never send anything. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { IpAddress } from '../../network/ip-address.ts';
import { Arena } from '../arena.ts';
import { bind } from '../ffi.ts';
import { closeFd } from '../file-descriptor.ts';

export type SocketAbilities = {
  readonly segmentation: boolean;
  readonly merging: boolean;
  readonly forced: boolean;
};

export function probeSocketOptions(): SocketAbilities {
  const fd = socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  const value = new Arena(8);
  const accepts = (level: number, name: number, number: number) => {
    value.data.setInt32(0, number, true);
    return setOption(fd, level, name, value.address, 4) === 0;
  };
  try {
    return {
      segmentation: accepts(SOL_UDP, UDP_SEGMENT, 1400),
      merging: accepts(SOL_UDP, UDP_GRO, 1),
      forced: accepts(SOL_SOCKET, SO_RCVBUFFORCE, 4 * 1024 * 1024),
    };
  } finally {
    closeFd(fd);
  }
}

/** @returns for each protocol that can't listen there, why */
export async function probePort(address: IpAddress, port: number): Promise<string[]> {
  const attempts = [
    ['UDP', tryUdp(address, port)],
    ['TCP', tryTcp(address, port)],
  ] as const;
  const conflicts: string[] = [];
  for (const [protocol, attempt] of attempts) {
    const code = await attempt;
    if (code !== undefined) conflicts.push(`${address.text} ${protocol} ${port}: ${code}`);
  }
  return conflicts;
}

const socket = bind<(family: number, type: number, protocolNumber: number) => number>(
  'int socket(int family, int type, int protocolNumber)',
);
const setOption = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int setsockopt(int fd, int level, int name, uintptr_t value, unsigned int length)',
);

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

function tryUdp(address: IpAddress, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const udp = createSocket(address.family === 4 ? 'udp4' : 'udp6');
  udp.once('error', (error: NodeJS.ErrnoException) => udp.close(() => resolve(error.code)));
  udp.bind({ address: address.text, port, exclusive: true }, () => udp.close(() => resolve(undefined)));
  return promise;
}

function tryTcp(address: IpAddress, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  server.listen({ host: address.text, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  return promise;
}
