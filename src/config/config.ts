/**
 * The configuration as the rest of the program reads it.
 *
 * Contract: complete (every default is filled in) and consistent (every cross-check has passed). Lists keep the order of
 * the file. Durations are in milliseconds, rates in bits per second, MTUs in bytes of IP packets.
 */

import type { TrafficFilter } from '../network/filter-rule.ts';
import type { Endpoint, IpAddress, IpPrefix } from '../network/ip-address.ts';
import type { TrafficClass } from './class-section.ts';
import type { ParsedConfig } from './schema.ts';

export type { Endpoint, IpAddress, IpPrefix };

export type Config = {
  readonly gateway: GatewayConfig;
  /** At least one. */
  readonly links: readonly LinkConfig[];
  readonly tunnels: readonly TunnelConfig[];
};

/** Its filters are in those of the tunnels. */
export type GatewayConfig = Readonly<Omit<ParsedConfig['gateway'], 'filters' | 'tcp-ports'>> & {
  /** At which peers may call beside the links' own ports. */
  readonly tcpPorts: readonly number[];
};

export type LinkConfig = {
  readonly name: string;
  readonly interface: string;
  /** Outer source addresses, at most one of each family; `auto`: the first global ones of the interface. */
  readonly address: 'auto' | readonly IpAddress[];
  /** Next hops, at most one of each family; `auto`: from the main table's default route over the interface. */
  readonly gateway: 'auto' | readonly IpAddress[];
  /** UDP and TCP. */
  readonly port: number;
  /** What carries packets. */
  readonly encapsulation: Encapsulation;
  /** undefined: the operator has not said. */
  readonly rateBps: number | undefined;
  readonly keepaliveMillis: number;
  readonly mtu: number;
};

/** What carries the packets of a link's paths. */
export const encapsulations = ['auto', 'udp', 'tcp'] as const;
export type Encapsulation = (typeof encapsulations)[number];

export const schedules = ['arrival', 'weight'] as const;
export type Schedule = (typeof schedules)[number];

export type TunnelConfig = {
  readonly name: string;
  readonly peer: PeerConfig;
  /** Names of links, at least one. */
  readonly links: readonly string[];
  /** Name of the TUN interface, unique in the configuration. */
  readonly interface: string;
  /** Inner addresses of the TUN interface with their subnets (host bits kept). */
  readonly address: readonly IpPrefix[];
  /** Networks behind the peer (no host bits). */
  readonly networks: readonly IpPrefix[];
  /** Largest inner IP packet. */
  readonly mtu: number;
  /** Which link a packet takes. */
  readonly schedule: Schedule;
  /** Which traffic may use it; undefined: all. */
  readonly filter: TrafficFilter | undefined;
  /** In the order in which they are asked. */
  readonly classes: readonly TrafficClass[];
  readonly rekey: { readonly afterMillis: number; readonly packets: number };
};

export type PeerConfig = {
  /** `SHA256:` and base64url of the SHA-256 of the public key's DER SubjectPublicKeyInfo. */
  readonly fingerprint: string;
  /** Empty: this gateway waits for the peer (responder). Otherwise it begins (initiator). */
  readonly addresses: readonly Endpoint[];
};
