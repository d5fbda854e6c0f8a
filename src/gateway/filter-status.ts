/** The traffic filters of a tunnel as the status document shows them (`api/status.ts` says what the fields mean). */
import type { FilterStatus } from '../api/status.ts';
import type { TunnelConfig } from '../config/index.ts';
import type { TrafficCount } from '../linux/nftables.ts';
import { type FilterRule, formatPorts } from '../network/filter-rule.ts';
import { filterCounter } from '../network/filter-table.ts';
import { formatPrefix } from '../network/ip-address.ts';

export type FilterCounts = ReadonlyMap<string, TrafficCount>;

export function filterStatus(
  { name, filter }: Pick<TunnelConfig, 'name' | 'filter'>,
  counts: FilterCounts,
): FilterStatus[] {
  if (filter === undefined) return [];
  const { rules, otherwise } = filter;
  const counted = (what: Parameters<typeof filterCounter>[1]) =>
    countOf(counts.get(filterCounter(name, what)));
  return [
    { list: 'accepted', action: 'accept', direction: 'both', ...counted('established') },
    ...rules.map((rule) => ({ ...ruleStatus(rule), ...counted(rule) })),
    { list: 'default', action: otherwise, direction: 'both', ...counted('default') },
  ];
}

function ruleStatus(rule: FilterRule): FilterStatus {
  const { list, position, name, action, direction } = rule;
  return {
    list,
    position,
    ...(name !== undefined && { name }),
    action,
    direction,
    ...texts('from', rule.from, formatPrefix),
    ...texts('to', rule.to, formatPrefix),
    ...texts('protocol', rule.protocols, String),
    ...texts('ports', rule.ports, formatPorts),
    ...texts('sourcePorts', rule.sourcePorts, formatPorts),
  };
}

function texts<Key extends keyof FilterStatus, Entry>(
  key: Key,
  entries: readonly Entry[],
  textOf: (entry: Entry) => string,
): Partial<Record<Key, string[]>> {
  return entries.length === 0 ? {} : ({ [key]: entries.map(textOf) } as Record<Key, string[]>);
}

function countOf(count: TrafficCount | undefined): Partial<TrafficCount> {
  return count === undefined ? {} : { packets: count.packets, bytes: count.bytes };
}
