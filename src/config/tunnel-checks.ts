/** What must fit together within a tunnel, between tunnels, and between tunnels and their links. */

import { formatEndpoint, type IpFamily } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import type { ConfigDraft, LinkDraft, TunnelDraft } from './draft.ts';
import { explicit, indexed, linksOf, type Named, pairsOf, tunnelsOf } from './draft-entries.ts';
import type { Finding } from './mistake.ts';
import { automaticMtu, defaultInterfaceName } from './resolve-config.ts';
import { unknownName } from './wording.ts';

export const unknownLinks: CrossCheck = {
  rule: 'The links a tunnel names exist.',
  check: (draft) => {
    if (draft.links === undefined) return [];
    const known = Object.keys(draft.links);
    return tunnelsOf(draft).flatMap((tunnel) =>
      indexed(tunnel.links).flatMap(([index, name]) => {
        if (known.includes(name)) return [];
        return [
          { path: ['tunnels', tunnel.name, 'links', index], message: unknownName(name, 'a link', known) },
        ];
      }),
    );
  },
};

export const samePeer: CrossCheck = {
  rule: 'Every tunnel has a peer of its own: no two have the same fingerprint.',
  check: (draft) =>
    [...pairsOf(tunnelsOf(draft))].flatMap(([later, earlier]) => {
      const fingerprint = later.peer?.fingerprint;
      if (fingerprint === undefined || fingerprint !== earlier.peer?.fingerprint) return [];
      const message = `is the peer of tunnel ${earlier.name} already, must be another gateway (list its networks there)`;
      return [{ path: ['tunnels', later.name, 'peer', 'fingerprint'], message }];
    }),
};

export const samePeerAddress: CrossCheck = {
  rule: 'No two tunnels reach their peers at the same address and port.',
  check: (draft) =>
    [...pairsOf(tunnelsOf(draft))].flatMap(([later, earlier]) => {
      const taken = indexed(earlier.peer?.addresses).map(([, endpoint]) => formatEndpoint(endpoint));
      return indexed(later.peer?.addresses).flatMap(([index, endpoint]) => {
        const text = formatEndpoint(endpoint);
        if (!taken.includes(text)) return [];
        const message = `${text} is an address of the peer of tunnel ${earlier.name} already, must be another one`;
        return [{ path: ['tunnels', later.name, 'peer', 'addresses', index], message }];
      });
    }),
};

export const peerIsSelf: CrossCheck = {
  rule: "A peer's address is not an address of one of the own links.",
  check: (draft) =>
    tunnelsOf(draft).flatMap((tunnel) =>
      indexed(tunnel.peer?.addresses).flatMap(([index, { address }]) => {
        const own = linksOf(draft).find((link) =>
          explicit(link.address)?.some(({ text }) => text === address.text),
        );
        if (own === undefined) return [];
        const message = `${address.text} is the address of the own link ${own.name}, must be an address of the peer`;
        return [{ path: ['tunnels', tunnel.name, 'peer', 'addresses', index], message }];
      }),
    ),
};

export const interfaceTaken: CrossCheck = {
  rule: 'The interface of a tunnel (given or by default) is that of no other tunnel and of no link.',
  check: (draft) => {
    const taken = new Map(linksOf(draft).map((link) => [link.interface, `link ${link.name}`]));
    return tunnelsOf(draft).flatMap((tunnel) => {
      const name = Object.hasOwn(tunnel, 'interface') ? tunnel.interface : defaultInterfaceName(tunnel.name);
      if (name === undefined) return [];
      const owner = taken.get(name);
      taken.set(name, owner ?? `tunnel ${tunnel.name}`);
      return owner === undefined ? [] : [interfaceFinding(tunnel, name, owner)];
    });
  },
};

function interfaceFinding(tunnel: Named<TunnelDraft>, name: string, owner: string): Finding {
  const path = ['tunnels', tunnel.name, 'interface'];
  if (tunnel.interface !== undefined) {
    return { path, message: `${name} is the interface of ${owner} already, must be another name` };
  }
  const message = `would be ${name} by default, which is the interface of ${owner} already, must be given here`;
  return { path, message };
}

export const carriesNothing: CrossCheck = {
  rule: 'A tunnel has an inner address, networks behind the peer, or both.',
  check: (draft) =>
    tunnelsOf(draft)
      .filter((tunnel) => tunnel.address?.length === 0 && tunnel.networks?.length === 0)
      .map((tunnel) => ({
        path: ['tunnels', tunnel.name],
        message: 'carries nothing, must have address, networks or both',
        atKey: true,
      })),
};

export const familiesOfPaths: CrossCheck = {
  rule: 'A tunnel with peer addresses has at least one link of the same family as one of them.',
  check: (draft) =>
    tunnelsOf(draft).flatMap((tunnel) => {
      const peers = tunnel.peer?.addresses;
      const links = linksOfTunnel(draft, tunnel)?.map((link) => explicit(link.address));
      if (peers === undefined || peers.length === 0 || peers.includes(undefined)) return [];
      // A link whose address is automatic (or not known) may be of any family.
      if (links === undefined || links.length === 0 || links.includes(undefined)) return [];
      const outer = new Set(links.flatMap((addresses) => addresses?.map(({ family }) => family) ?? []));
      if (indexed(peers).some(([, { address }]) => outer.has(address.family))) return [];
      const message = `are all ${familyNames(indexed(peers).map(([, { address }]) => address.family))}, but the links of the tunnel have only ${familyNames(outer)} addresses, must have one in common`;
      return [{ path: ['tunnels', tunnel.name, 'peer', 'addresses'], message }];
    }),
};

function familyNames(families: Iterable<IpFamily>): string {
  return [...new Set(families)].map((family) => `IPv${family}`).join(' and ');
}

/** RFC 8200 section 5: every link that carries IPv6 must take 1280 bytes. */
const leastMtuForIpv6 = 1280;

export const mtuForIpv6: CrossCheck = {
  rule: `A tunnel that carries IPv6 has an MTU of at least ${leastMtuForIpv6}.`,
  check: (draft) =>
    tunnelsOf(draft).flatMap((tunnel) => {
      const mtu = tunnelMtu(draft, tunnel);
      const inner = [...indexed(tunnel.address), ...indexed(tunnel.networks)].map(
        ([, { address }]) => address.family,
      );
      if (mtu === undefined || mtu >= leastMtuForIpv6 || !inner.includes(6)) return [];
      const cause = tunnel.mtu === 'auto' ? `is ${mtu} by the smallest link MTU` : `is ${mtu}`;
      const message = `${cause}, but the tunnel carries IPv6, must be at least ${leastMtuForIpv6}`;
      return [{ path: ['tunnels', tunnel.name, 'mtu'], message }];
    }),
};

function tunnelMtu(draft: ConfigDraft, tunnel: Named<TunnelDraft>): number | undefined {
  if (tunnel.mtu !== 'auto') return tunnel.mtu;
  const links = linksOfTunnel(draft, tunnel);
  if (links === undefined || links.length === 0) return undefined;
  const mtus = links.map((link) => link.mtu);
  return mtus.includes(undefined) ? undefined : automaticMtu(Math.min(...(mtus as number[])));
}

/** undefined when it is not known which links the tunnel uses. */
function linksOfTunnel(draft: ConfigDraft, tunnel: Named<TunnelDraft>): Named<LinkDraft>[] | undefined {
  const links = linksOf(draft);
  if (!Object.hasOwn(tunnel, 'links')) return links;
  const named = tunnel.links?.map((name) => links.find((link) => link.name === name));
  return named?.includes(undefined) ? undefined : (named as Named<LinkDraft>[] | undefined);
}
