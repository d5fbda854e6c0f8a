/**
 * Network-directed routing: a link's packets leave by the link's own interface, next hop and address, whatever the
 * main table says and also when several links share one interface.
 *
 * Contract: each link has a table and a mark from its index. Packets of a socket with the mark (SO_MARK) see nothing
 * but the link's table. Packets that only carry the link's address (an accepted TCP connection, the reverse lookup of
 * strict rp_filter) see, in this order: the link's own segment, the main table's special ways (the private network, the
 * tunnels), the link's default way. Without the middle step an answer from the link's address to the private network would
 * leave through the provider, and packets for a tunnel's networks would leave unencrypted.
 * TCP connections by these routes announce segments that fit every link that may be configured: a link that takes less than its
 * interface and does not say so carries them too. Both ends announce it, so it holds both ways.
 * Source: seed row S4.6; rtnetlink(7), ip-rule(8), RFC 3704 section 2 (strict reverse path), RFC 6691 (MSS).
 */
import type { DesiredLink, LinkFamily } from './desired-state.ts';
import { type IpFamily, type IpPrefix, ipAddressOf } from './ip-address.ts';
import { mainTable, type Route, type Rule } from './route.ts';

/** Marks, tables: 256 of each, so that whatever lies in the range is known to be a link's. */
export const maxLinkIndex = 255;

/** SO_MARK of the link's sockets: `BS` and the index. */
export function linkMark(index: number): number {
  return 0x42530000 + index;
}

export function linkTable(index: number): number {
  return linkTableBase + index;
}

/** The index of the link that the table belongs to. */
export function linkIndexOfTable(table: number): number | undefined {
  const index = table - linkTableBase;
  return index >= 0 && index <= maxLinkIndex ? index : undefined;
}

/** Before `main` (32766) and after what operators usually put at the head (up to some thousand). */
export const rulePriority = { mark: 7300, ownSegment: 7301, special: 7302, link: 7303 } as const;

const linkTableBase = 7300;

/** The kernel's own default for IPv6; said for both families so that it reads back the same. */
const linkRouteMetric = 1024;

/** What is left of the least `mtu` of a link (1280 bytes, IPv6's least) behind the IP header and 20 bytes of TCP's. */
const linkMss = { 4: 1240, 6: 1220 } as const;

/** Prefixes up to this length are default ways: `default` itself and the halves that `tunnel-routing.ts` makes of it. */
const defaultWayLength = 1;

export function linkRoutes(link: DesiredLink, way: LinkFamily): Route[] {
  const route = { family: way.family, table: linkTable(link.index), metric: linkRouteMetric } as const;
  const advertisedMss = linkMss[way.family];
  const out = { type: 'unicast', device: link.interface, source: way.address, advertisedMss } as const;
  return [
    ...way.onLink.map((destination): Route => ({ ...route, ...out, destination })),
    { ...route, ...out, destination: everything(way.family), gateway: way.gateway },
  ];
}

/** `ownsAddress` is false where an earlier link has the same address: the address alone then means that link. */
export function linkRules(link: DesiredLink, way: LinkFamily, ownsAddress: boolean): Rule[] {
  const { family, address: from } = way;
  const table = linkTable(link.index);
  const byMark: Rule = { family, priority: rulePriority.mark, mark: linkMark(link.index), table };
  if (!ownsAddress) return [byMark];
  return [
    byMark,
    {
      family,
      priority: rulePriority.ownSegment,
      from,
      table,
      suppressPrefixLength: defaultWayLength,
    },
    {
      family,
      priority: rulePriority.special,
      from,
      table: mainTable,
      suppressPrefixLength: defaultWayLength,
    },
    { family, priority: rulePriority.link, from, table },
  ];
}

export function everything(family: IpFamily): IpPrefix {
  return { address: ipAddressOf(new Uint8Array(family === 4 ? 4 : 16)), length: 0 };
}
