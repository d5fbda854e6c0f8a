/**
 * Which traffic may use a tunnel: rules in order, the first that matches decides, and what happens to the rest.
 *
 * Contract: an empty list matches everything. `from` and `to` hold prefixes without host bits, of the same families where
 * both are given; ports come with protocols that have them. Replies and errors of what was accepted always pass.
 */
import type { IpPrefix } from './ip-address.ts';

export type FilterAction = 'accept' | 'drop' | 'reject';

/** `out` is towards the peer. */
export type FilterDirection = 'in' | 'out' | 'both';

/** `icmp` is ICMP in IPv4 and ICMPv6 in IPv6; other protocols by their number. */
export type FilterProtocol = 'tcp' | 'udp' | 'icmp' | 'esp' | number;

/** Both ends included. */
export type PortRange = { readonly first: number; readonly last: number };

/** What a rule looks at. */
export type FilterMatch = {
  readonly direction: FilterDirection;
  readonly from: readonly IpPrefix[];
  readonly to: readonly IpPrefix[];
  readonly protocols: readonly FilterProtocol[];
  readonly ports: readonly PortRange[];
  readonly sourcePorts: readonly PortRange[];
};

export type FilterRule = FilterMatch & {
  /** Whose list of the configuration it is in: the gateway's, for all tunnels, or the tunnel's own. */
  readonly list: 'gateway' | 'tunnel';
  /** In that list, from 1. */
  readonly position: number;
  readonly name: string | undefined;
  readonly action: FilterAction;
};

export type TrafficFilter = {
  /** In the order in which they are asked. */
  readonly rules: readonly FilterRule[];
  /** What no rule matches. */
  readonly otherwise: 'accept' | 'drop';
};

/** A filter where it stands. */
export type TunnelFilter = TrafficFilter & {
  readonly tunnel: string;
  /** The tunnel's device. */
  readonly device: string;
};

/** The filters of those tunnels that have one. */
export function tunnelFilters(
  tunnels: readonly {
    readonly name: string;
    readonly interface: string;
    readonly filter: TrafficFilter | undefined;
  }[],
): TunnelFilter[] {
  return tunnels.flatMap(({ name, interface: device, filter }) =>
    filter === undefined ? [] : [{ tunnel: name, device, ...filter }],
  );
}

/** `443` or `8000-8100`, as it is configured. */
export function formatPorts({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}
