/**
 * The configuration as the rest of the program reads it.
 *
 * Contract: complete (every default is filled in) and consistent (every cross-check has passed). Lists keep the order of
 * the file. Durations are in milliseconds, rates in bits per second, MTUs in bytes of IP packets.
 */

import type { TrafficFilter } from '../network/filter-rule.ts';
import type { Endpoint, IpAddress, IpPrefix } from '../network/ip-address.ts';
import type { TrafficClass } from './class-section.ts';
import type { DialHours } from './dial-hours-field.ts';
import type { ParsedConfig } from './schema.ts';
import type { PortRange } from './traffic-section.ts';

export type { DialHours, Endpoint, IpAddress, IpPrefix };

export type Config = {
  readonly gateway: GatewayConfig;
  /** At least one. */
  readonly links: readonly LinkConfig[];
  readonly tunnels: readonly TunnelConfig[];
  readonly alarms: AlarmsConfig;
  /** undefined: no default route is touched. */
  readonly internet: InternetConfig | undefined;
};

/** Which links carry plain traffic to the internet, outside of the tunnels. */
export type InternetConfig = {
  /** At least one. */
  readonly links: readonly { readonly name: string; readonly tier: number; readonly weight: number }[];
  /** Sources that get the link's address. */
  readonly masquerade: readonly IpPrefix[];
  readonly fallback: 'automatic' | 'manual';
  /** For so long a better tier must be good before traffic returns. */
  readonly holdMillis: number;
  /** undefined: all new connections return at once. The share is between 0 and 1. */
  readonly canary: { readonly share: number; readonly forMillis: number } | undefined;
};

/** Who is told of what happens. */
export type AlarmsConfig = {
  /** The least that is told. */
  readonly from: 'info' | 'notice' | 'warning' | 'alarm';
  readonly syslog: boolean;
  /** undefined: none is kept. */
  readonly keepaliveLog: string | undefined;
  readonly webhooks: readonly WebhookConfig[];
  readonly snmp: readonly SnmpConfig[];
  readonly mail: MailConfig | undefined;
};

export type WebhookConfig = { readonly url: string; readonly headersFile: string | undefined };
export type MailConfig = { readonly to: readonly string[]; readonly from: string };

export type SnmpConfig = { readonly to: Endpoint } & (
  | { readonly version: '2c'; readonly communityFile: string }
  | {
      readonly version: '3';
      readonly user: string;
      readonly authentication: { readonly hash: UsmHashName; readonly passwordFile: string } | undefined;
      readonly privacy: { readonly passwordFile: string } | undefined;
      /** Hexadecimal digits; undefined: from the gateway's identity. */
      readonly engineId: string | undefined;
    }
);

export const usmHashes = ['sha1', 'sha256', 'sha512'] as const;
export type UsmHashName = (typeof usmHashes)[number];

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
  /** undefined: it is always used. */
  readonly onDemand: OnDemandConfig | undefined;
  /** undefined: it is not probed. */
  readonly probe: ProbeConfig | undefined;
};

export type ProbeConfig = {
  /** At least one. */
  readonly targets: readonly ProbeTarget[];
  /** Which targets must answer. */
  readonly rule: 'all' | 'most' | 'any';
  /** Questions per target and round. */
  readonly count: number;
  /** How many of them must be answered. */
  readonly answers: number;
  /** Between two questions to a target. */
  readonly everyMillis: number;
  readonly timeoutMillis: number;
  /** Between the end of a round and the next. */
  readonly intervalMillis: number;
  readonly retries: number;
  readonly recover: number;
  readonly holdMillis: number;
  readonly holdMostMillis: number;
  readonly calmMillis: number;
  /** 0 to 1. */
  readonly lossAbove: number;
  readonly lossBelow: number;
  /** undefined: delay does not degrade. */
  readonly delay: { readonly aboveMillis: number; readonly belowMillis: number } | undefined;
};

export type ProbeTarget =
  | { readonly kind: 'icmp'; readonly address: IpAddress }
  | { readonly kind: 'tcp'; readonly place: Endpoint }
  | { readonly kind: 'dns'; readonly server: Endpoint; readonly name: string }
  | { readonly kind: 'http'; readonly place: Endpoint; readonly path: string }
  | { readonly kind: 'neighbour' }
  /** What the tunnel itself knows of the link. */
  | { readonly kind: 'tunnel'; readonly tunnel: string };

export type OnDemandConfig = {
  readonly way: DialWay;
  readonly withinMillis: number;
  readonly holdMillis: number;
  readonly retryMillis: number;
  readonly cost: number;
  /** undefined: at any time. */
  readonly hours: readonly DialHours[] | undefined;
  /** undefined: that of the machine. */
  readonly timeZone: string | undefined;
};

/** How a link is brought up and hung up. */
export type DialWay = CommandWay | PppWay;

export type CommandWay = {
  readonly kind: 'command';
  /** The program's absolute path and its arguments. */
  readonly upCommand: readonly string[];
  readonly downCommand: readonly string[];
};

export type PppWay = {
  readonly kind: 'ppp';
  /** Under /dev. */
  readonly device: string;
  /** Of the serial line, bits per second. */
  readonly speed: number;
  readonly phone: string;
  readonly account: string;
  readonly passwordFile: string;
  /** AT commands, at least one. */
  readonly init: readonly string[];
  readonly tries: number;
  /** Between two tries. */
  readonly pauseMillis: number;
  readonly answerMillis: number;
  readonly negotiateMillis: number;
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
  readonly demand: DemandConfig;
};

/** Shares are between 0 and 1. */
export type DemandConfig = {
  /** undefined: use dials no link. */
  readonly above: number | undefined;
  readonly forMillis: number;
  readonly below: number;
  readonly belowForMillis: number;
  /** undefined: queues dial no link. */
  readonly queueMillis: number | undefined;
  readonly outageMillis: number;
  readonly direction: 'both' | 'sent';
  /** What counts; undefined: everything. */
  readonly traffic: readonly TrafficRule[] | undefined;
};

/** A packet fits when it fits in everything that is given; in what the peer sends, the sides change places. */
export type TrafficRule = {
  readonly protocol?: 'tcp' | 'udp' | 'icmp' | undefined;
  readonly from?: readonly IpPrefix[] | undefined;
  readonly to?: readonly IpPrefix[] | undefined;
  /** On the peer's side. */
  readonly ports?: readonly PortRange[] | undefined;
};

export type PeerConfig = {
  /** `SHA256:` and base64url of the SHA-256 of the public key's DER SubjectPublicKeyInfo. */
  readonly fingerprint: string;
  /** Empty: this gateway waits for the peer (responder). Otherwise it begins (initiator). */
  readonly addresses: readonly Endpoint[];
};
