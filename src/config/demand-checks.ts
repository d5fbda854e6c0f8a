/** What must fit together between links on demand and the tunnels that ask for them. */

import type { IpFamily, IpPrefix } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import { indexed, linksOf, linksOfTunnel } from './draft-entries.ts';

export const onDemandBlock: CrossCheck = {
  rule: 'A link with `use: on-demand` has the block `on-demand`, and no other link has it.',
  check: (entries) =>
    linksOf(entries).flatMap((link) => {
      const has = Object.hasOwn(link, 'on-demand');
      if (link.use === undefined || has === (link.use === 'on-demand')) return [];
      return has
        ? [
            {
              path: ['links', link.name, 'on-demand'],
              message: 'is for links with `use: on-demand`, must be left out, or use be on-demand',
              atKey: true,
            },
          ]
        : [
            {
              path: ['links', link.name, 'use'],
              message:
                'is on-demand, but the block on-demand, with up-command and down-command or with ppp, is missing',
            },
          ];
    }),
};

export const alwaysALink: CrossCheck = {
  rule: 'At least one link of a tunnel is always used.',
  check: (entries) =>
    entries.tunnels.flatMap((tunnel) => {
      const links = linksOfTunnel(entries, tunnel) ?? [];
      if (links.length === 0 || links.some(({ use }) => use !== 'on-demand')) return [];
      const path = ['tunnels', tunnel.name, ...(Object.hasOwn(tunnel, 'links') ? ['links'] : [])];
      const message = 'has links on demand only, must have at least one that is always used';
      return [{ path, message, atKey: true }];
    }),
};

export const demandWithoutLink: CrossCheck = {
  rule: 'A tunnel with `demand` has a link with `use: on-demand`.',
  check: (entries) =>
    entries.tunnels.flatMap((tunnel) => {
      const links = linksOfTunnel(entries, tunnel) ?? [];
      if (!Object.hasOwn(tunnel, 'demand') || links.length === 0) return [];
      if (links.some(({ use }) => use !== 'always')) return [];
      const message = 'asks for links on demand, but no link of the tunnel has `use: on-demand`';
      return [{ path: ['tunnels', tunnel.name, 'demand'], message, atKey: true }];
    }),
};

export const portsOfProtocol: CrossCheck = {
  rule: 'Traffic with ports is of TCP or UDP.',
  check: ({ tunnels }) =>
    tunnels.flatMap(({ name, demand }) =>
      indexed(demand?.traffic).flatMap(([index, { protocol, ports }]) => {
        if (protocol !== 'icmp' || ports === undefined) return [];
        const message = 'are given, but icmp has none, must be left out, or protocol be tcp or udp';
        return [{ path: ['tunnels', name, 'demand', 'traffic', index, 'ports'], message, atKey: true }];
      }),
    ),
};

export const familiesOfTraffic: CrossCheck = {
  rule: 'The networks in `from` and `to` of one entry of traffic have a family in common.',
  check: ({ tunnels }) =>
    tunnels.flatMap(({ name, demand }) =>
      indexed(demand?.traffic).flatMap(([index, { from, to }]) => {
        const [near, far] = [familiesOf(from), familiesOf(to)];
        if (near.size === 0 || far.size === 0 || !near.isDisjointFrom(far)) return [];
        const message = 'fits no packet: its networks in from and to are of different families';
        return [{ path: ['tunnels', name, 'demand', 'traffic', index], message }];
      }),
    ),
};

function familiesOf(networks: Parameters<typeof indexed<IpPrefix>>[0]): Set<IpFamily> {
  return new Set(indexed(networks).map(([, { address }]) => address.family));
}

export const thresholdsInOrder: CrossCheck = {
  rule: 'Of a tunnel, `demand.below` (given or by default) is less than `demand.above`.',
  check: ({ tunnels }) =>
    tunnels.flatMap(({ name, demand }) => {
      const { above, below } = demand ?? {};
      if (above === undefined || below === undefined || below < above) return [];
      const message = `is ${percent(below)}, must be less than above, which is ${percent(above)}`;
      return [{ path: ['tunnels', name, 'demand', 'below'], message }];
    }),
};

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
