/**
 * Traffic filters as an nftables table of their own.
 *
 *     forward ──▶ from a tunnel's device: jump in-TUNNEL ──▶ into a tunnel's device: jump out-TUNNEL ──▶ accepted
 *     input   ──▶ from a tunnel's device: jump in-TUNNEL
 *     output  ──▶ into a tunnel's device: jump out-TUNNEL
 *
 * Contract: only the table `inet backstay-filters` is touched, in one transaction that replaces it; there is none without
 * filters. What a tunnel accepts returns from its chain, so that a packet from one tunnel into another is asked twice,
 * and whatever other tables drop stays dropped. Every rule has a comment with the digest of its place and text, so that what
 * is loaded can be compared without reading nftables' own notation back. Counters have names, one for each configured
 * rule, whatever number of nftables rules it takes.
 * Source: nft(8) "VERDICT STATEMENTS", "REJECT STATEMENT", "CT STATEMENT"; seed row S4.9.
 */
import { filterConditions, protocolNumbers, tcpNumber } from './filter-match.ts';
import type { FilterAction, FilterRule, TunnelFilter } from './filter-rule.ts';
import { textDigest } from './text-digest.ts';

export const filterTable = 'backstay-filters';

/** What `nft -f -` reads; the first line makes the deletion succeed when there is no table yet. */
export function filterScript(filters: readonly TunnelFilter[]): string {
  return [
    `table inet ${filterTable}`,
    `delete table inet ${filterTable}`,
    ...(filters.length === 0 ? [] : tableLines(filters)),
    '',
  ].join('\n');
}

/** The comments of the rules that `filterScript` makes; undefined when it leaves no table. */
export function filterComments(filters: readonly TunnelFilter[]): string[] | undefined {
  if (filters.length === 0) return undefined;
  return chainsOf(filters).flatMap((chain) =>
    chain.rules.map((rule, index) => commentOf(chain.name, index, rule)),
  );
}

/** Whose packets a counter counts: a configured rule's, what belongs to accepted connections, or what no rule matched. */
export type Counted = Pick<FilterRule, 'list' | 'position'> | 'established' | 'default';

export function filterCounter(tunnel: string, counted: Counted): string {
  if (typeof counted === 'string') return `${counted}-of-${tunnel}`;
  const { list, position } = counted;
  return `${list === 'gateway' ? 'gateway-rule' : 'rule'}-${position}-of-${tunnel}`;
}

type TableRule = { readonly text: string; readonly label: string };
type Chain = { readonly name: string; readonly hook?: string; readonly rules: readonly TableRule[] };
type Direction = 'in' | 'out';

function tableLines(filters: readonly TunnelFilter[]): string[] {
  return [
    `table inet ${filterTable} {`,
    ...filters.flatMap(counterNames).map((name) => `  counter ${name} { }`),
    ...chainsOf(filters).flatMap(chainLines),
    '}',
  ];
}

function counterNames({ tunnel, rules }: TunnelFilter): string[] {
  return (['established', ...rules, 'default'] as const).map((counted) => filterCounter(tunnel, counted));
}

function chainLines(chain: Chain): string[] {
  const hook =
    chain.hook === undefined ? [] : [`    type filter hook ${chain.hook} priority filter; policy accept;`];
  const rules = chain.rules.map(
    (rule, index) => `    ${rule.text} comment "${commentOf(chain.name, index, rule)}"`,
  );
  return [`  chain ${chain.name} {`, ...hook, ...rules, '  }'];
}

function commentOf(chain: string, index: number, { text, label }: TableRule): string {
  return `${label}: ${textDigest(`${chain} ${index} ${text}`)}`;
}

function chainsOf(filters: readonly TunnelFilter[]): Chain[] {
  const from = filters.map((filter) => jump(filter, 'in', 'iifname'));
  const into = filters.map((filter) => jump(filter, 'out', 'oifname'));
  return [
    ...filters.flatMap((filter) => [tunnelChain(filter, 'in'), tunnelChain(filter, 'out')]),
    { name: 'forward', hook: 'forward', rules: [...from, ...into] },
    { name: 'input', hook: 'input', rules: from },
    { name: 'output', hook: 'output', rules: into },
  ];
}

function jump(
  { tunnel, device }: TunnelFilter,
  direction: Direction,
  side: 'iifname' | 'oifname',
): TableRule {
  return {
    text: `${side} "${device}" jump ${direction}-${tunnel}`,
    label: `${direction} ${tunnel}`,
  };
}

function tunnelChain(filter: TunnelFilter, direction: Direction): Chain {
  const { tunnel, rules, otherwise } = filter;
  const here = rules.filter((rule) => rule.direction === 'both' || rule.direction === direction);
  return {
    name: `${direction}-${tunnel}`,
    rules: [
      {
        text: `ct state established,related ${counting(tunnel, 'established')} return`,
        label: 'accepted connections',
      },
      ...here.flatMap((rule) => configuredRules(tunnel, rule)),
      { text: `${counting(tunnel, 'default')} ${verdicts[otherwise]}`, label: 'everything else' },
    ],
  };
}

function configuredRules(tunnel: string, rule: FilterRule): TableRule[] {
  const label = rule.name ?? `${rule.list} rule ${rule.position}`;
  return verdictsOf(rule).flatMap(({ match, verdict }) =>
    filterConditions(match).map((condition) => {
      const text = `${counting(tunnel, rule)} ${verdict}`;
      return { text: condition === '' ? text : `${condition} ${text}`, label };
    }),
  );
}

const verdicts = {
  accept: 'return',
  drop: 'drop',
  reject: 'reject with icmpx admin-prohibited',
} as const satisfies Record<FilterAction, string>;

/** A TCP client gives up at once when it is answered by a reset, as by a port where nobody listens; others get ICMP. */
function verdictsOf(rule: FilterRule): { readonly match: FilterRule; readonly verdict: string }[] {
  const general = { match: rule, verdict: verdicts[rule.action] };
  const numbers = protocolNumbers(rule.protocols, undefined);
  if (rule.action !== 'reject' || (numbers.length > 0 && !numbers.includes(tcpNumber))) return [general];
  const reset = { match: { ...rule, protocols: [tcpNumber] }, verdict: 'reject with tcp reset' };
  const others = rule.protocols.filter((protocol) => protocol !== 'tcp' && protocol !== tcpNumber);
  if (numbers.length === 0) return [reset, general];
  return others.length === 0 ? [reset] : [reset, { ...general, match: { ...rule, protocols: others } }];
}

function counting(tunnel: string, counted: Counted): string {
  return `counter name "${filterCounter(tunnel, counted)}"`;
}
