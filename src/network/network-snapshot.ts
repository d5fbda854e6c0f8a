/**
 * What is in the kernel now, as far as Backstay looks at it. Made by `linux/network-state.ts`, used by the plan, by the
 * resolution of links, and by the doctor.
 */
import type { IpAddress, IpFamily, IpPrefix } from './ip-address.ts';
import type { Route, Rule } from './route.ts';

export type NetworkSnapshot = {
  readonly interfaces: readonly NetworkInterface[];
  /** The main table, in the kernel's order. */
  readonly mainRoutes: readonly MainRoute[];
  /** Every rule of the machine, ours included. */
  readonly rules: readonly PresentRule[];
  readonly ownRoutes: readonly Route[];
  readonly ownRules: readonly Rule[];
  /** Comments of the rules in our nftables table, in order; undefined when there is no such table. */
  readonly ownFirewall: readonly string[] | undefined;
  /** The same of the table with the traffic filters. */
  readonly ownFilters: readonly string[] | undefined;
  /** The same of the table that spreads plain traffic over links. */
  readonly ownInternet?: readonly string[] | undefined;
};

export type NetworkInterface = {
  readonly index: number;
  readonly name: string;
  /** `tun`, `veth`, `vlan`…; undefined for hardware. */
  readonly kind: string | undefined;
  readonly alias: string | undefined;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mtu: number;
  readonly queuePackets: number | undefined;
  readonly gsoMaxBytes: number | undefined;
  /** How the kernel makes IPv6 link-local addresses (`eui64`, `none`…); undefined without IPv6. */
  readonly addressGeneration: string | undefined;
  readonly addresses: readonly InterfaceAddress[];
};

export type InterfaceAddress = {
  readonly prefix: IpPrefix;
  readonly scope: string;
  /** The kernel may use it: duplicate address detection is over and found none. */
  readonly ready: boolean;
  /** An address that the kernel would rather not use for new connections. */
  readonly avoided: boolean;
};

export type MainRoute = {
  readonly family: IpFamily;
  readonly type: 'unicast' | 'other';
  readonly destination: IpPrefix;
  readonly gateway: IpAddress | undefined;
  readonly device: string | undefined;
  readonly metric: number;
  readonly protocol: number;
};

/** A rule as the kernel has it; `selective` when it applies to some packets only. */
export type PresentRule = {
  readonly family: IpFamily;
  readonly priority: number;
  readonly protocol: number;
  readonly table: number | undefined;
  readonly selective: boolean;
  readonly text: string;
};
