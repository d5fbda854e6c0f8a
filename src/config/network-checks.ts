/**
 * What must fit together among the networks of all tunnels and the outer addresses.
 *
 * Default routes (0.0.0.0/0, ::/0) are left out: they mean "everything else", and the packets of the tunnels themselves
 * leave by the routing tables of their links.
 */

import {
  formatPrefix,
  type IpPrefix,
  networkOf,
  prefixContains,
  prefixesOverlap,
} from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import type { ConfigDraft } from './draft.ts';
import { explicit, indexed, linksOf, pairsOf, tunnelsOf } from './draft-entries.ts';
import type { Finding, SettingPath } from './mistake.ts';

export const tunnelNetworksOverlap: CrossCheck = {
  rule: 'Networks behind different peers do not overlap (0.0.0.0/0 and ::/0 may, once each: they are everything else).',
  check: (draft) =>
    overlaps(tunnelClaims(draft, 'networks'), (later, earlier) => {
      const [one, other] = [later.prefix.length, earlier.prefix.length];
      return one === other || (one > 0 && other > 0);
    }),
};

/** Tunnels without subnets of their own may share one address, so single addresses are left out. */
export const tunnelSubnetsOverlap: CrossCheck = {
  rule: 'The inner subnets of different tunnels do not overlap.',
  check: (draft) => {
    const subnets = tunnelClaims(draft, 'address').filter(
      ({ prefix }) => prefix.length < prefix.address.bytes.length * 8,
    );
    return overlaps(subnets, () => true);
  },
};

export const peerInside: CrossCheck = {
  rule: "No peer's address lies in a network that is routed into a tunnel.",
  check: (draft) =>
    tunnelsOf(draft).flatMap((tunnel) =>
      indexed(tunnel.peer?.addresses).flatMap(([index, { address }]) => {
        const claim = routedClaims(draft).find(({ prefix }) => prefixContains(prefix, address));
        if (claim === undefined) return [];
        const message =
          `${address.text} lies in ${formatPrefix(claim.prefix)}, which is routed into tunnel ${claim.tunnel}, ` +
          'must be an outer address that no tunnel carries';
        return [{ path: ['tunnels', tunnel.name, 'peer', 'addresses', index], message }];
      }),
    ),
};

export const linkAddressInside: CrossCheck = {
  rule: "No link's address or next hop lies in a network behind a peer.",
  check: (draft) => {
    const outer = linksOf(draft).flatMap((link) =>
      [...(explicit(link.address) ?? []), ...(explicit(link.gateway) ?? [])].map((address) => ({
        link,
        address,
      })),
    );
    return routedClaims(draft).flatMap(({ prefix, path }) => {
      const inside = outer.find(({ address }) => prefixContains(prefix, address));
      if (inside === undefined) return [];
      const message =
        `${formatPrefix(prefix)} holds ${inside.address.text} of the own link ${inside.link.name}, ` +
        'must be a network behind the peer';
      return [{ path, message }];
    });
  },
};

type Claim = { readonly tunnel: string; readonly prefix: IpPrefix; readonly path: SettingPath };

function tunnelClaims(draft: ConfigDraft, key: 'networks' | 'address'): Claim[] {
  return tunnelsOf(draft).flatMap((tunnel) =>
    indexed(tunnel[key]).map(([index, prefix]) => ({
      tunnel: tunnel.name,
      prefix,
      path: ['tunnels', tunnel.name, key, index],
    })),
  );
}

function routedClaims(draft: ConfigDraft): Claim[] {
  return tunnelClaims(draft, 'networks').filter(({ prefix }) => prefix.length > 0);
}

/** One finding for each claim, naming the first that it clashes with. */
function overlaps(claims: readonly Claim[], counts: (later: Claim, earlier: Claim) => boolean): Finding[] {
  const found = new Map<Claim, Finding>();
  for (const [later, earlier] of pairsOf(claims)) {
    if (found.has(later) || later.tunnel === earlier.tunnel || !counts(later, earlier)) continue;
    if (!prefixesOverlap(networkOf(later.prefix), networkOf(earlier.prefix))) continue;
    const message =
      `${formatPrefix(later.prefix)} overlaps with ${formatPrefix(earlier.prefix)} of tunnel ${earlier.tunnel}, ` +
      'must be in one tunnel only';
    found.set(later, { path: later.path, message });
  }
  return [...found.values()];
}
