/**
 * What a filter rule matches in the words of nftables.
 *
 * Contract: each text is one nftables rule's condition; a packet fits the filter rule when it fits one of them. Protocols are
 * numbers, so that nothing depends on /etc/protocols. Sets have no entries that overlap, which nft(8) refuses.
 * Source: nft(8) "PAYLOAD EXPRESSIONS", "META EXPRESSIONS"; IANA protocol numbers.
 */
import type { FilterMatch, FilterProtocol, PortRange } from './filter-rule.ts';
import { formatPorts } from './filter-rule.ts';
import { formatPrefix, type IpFamily, type IpPrefix, prefixContains } from './ip-address.ts';

export const tcpNumber = 6;

type Match = Omit<FilterMatch, 'direction'>;

/** One condition for each family; only one where addresses do not matter. */
export function filterConditions(match: Match): string[] {
  if (match.from.length + match.to.length === 0) return [joined([...transport(match, undefined)])];
  const families = ([4, 6] as const).filter(
    (family) => holdsFamily(match.from, family) && holdsFamily(match.to, family),
  );
  return families.map((family) => joined([...addresses(match, family), ...transport(match, family)]));
}

/** @param family undefined: both */
export function protocolNumbers(
  protocols: readonly FilterProtocol[],
  family: IpFamily | undefined,
): number[] {
  const numbers = protocols.flatMap((protocol) => {
    if (typeof protocol === 'number') return [protocol];
    if (protocol !== 'icmp') return [{ tcp: tcpNumber, udp: 17, esp: 50 }[protocol]];
    return { any: [1, 58], 4: [1], 6: [58] }[family ?? 'any'];
  });
  return [...new Set(numbers)].toSorted((one, other) => one - other);
}

function addresses({ from, to }: Match, family: IpFamily): string[] {
  const word = family === 4 ? 'ip' : 'ip6';
  const conditions = [
    ...addressCondition(`${word} saddr`, from, family),
    ...addressCondition(`${word} daddr`, to, family),
  ];
  return conditions.length === 0 ? [`meta nfproto ipv${family}`] : conditions;
}

function addressCondition(what: string, prefixes: readonly IpPrefix[], family: IpFamily): string[] {
  const own = widest(prefixes.filter(({ address }) => address.family === family));
  if (own.some(({ length }) => length === 0) || own.length === 0) return [];
  return [`${what} ${setOf(own.map(formatPrefix))}`];
}

function transport(match: Match, family: IpFamily | undefined): string[] {
  const numbers = protocolNumbers(match.protocols, family);
  return [
    ...(numbers.length === 0 ? [] : [`meta l4proto ${setOf(numbers.map(String))}`]),
    ...portCondition('th sport', match.sourcePorts),
    ...portCondition('th dport', match.ports),
  ];
}

function portCondition(what: string, ranges: readonly PortRange[]): string[] {
  return ranges.length === 0 ? [] : [`${what} ${setOf(mergedRanges(ranges).map(formatPorts))}`];
}

function holdsFamily(prefixes: readonly IpPrefix[], family: IpFamily): boolean {
  return prefixes.length === 0 || prefixes.some(({ address }) => address.family === family);
}

/** Without what lies in another one, or was there before. */
function widest(prefixes: readonly IpPrefix[]): IpPrefix[] {
  return prefixes.filter(
    (one, index) =>
      !prefixes.some((other, otherIndex) => {
        const holds = other.length <= one.length && prefixContains(other, one.address);
        return holds && (other.length < one.length || otherIndex < index);
      }),
  );
}

function mergedRanges(ranges: readonly PortRange[]): PortRange[] {
  const merged: PortRange[] = [];
  for (const range of ranges.toSorted((one, other) => one.first - other.first)) {
    const last = merged.at(-1);
    if (last === undefined || range.first > last.last + 1) merged.push(range);
    else merged.splice(-1, 1, { first: last.first, last: Math.max(last.last, range.last) });
  }
  return merged;
}

function setOf(members: readonly string[]): string {
  return members.length === 1 ? `${members[0]}` : `{ ${members.join(', ')} }`;
}

function joined(conditions: readonly string[]): string {
  return conditions.join(' ');
}
