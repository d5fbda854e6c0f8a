/** What must fit together between a tunnel and the links its paths go over. */

import type { IpFamily } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import { type DraftEntries, explicit, indexed, linksOfTunnel, type NamedTunnel } from './draft-entries.ts';
import { automaticMtu, smallest } from './resolve-config.ts';

export const familiesOfPaths: CrossCheck = {
  rule: 'A tunnel with peer addresses has at least one link of the same family as one of them.',
  check: (entries) =>
    entries.tunnels.flatMap((tunnel) => {
      const peers = familiesOfPeer(tunnel);
      const links = familiesOfLinks(entries, tunnel);
      if (peers === undefined || links === undefined || !peers.isDisjointFrom(links)) return [];
      const message =
        `are all ${familyNames(peers)}, but the links of the tunnel have only ${familyNames(links)} addresses, ` +
        'must have one family in common';
      return [{ path: ['tunnels', tunnel.name, 'peer', 'addresses'], message }];
    }),
};

/** undefined when the tunnel waits for its peer, or when one of the addresses is not known. */
function familiesOfPeer(tunnel: NamedTunnel): Set<IpFamily> | undefined {
  const peers = tunnel.peer?.addresses ?? [];
  if (peers.length === 0 || peers.includes(undefined)) return undefined;
  return new Set(indexed(peers).map(([, { address }]) => address.family));
}

/** undefined when one of the links may be of any family: its address is automatic, or not known. */
function familiesOfLinks(entries: DraftEntries, tunnel: NamedTunnel): Set<IpFamily> | undefined {
  const links = linksOfTunnel(entries, tunnel);
  if (links === undefined || links.length === 0) return undefined;
  const families = new Set<IpFamily>();
  for (const { address } of links) {
    if (address === undefined || address === 'auto' || address.includes(undefined)) return undefined;
    for (const { family } of explicit(address) ?? []) families.add(family);
  }
  return families;
}

function familyNames(families: ReadonlySet<IpFamily>): string {
  return [...families].map((family) => `IPv${family}`).join(' and ');
}

/** RFC 8200 section 5: every link that carries IPv6 must take 1280 bytes. */
const leastMtuForIpv6 = 1280;

export const mtuForIpv6: CrossCheck = {
  rule: `A tunnel that carries IPv6 has an MTU of at least ${leastMtuForIpv6}.`,
  check: (entries) =>
    entries.tunnels.flatMap((tunnel) => {
      const mtu = tunnelMtu(entries, tunnel);
      const inner = [...indexed(tunnel.address), ...indexed(tunnel.networks)].map(
        ([, { address }]) => address.family,
      );
      if (mtu === undefined || mtu >= leastMtuForIpv6 || !inner.includes(6)) return [];
      const cause = tunnel.mtu === 'auto' ? `is ${mtu} (auto, from the smallest link MTU)` : `is ${mtu}`;
      const message = `${cause}, but the tunnel carries IPv6, must be at least ${leastMtuForIpv6}`;
      return [{ path: ['tunnels', tunnel.name, 'mtu'], message }];
    }),
};

function tunnelMtu(entries: DraftEntries, tunnel: NamedTunnel): number | undefined {
  if (tunnel.mtu !== 'auto') return tunnel.mtu;
  const links = linksOfTunnel(entries, tunnel);
  if (links === undefined || links.length === 0) return undefined;
  const mtus = links.map((link) => link.mtu);
  return mtus.includes(undefined) ? undefined : automaticMtu(smallest(mtus));
}
