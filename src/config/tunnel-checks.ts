/** What must fit together within a tunnel and between tunnels. */

import { formatEndpoint } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import { explicit, FirstClaims, indexed, linksOf, type NamedTunnel } from './draft-entries.ts';
import type { Finding } from './mistake.ts';
import { defaultInterfaceName } from './resolve-config.ts';
import { unknownName } from './wording.ts';

export const unknownLinks: CrossCheck = {
  rule: 'The links a tunnel names exist.',
  check: ({ links, tunnels }) => {
    if (links === undefined) return [];
    const known = [...links.keys()];
    return tunnels.flatMap((tunnel) =>
      indexed(tunnel.links)
        .filter(([, name]) => !links.has(name))
        .map(([index, name]) => ({
          path: ['tunnels', tunnel.name, 'links', index],
          message: unknownName(name, 'a link', known),
        })),
    );
  },
};

export const samePeer: CrossCheck = {
  rule: 'Every tunnel has a peer of its own: no two have the same fingerprint.',
  check: ({ tunnels }) => {
    const peers = new FirstClaims<string>();
    return tunnels.flatMap((tunnel) => {
      const fingerprint = tunnel.peer?.fingerprint;
      const owner = fingerprint && peers.claim(fingerprint, tunnel.name);
      if (!owner) return [];
      const message = `is the peer of tunnel ${owner} already, must be another gateway (list its networks there)`;
      return [{ path: ['tunnels', tunnel.name, 'peer', 'fingerprint'], message }];
    });
  },
};

export const samePeerAddress: CrossCheck = {
  rule: 'No two tunnels reach their peers at the same address and port.',
  check: ({ tunnels }) => {
    const endpoints = new FirstClaims<string>();
    return tunnels.flatMap((tunnel) =>
      indexed(tunnel.peer?.addresses).flatMap(([index, endpoint]) => {
        const text = formatEndpoint(endpoint);
        const owner = endpoints.claim(text, tunnel.name);
        if (owner === undefined || owner === tunnel.name) return [];
        const message = `${text} is an address of the peer of tunnel ${owner} already, must be another one`;
        return [{ path: ['tunnels', tunnel.name, 'peer', 'addresses', index], message }];
      }),
    );
  },
};

export const peerIsSelf: CrossCheck = {
  rule: "A peer's address is not an address of one of the own links.",
  check: (entries) => {
    const own = new Map(
      linksOf(entries).flatMap((link) => (explicit(link.address) ?? []).map(({ text }) => [text, link.name])),
    );
    return entries.tunnels.flatMap((tunnel) =>
      indexed(tunnel.peer?.addresses).flatMap(([index, { address }]) => {
        const link = own.get(address.text);
        if (link === undefined) return [];
        const message = `${address.text} is the address of the own link ${link}, must be an address of the peer`;
        return [{ path: ['tunnels', tunnel.name, 'peer', 'addresses', index], message }];
      }),
    );
  },
};

export const interfaceTaken: CrossCheck = {
  rule: 'The interface of a tunnel (given or by default) is that of no other tunnel and of no link.',
  check: (entries) => {
    const names = new FirstClaims<string>();
    for (const link of linksOf(entries)) names.claim(link.interface ?? '', `link ${link.name}`);
    return entries.tunnels.flatMap((tunnel) => {
      const name = Object.hasOwn(tunnel, 'interface') ? tunnel.interface : defaultInterfaceName(tunnel.name);
      const owner = name && names.claim(name, `tunnel ${tunnel.name}`);
      return name && owner ? [interfaceFinding(tunnel, name, owner)] : [];
    });
  },
};

function interfaceFinding(tunnel: NamedTunnel, name: string, owner: string): Finding {
  const path = ['tunnels', tunnel.name, 'interface'];
  if (tunnel.interface !== undefined) {
    return { path, message: `${name} is the interface of ${owner} already, must be another name` };
  }
  const message = `would be ${name} by default, which is the interface of ${owner} already, must be given here`;
  return { path, message };
}

export const carriesNothing: CrossCheck = {
  rule: 'A tunnel has an inner address, networks behind the peer, or both.',
  check: ({ tunnels }) =>
    tunnels
      .filter((tunnel) => tunnel.address?.length === 0 && tunnel.networks?.length === 0)
      .map((tunnel) => ({
        path: ['tunnels', tunnel.name],
        message: 'carries nothing, must have address, networks or both',
        atKey: true,
      })),
};
