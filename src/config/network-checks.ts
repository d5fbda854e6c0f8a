/**
 * What must fit together among the networks of all tunnels and the outer addresses.
 *
 * Default routes (0.0.0.0/0, ::/0) are left out: they mean "everything else", and the packets of the tunnels themselves
 * leave by the routing tables of their links.
 */

import { formatPrefix, type IpAddress, type IpPrefix, networkOf } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import { type DraftEntries, explicit, indexed, linksOf } from './draft-entries.ts';
import type { Finding, SettingPath } from './mistake.ts';
import { nested, PrefixTable } from './prefix-order.ts';

export const tunnelNetworksOverlap: CrossCheck = {
  rule: 'Networks behind different peers do not overlap (0.0.0.0/0 and ::/0 may, once each: they are everything else).',
  check: (entries) => {
    const claims = claimsOf(entries, 'networks');
    const defaults = claims.filter(({ prefix }) => prefix.length === 0);
    return [...overlaps(routed(claims)), ...overlaps(defaults)];
  },
};

/** Tunnels without subnets of their own may share one address, so single addresses are left out. */
export const tunnelSubnetsOverlap: CrossCheck = {
  rule: 'The inner subnets of different tunnels do not overlap.',
  check: (entries) =>
    overlaps(
      claimsOf(entries, 'address').filter(({ prefix }) => prefix.length < prefix.address.bytes.length * 8),
    ),
};

export const peerInside: CrossCheck = {
  rule: "No peer's address lies in a network that is routed into a tunnel.",
  check: (entries) => {
    const table = new PrefixTable(routed(claimsOf(entries, 'networks')));
    return entries.tunnels.flatMap((tunnel) =>
      indexed(tunnel.peer?.addresses).flatMap(([index, { address }]) => {
        const claim = table.find(address);
        if (claim === undefined) return [];
        const message =
          `${address.text} lies in ${formatPrefix(claim.prefix)}, which is routed into tunnel ${claim.tunnel}, ` +
          'must be an outer address that no tunnel carries';
        return [{ path: ['tunnels', tunnel.name, 'peer', 'addresses', index], message }];
      }),
    );
  },
};

export const linkAddressInside: CrossCheck = {
  rule: "No link's address or next hop lies in a network behind a peer.",
  check: (entries) => {
    const table = new PrefixTable(routed(claimsOf(entries, 'networks')));
    const found = new Map<Claim, Finding>();
    for (const link of linksOf(entries)) {
      for (const address of [...(explicit(link.address) ?? []), ...(explicit(link.gateway) ?? [])]) {
        const claim = table.find(address);
        if (claim === undefined || found.has(claim)) continue;
        const holds = `${formatPrefix(claim.prefix)} holds ${address.text} of the own link ${link.name}`;
        found.set(claim, { path: claim.path, message: `${holds}, must be a network behind the peer` });
      }
    }
    return [...found.values()];
  },
};

/** Where an address would be led into a tunnel; a tunnel's default route is none. */
export function tunnelNetworks(
  entries: DraftEntries,
): (address: IpAddress) => { readonly tunnel: string; readonly prefix: IpPrefix } | undefined {
  const table = new PrefixTable(routed(claimsOf(entries, 'networks')));
  return (address) => table.find(address);
}

/** `prefix` is the network; `order` counts in the order of the file. */
type Claim = {
  readonly tunnel: string;
  readonly written: IpPrefix;
  readonly prefix: IpPrefix;
  readonly path: SettingPath;
  readonly order: number;
};

function claimsOf(entries: DraftEntries, key: 'networks' | 'address'): Claim[] {
  return entries.tunnels
    .flatMap((tunnel) =>
      indexed(tunnel[key]).map(([index, written]) => ({
        tunnel: tunnel.name,
        written,
        prefix: networkOf(written),
        path: ['tunnels', tunnel.name, key, index],
      })),
    )
    .map((claim, order) => ({ ...claim, order }));
}

function routed(claims: readonly Claim[]): Claim[] {
  return claims.filter(({ prefix }) => prefix.length > 0);
}

/** One finding for each claim that comes later in the file than one it overlaps with. */
function overlaps(claims: readonly Claim[]): Finding[] {
  const found = new Map<Claim, Finding>();
  for (const pair of nested(claims, (inner, outer) => inner.tunnel !== outer.tunnel)) {
    const [earlier, later] = pair[0].order < pair[1].order ? pair : ([pair[1], pair[0]] as const);
    const message =
      `${formatPrefix(later.written)} overlaps with ${formatPrefix(earlier.written)} of tunnel ${earlier.tunnel}, ` +
      'must be in one tunnel only';
    if (!found.has(later)) found.set(later, { path: later.path, message });
  }
  return [...found.values()];
}
