/** The prober of a target, by its kind. */
import type { ProbeTarget } from '../config/index.ts';
import { openConnectProber } from './connect-prober.ts';
import { openDnsProber } from './dns-prober.ts';
import { openEchoProber } from './echo-prober.ts';
import { openNeighbourProber } from './neighbour-prober.ts';
import type { ProbeWay } from './probe-socket.ts';
import type { Prober } from './prober.ts';

/** A tunnel knows by itself. */
export type AskedByPackets = Exclude<ProbeTarget, { kind: 'tunnel' }>;

/** @throws BackstayError when the link can't be probed so: BS_LINK_UNUSABLE, BS_PRIVILEGE_MISSING, BS_ADDRESS_UNAVAILABLE */
export function openProber(way: ProbeWay, target: AskedByPackets, timeoutMillis: number): Prober {
  switch (target.kind) {
    case 'icmp':
      return openEchoProber(way, target.address, timeoutMillis);
    case 'tcp':
      return openConnectProber(way, target.place, timeoutMillis);
    case 'http':
      return openConnectProber(way, target.place, timeoutMillis, target.path);
    case 'dns':
      return openDnsProber(way, target.server, target.name, timeoutMillis);
    case 'neighbour':
      return openNeighbourProber(way, timeoutMillis);
  }
}
