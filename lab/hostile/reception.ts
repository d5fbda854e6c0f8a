/**
 * What gateway B has taken and refused, so that an attack can be accounted for to the last datagram.
 *
 * Contract: `receptionOf` reads a status document; `since` gives the differences. What never reached the daemon because
 * its socket was full is the kernel's to count (`kernelDrops`).
 */

import type { Status } from '../../src/api/status.ts';
import type { Namespace } from '../namespace.ts';

export type Reception = {
  readonly innerIn: number;
  readonly innerOut: number;
  /** By reason: what came from outside and went no further. */
  readonly refused: Readonly<Record<string, number>>;
  readonly memoryBytes: number;
};

const tunnelReasons = ['replayed', 'authFailed', 'malformed', 'spoofedInner'] as const;

export function receptionOf(status: Status): Reception {
  const { refusedDatagrams } = status.gateway;
  const counters = status.tunnels.map((tunnel) => tunnel.counters);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    innerIn: sum(counters.map(({ innerPacketsIn }) => innerPacketsIn)),
    innerOut: sum(counters.map(({ innerPacketsOut }) => innerPacketsOut)),
    refused: {
      ...Object.fromEntries(
        tunnelReasons.map((reason) => [reason, sum(counters.map(({ drops }) => drops[reason] ?? 0))]),
      ),
      notOfAnyTunnel: refusedDatagrams.malformed,
      unknownSpi: refusedDatagrams.unknownSpi,
    },
    memoryBytes: status.gateway.memoryBytes,
  };
}

export function refusedSince(before: Reception, after: Reception): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after.refused).map(([reason, count]) => [reason, count - (before.refused[reason] ?? 0)]),
  );
}

/** Datagrams that the kernel threw away because a socket's buffer was full, or their checksum was wrong. */
export async function kernelDrops(gateway: Namespace): Promise<number> {
  const { stdout } = await gateway.run('cat', ['/proc/net/snmp']);
  const [names = [], values = []] = stdout
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('InErrors')] ?? 0);
}
