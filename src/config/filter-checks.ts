/** What must fit together within a traffic filter and within a list of them. */

import type { FilterMatch, FilterProtocol, PortRange } from '../network/filter-rule.ts';
import { type IpPrefix, prefixContains } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import type { FilterDraft } from './draft.ts';
import { type DraftEntries, FirstClaims, indexed } from './draft-entries.ts';
import { matchOf, type ParsedFilter } from './filter-section.ts';
import { type Finding, formatPath, type SettingPath } from './mistake.ts';

export const portsNeedProtocol: CrossCheck = {
  rule: 'A filter with ports names its protocol: tcp, udp or both.',
  check: (entries) =>
    placedFilters(entries).flatMap(({ path, filter }) => {
      const { protocol } = filter;
      if (protocol === undefined || protocol.includes(undefined)) return [];
      if (protocol.length > 0 && protocol.every((one) => one === 'tcp' || one === 'udp')) return [];
      const keys = (['ports', 'source-ports'] as const).filter((key) => (filter[key]?.length ?? 0) > 0);
      const message = 'needs a protocol that has ports, must stand beside protocol tcp, udp or both';
      return keys.map((key) => ({ path: [...path, key], message, atKey: true }));
    }),
};

export const sameFamilies: CrossCheck = {
  rule: 'A filter with `from` and `to` has the same families in both.',
  check: (entries) =>
    placedFilters(entries).flatMap(({ path, filter: { from, to } }) => {
      if (!given(from) || !given(to)) return [];
      const [source, destination] = [familiesOf(from), familiesOf(to)];
      if (source === destination) return [];
      const message = `is ${destination} and from is ${source}, must be the same families in both`;
      return [{ path: [...path, 'to'], message, atKey: true }];
    }),
};

export const sameFilterName: CrossCheck = {
  rule: 'No two filters of a list have the same name.',
  check: (entries) =>
    filterLists(entries).flatMap(({ path, filters }) => {
      const names = new FirstClaims<number>();
      return indexed(filters).flatMap(([index, { name }]) => {
        const owner = name === undefined ? undefined : names.claim(name, index);
        if (owner === undefined) return [];
        const message = `${name} is the name of ${formatPath([...path, owner])} already, must be another one`;
        return [{ path: [...path, index, 'name'], message }];
      });
    }),
};

export const neverMatches: CrossCheck = {
  rule: 'No filter before another one (in `gateway.filters` or in its own list) takes all of its packets.',
  check: (entries) => {
    const [ofGateway, ...ofTunnels] = filterLists(entries).map(completeFilters);
    const own = ofTunnels.flatMap((filters) => hiddenFilters(filters, ofGateway ?? []));
    return [...hiddenFilters(ofGateway ?? [], []), ...own];
  },
};

type FilterList = { readonly path: SettingPath; readonly filters: readonly (FilterDraft | undefined)[] };
type Placed<Filter> = { readonly path: SettingPath; readonly filter: Filter };

/** The gateway's first. */
function filterLists({ gatewayFilters, tunnels }: DraftEntries): FilterList[] {
  return [
    { path: ['gateway', 'filters'], filters: gatewayFilters ?? [] },
    ...tunnels.map(({ name, filters }) => ({ path: ['tunnels', name, 'filters'], filters: filters ?? [] })),
  ];
}

function placedFilters(entries: DraftEntries): Placed<NonNullable<FilterDraft>>[] {
  return filterLists(entries).flatMap(({ path, filters }) =>
    indexed(filters).map(([index, filter]) => ({ path: [...path, index], filter })),
  );
}

/** Those without a mistake of their own. */
function completeFilters({ path, filters }: FilterList): Placed<FilterMatch>[] {
  return indexed(filters).flatMap(([index, filter]) => {
    const values = Object.values(filter ?? {}).flat();
    if (filter === undefined || values.includes(undefined)) return [];
    return [{ path: [...path, index], filter: matchOf(filter as ParsedFilter) }];
  });
}

function hiddenFilters(
  filters: readonly Placed<FilterMatch>[],
  before: readonly Placed<FilterMatch>[],
): Finding[] {
  return filters.flatMap(({ path, filter }, index) => {
    const hiding = [...before, ...filters.slice(0, index)].find((earlier) =>
      takesAll(earlier.filter, filter),
    );
    if (hiding === undefined) return [];
    const message =
      `can never match, because ${formatPath(hiding.path)} takes all of its packets before, ` +
      'must be left out or stand before that';
    return [{ path, message }];
  });
}

function takesAll(earlier: FilterMatch, later: FilterMatch): boolean {
  return (
    (earlier.direction === 'both' || earlier.direction === later.direction) &&
    holdsAll(earlier.protocols, later.protocols, sameProtocol) &&
    holdsAll(earlier.ports, later.ports, holdsPorts) &&
    holdsAll(earlier.sourcePorts, later.sourcePorts, holdsPorts) &&
    holdsAll(earlier.from, later.from, holdsPrefix) &&
    holdsAll(earlier.to, later.to, holdsPrefix)
  );
}

/** Empty lists hold everything. */
function holdsAll<Entry>(
  wide: readonly Entry[],
  narrow: readonly Entry[],
  holds: (one: Entry, other: Entry) => boolean,
): boolean {
  if (wide.length === 0) return true;
  return narrow.length > 0 && narrow.every((other) => wide.some((one) => holds(one, other)));
}

function sameProtocol(one: FilterProtocol, other: FilterProtocol): boolean {
  return one === other || (one === 'icmp' && (other === 1 || other === 58));
}

function holdsPorts(one: PortRange, other: PortRange): boolean {
  return one.first <= other.first && other.last <= one.last;
}

function holdsPrefix(one: IpPrefix, other: IpPrefix): boolean {
  return one.length <= other.length && prefixContains(one, other.address);
}

type PrefixesDraft = readonly (IpPrefix | undefined)[];

/** Written, and without a mistake. */
function given(prefixes: PrefixesDraft | undefined): prefixes is IpPrefix[] {
  return prefixes !== undefined && prefixes.length > 0 && !prefixes.includes(undefined);
}

function familiesOf(prefixes: readonly IpPrefix[]): string {
  const families = [...new Set(prefixes.map(({ address }) => address.family))].toSorted();
  return families.map((family) => `IPv${family}`).join(' and ');
}
