/** Traffic filters: the lists `filters` of the gateway and of each tunnel. */

import { z } from 'zod';
import type { FilterMatch, FilterProtocol, PortRange } from '../network/filter-rule.ts';
import { networkOrAddress } from './address-fields.ts';
import { listOf, oneOrMore } from './list-fields.ts';
import { givenName } from './name-fields.ts';
import { choice, numeralField } from './text-field.ts';
import { wrongValue } from './wording.ts';

/** More is no filter that a person keeps in mind, and comparing each with each takes long. */
const maximumFilters = 128;
const maximumEntries = 64;

/** What tells packets by their headers, for whatever is then done with them. */
export function packetFields() {
  return {
    from: oneOrMore(networkOrAddress(), maximumEntries)
      .default([])
      .meta({ description: 'Source addresses inside the tunnel.', shownDefault: 'any' }),
    to: oneOrMore(networkOrAddress(), maximumEntries)
      .default([])
      .meta({ description: 'Destination addresses inside the tunnel.', shownDefault: 'any' }),
    protocol: oneOrMore(protocol(), 16).default([]).meta({
      description: 'The protocol. `icmp` is ICMP in IPv4 and ICMPv6 in IPv6.',
      shownDefault: 'any',
    }),
    ports: oneOrMore(ports(), maximumEntries)
      .default([])
      .meta({ description: 'Destination ports of TCP or UDP.', shownDefault: 'any' }),
    'source-ports': oneOrMore(ports(), maximumEntries)
      .default([])
      .meta({ description: 'Source ports of TCP or UDP.', shownDefault: 'any' }),
  };
}

const filterSchema = z.strictObject(
  {
    name: givenName().optional().meta({
      description: 'What `backstay status` calls this filter.',
      shownDefault: 'its place in the list',
    }),
    action: choice('accept', 'drop', 'reject').meta({
      description:
        'What happens to packets that match: `drop` says nothing, `reject` answers TCP with a reset and everything else ' +
        'with an ICMP error.',
    }),
    direction: choice('in', 'out', 'both')
      .default('both')
      .meta({ description: '`out` is what goes to the peer, `in` is what comes from it.' }),
    ...packetFields(),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with at least action') },
);

export type ParsedFilter = z.output<typeof filterSchema>;

export function filterList() {
  return listOf(filterSchema, maximumFilters).default([]);
}

export function filterDefault() {
  return choice('accept', 'drop').default('accept');
}

/** What a filter looks at. */
export function matchOf(filter: ParsedFilter): FilterMatch {
  const { direction, from, to, protocol, ports } = filter;
  return { direction, from, to, protocols: protocol, ports, sourcePorts: filter['source-ports'] };
}

function protocol() {
  return numeralField<FilterProtocol>('tcp, udp, icmp, esp or a protocol number from 0 to 255', (text) => {
    const named = namedProtocols.get(text);
    if (named !== undefined) return { value: named };
    return /^(?:0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255
      ? { value: Number(text) }
      : { wrong: undefined };
  });
}

/** By name or number; a number that has a name is the same protocol. ICMP's means that of one family only. */
const namedProtocols: ReadonlyMap<string, FilterProtocol> = new Map<string, FilterProtocol>([
  ['tcp', 'tcp'],
  ['6', 'tcp'],
  ['udp', 'udp'],
  ['17', 'udp'],
  ['icmp', 'icmp'],
  ['esp', 'esp'],
  ['50', 'esp'],
]);

function ports() {
  return numeralField<PortRange>('a port from 1 to 65535 or a range such as 8000-8100', (text) => {
    const parts = /^(?<first>[1-9]\d{0,4})(?:-(?<last>[1-9]\d{0,4}))?$/.exec(text)?.groups;
    if (parts === undefined) return { wrong: undefined };
    const first = Number(parts['first']);
    const last = Number(parts['last'] ?? first);
    if (first > 65535 || last > 65535) return { wrong: undefined };
    return first <= last ? { value: { first, last } } : { wrong: 'which ends before it begins' };
  });
}
