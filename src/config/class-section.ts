/** Traffic classes: the list `classes` of a tunnel. */

import { z } from 'zod';
import type { FilterProtocol, PortRange } from '../network/filter-rule.ts';
import type { IpPrefix } from '../network/ip-address.ts';
import { packetFields } from './filter-section.ts';
import { listOf, oneOrMore } from './list-fields.ts';
import { givenName } from './name-fields.ts';
import { choice, numeralField } from './text-field.ts';
import { wrongValue } from './wording.ts';

const maximumClasses = 32;
const maximumEntries = 64;

/** Traffic of one kind, and how it is carried; an empty list matches everything. */
export type TrafficClass = {
  readonly name: string | undefined;
  readonly mode: 'spread' | 'duplicate' | 'pin';
  readonly from: readonly IpPrefix[];
  readonly to: readonly IpPrefix[];
  readonly protocols: readonly FilterProtocol[];
  readonly ports: readonly PortRange[];
  readonly sourcePorts: readonly PortRange[];
  readonly dscps: readonly number[];
};

const classSchema = z
  .strictObject(
    {
      name: givenName().optional().meta({ description: 'What this class is called.', shownDefault: 'none' }),
      mode: choice('spread', 'duplicate', 'pin').meta({
        description:
          'How the packets are carried. `spread`: over all links, each on the one where it arrives first. `duplicate`: over ' +
          'two links at once, and the first copy counts; for calls. `pin`: over one link as long as it works.',
      }),
      ...packetFields(),
      dscp: oneOrMore(dscp(), maximumEntries).default([]).meta({
        description: 'The code point of differentiated services that the packets carry (RFC 2474).',
        shownDefault: 'any',
      }),
    },
    { error: (issue) => wrongValue(issue.input, 'a map with at least mode') },
  )
  .superRefine((parsed, context) => {
    const { protocol: protocols } = parsed;
    if (protocols.length > 0 && protocols.every((one) => one === 'tcp' || one === 'udp')) return;
    for (const key of ['ports', 'source-ports'] as const) {
      if (parsed[key].length === 0) continue;
      const message = 'needs a protocol that has ports, must stand beside protocol tcp, udp or both';
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });

export type ParsedClass = z.output<typeof classSchema>;

export function classList() {
  return listOf(classSchema, maximumClasses).default([]);
}

export function resolveClass(parsed: ParsedClass): TrafficClass {
  const { name, mode, from, to, protocol: protocols, ports: destinations, dscp: dscps } = parsed;
  const sourcePorts = parsed['source-ports'];
  return { name, mode, from, to, protocols, ports: destinations, sourcePorts, dscps };
}

/** RFC 2474, 2597, 3246, 5865, 8622. */
const codePoints: ReadonlyMap<string, number> = new Map([
  ...Array.from({ length: 8 }, (_, index): [string, number] => [`cs${index}`, 8 * index]),
  ...[1, 2, 3, 4].flatMap((group) =>
    [1, 2, 3].map((drop): [string, number] => [`af${group}${drop}`, 8 * group + 2 * drop]),
  ),
  ['ef', 46],
  ['va', 44],
  ['le', 1],
]);

function dscp() {
  return numeralField<number>('a code point from 0 to 63 or its name, such as ef, af41 or cs3', (text) => {
    const named = codePoints.get(text);
    if (named !== undefined) return { value: named };
    return /^(?:0|[1-9]\d?)$/.test(text) && Number(text) < 64
      ? { value: Number(text) }
      : { wrong: undefined };
  });
}
