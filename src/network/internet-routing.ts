/**
 * Plain traffic to the internet, outside of the tunnels, by the links that were chosen for it: routes and routing rules.
 *
 * Contract: the main table is neither written nor passed over: its ways to anything but the default route come first (the
 * private network, the tunnels, also the halves that stand for a tunnel's default route). Then a connection's own link, by
 * the mark that `internet-table.ts` gives its packets; then the default route of the choice, which the machine's own
 * packets take, with the link's address as their source. Without a choice the main table's default route is what is left.
 * Own packets take one link at a time: several next hops in one route have no source address of their own, which is wrong
 * where two links share an interface. Source: S1.6, S1.12; ip-rule(8), ip-route(8).
 */
import type { DesiredLink, DesiredState, LinkFamily } from './desired-state.ts';
import type { IpFamily } from './ip-address.ts';
import { everything, linkTable } from './link-routing.ts';
import { mainTable, type Route, type Rule } from './route.ts';

/** Right behind those of `link-routing.ts`. */
export const internetPriority = { special: 7304, connection: 7305, choice: 7306 } as const;

/** Right below the tables of the links. */
export const internetTable = 7299;

const metric = 1024;

/** Mark of a connection over the link, and of its packets: `BT` and the index; `BS` are the tunnels' sockets. */
export function internetMark(index: number): number {
  return internetMarks.value + index;
}

export const internetMarks = { value: 0x42540000, mask: 0xffff0000 } as const;

/** A link that may carry, in one family in which it can. */
export type InternetWay = { readonly link: DesiredLink; readonly way: LinkFamily };

/** In the order of the links. */
export function internetWays({ internet, links }: DesiredState): InternetWay[] {
  const wanted = links.filter(({ index }) => internet?.links.includes(index));
  return wanted.flatMap((link) => link.families.map((way) => ({ link, way })));
}

export function internetRoutes(desired: DesiredState): Route[] {
  return (desired.internet?.choices ?? []).flatMap(({ family, carriers }): Route[] => {
    const found = carriers
      .map((carrier) => wayOf(desired, carrier.link, family))
      .find((it) => it !== undefined);
    if (found === undefined) return [];
    const { link, way } = found;
    const route = { family, table: internetTable, metric, destination: everything(family) };
    const { gateway, address: source } = way;
    return [{ ...route, type: 'unicast', device: link.interface, gateway, source, advertisedMss: undefined }];
  });
}

export function internetRules(desired: DesiredState): Rule[] {
  const ways = internetWays(desired);
  return ([4, 6] as const).flatMap((family): Rule[] => {
    const own = ways.filter(({ way }) => way.family === family);
    if (own.length === 0) return [];
    return [
      // Length 0: the halves of a tunnel's default route count as special.
      { family, priority: internetPriority.special, table: mainTable, suppressPrefixLength: 0 },
      ...own.map(({ link: { index } }): Rule => {
        return {
          family,
          priority: internetPriority.connection,
          mark: internetMark(index),
          table: linkTable(index),
        };
      }),
      { family, priority: internetPriority.choice, table: internetTable },
    ];
  });
}

/** Whether the rule is one of those above. */
export function isInternetRule({ priority }: Pick<Rule, 'priority'>): boolean {
  return priority >= internetPriority.special && priority <= internetPriority.choice;
}

function wayOf(desired: DesiredState, index: number, family: IpFamily): InternetWay | undefined {
  return internetWays(desired).find(({ link, way }) => link.index === index && way.family === family);
}
