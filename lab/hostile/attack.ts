/**
 * The attack on gateway B's UDP port: hostile datagrams in turn, from a stranger's address and from the peer's own.
 *
 * Contract: sent on link 0 at gateway A's end as ready-made frames, beside the gateway's own traffic. `run` says how many
 * went out. The kinds are mixed evenly; `sent` of a run is the sum over all kinds.
 */
import { randomInt } from 'node:crypto';
import { parseIpAddress } from '../../src/network/ip-address.ts';
import type { Sites } from '../sites.ts';
import { hardwareAddress } from '../traffic/hardware-address.ts';
import { TrafficSource } from '../traffic/source.ts';
import { udpFrame } from '../traffic/udp-frame.ts';
import { type HostileKind, hostileDatagrams } from './hostile-datagrams.ts';

/** On link 0's subnet, but nobody's. */
export const strangerAddress = '198.18.0.66';
const GATEWAY_PORT = 4500;
/** Enough that no pattern forms, few enough to be ready at once. */
const DATAGRAMS_OF_A_KIND = 500;

export async function openAttack(
  sites: Sites,
  options: {
    readonly kinds: readonly HostileKind[];
    readonly real: readonly Uint8Array[];
    readonly file: string;
  },
): Promise<TrafficSource> {
  const { a, b } = sites.link(0).plan;
  const addressing = {
    sourceMac: await hardwareAddress(sites.gatewayA, a.interfaceName),
    destinationMac: await hardwareAddress(sites.gatewayB, b.interfaceName),
    destination: bytesOf(b.address.v4),
    sourcePort: GATEWAY_PORT,
    destinationPort: GATEWAY_PORT,
  };
  const sources = [bytesOf(strangerAddress), bytesOf(a.address.v4)];
  const byKind = options.kinds.map((kind) =>
    hostileDatagrams(kind, DATAGRAMS_OF_A_KIND, options.real, (below) => randomInt(below)),
  );
  const frames = Array.from({ length: DATAGRAMS_OF_A_KIND }, (_, index) =>
    byKind.map((datagrams) =>
      udpFrame({ ...addressing, source: sources[index % sources.length]!, payload: datagrams[index]! }),
    ),
  ).flat();
  return TrafficSource.open(sites.gatewayA, { interfaceName: a.interfaceName, file: options.file, frames });
}

function bytesOf(text: string): Uint8Array {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address.bytes;
}
