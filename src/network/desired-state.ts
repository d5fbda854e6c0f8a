/**
 * What Backstay wants the kernel's network to be: the one value that the rooms' decisions are composed into.
 *
 * Contract: it is complete. Whatever of ours is in the kernel and not in here is taken away when it is applied.
 */
import type { TunnelFilter } from './filter-rule.ts';
import type { IpAddress, IpFamily, IpPrefix } from './ip-address.ts';

export type DesiredState = {
  readonly tunnelDevices: readonly DesiredTunnelDevice[];
  readonly links: readonly DesiredLink[];
  /** Of the tunnels that have one. */
  readonly filters: readonly TunnelFilter[];
  /** The machine forwards packets between its interfaces. */
  readonly forwarding: boolean;
  /** undefined: plain traffic to the internet goes as the main table says. */
  readonly internet?: DesiredInternet | undefined;
};

/** Which links carry plain traffic to the internet, outside of the tunnels. */
export type DesiredInternet = {
  /** Indexes of the links that may carry, as long as they are among the usable ones. */
  readonly links: readonly number[];
  /** At most one of each family. */
  readonly choices: readonly InternetChoice[];
  /** Sources that get the link's address. */
  readonly masquerade: readonly IpPrefix[];
};

export type InternetChoice = {
  readonly family: IpFamily;
  /** The first one carries what the machine itself sends. */
  readonly carriers: readonly InternetCarrier[];
  /** A share (0 to 1) of new connections that goes over other links first. */
  readonly canary?: { readonly share: number; readonly carriers: readonly InternetCarrier[] } | undefined;
};

/** `link` is the link's index, `weight` a whole number from 1. */
export type InternetCarrier = { readonly link: number; readonly weight: number };

/** A TUN device; it must exist, made by the one who reads and writes its packets. */
export type DesiredTunnelDevice = {
  /** The tunnel's name in the configuration. */
  readonly tunnel: string;
  /** The device's name. */
  readonly name: string;
  readonly mtu: number;
  /** Inner addresses of this gateway, with their subnets. */
  readonly addresses: readonly IpPrefix[];
  /** What is behind the peer. */
  readonly networks: readonly IpPrefix[];
  /** Largest packet of one TCP flow that the kernel hands over in one read. */
  readonly gsoMaxBytes: number;
  /** txqueuelen; it counts superpackets of up to `gsoMaxBytes`. */
  readonly queuePackets: number;
  /** Nothing may pass: the device is kept down, and its networks are unreachable. */
  readonly closed?: boolean;
};

/** A link that can be used now; one whose interface is down or has no address is left out. */
export type DesiredLink = {
  readonly name: string;
  /** 0 to `maxLinkIndex`, lasting while the link is configured: the link's table and mark come from it. */
  readonly index: number;
  readonly interface: string;
  /** At most one of each family, at least one. */
  readonly families: readonly LinkFamily[];
};

/** The link's way out in one family. */
export type LinkFamily = {
  readonly family: IpFamily;
  readonly address: IpAddress;
  /** The next hop; undefined where the interface itself is the way (PPP, or peers in the same segment). */
  readonly gateway: IpAddress | undefined;
  /** What is reached over the interface without a next hop. */
  readonly onLink: readonly IpPrefix[];
};

export const nothingDesired: DesiredState = {
  tunnelDevices: [],
  links: [],
  filters: [],
  forwarding: false,
};

/** What is left when filters can't be loaded: a tunnel whose traffic should be filtered carries none. */
export function withFilteredTunnelsClosed(desired: DesiredState): DesiredState {
  const filtered = new Set(desired.filters.map(({ tunnel }) => tunnel));
  const tunnelDevices = desired.tunnelDevices.map((device) => ({
    ...device,
    closed: filtered.has(device.tunnel),
  }));
  return { ...desired, tunnelDevices };
}
