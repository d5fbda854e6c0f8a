/**
 * The nftables table that counts the traffic which may cause a dial, per tunnel and direction, without touching it.
 *
 * Contract: only the table `inet backstay-demand` is spoken of, in one transaction that replaces it. A packet that several
 * entries fit is counted once. What is sent is seen on its way into the tunnel's device, what is received when it comes
 * out of it, both with the addresses that the private networks know. Entries are written as what is sent: in what is
 * received, addresses and ports change places. Source: nft(8) "Counter", S4.8.
 */
import type { TrafficRule } from '../config/index.ts';
import { formatPrefix, type IpFamily, type IpPrefix, prefixContains } from './ip-address.ts';

type PortRange = NonNullable<TrafficRule['ports']>[number];

export const trafficTable = 'backstay-demand';

export type CountedTunnel = {
  /** The number by which its counters are named. */
  readonly id: number;
  readonly device: string;
  readonly traffic: readonly TrafficRule[];
};

export type TrafficDirection = 'sent' | 'received';

export function counterName(tunnel: number, direction: TrafficDirection): string {
  return `${direction}_${tunnel}`;
}

/** What `nft -f -` reads. Without tunnels no table is left. */
export function trafficScript(tunnels: readonly CountedTunnel[]): string {
  const lines = [`table inet ${trafficTable}`, `delete table inet ${trafficTable}`];
  if (tunnels.length > 0) lines.push(...tableLines(tunnels));
  return `${lines.join('\n')}\n`;
}

function tableLines(tunnels: readonly CountedTunnel[]): string[] {
  const counters = tunnels.flatMap(({ id }) => [
    `  counter ${counterName(id, 'sent')} { }`,
    `  counter ${counterName(id, 'received')} { }`,
  ]);
  return [
    `table inet ${trafficTable} {`,
    ...counters,
    '  chain sent {',
    '    type filter hook postrouting priority srcnat - 10; policy accept;',
    ...tunnels.flatMap((tunnel) => ruleLines(tunnel, 'sent')),
    '  }',
    '  chain received {',
    '    type filter hook prerouting priority dstnat + 10; policy accept;',
    ...tunnels.flatMap((tunnel) => ruleLines(tunnel, 'received')),
    '  }',
    '}',
  ];
}

function ruleLines({ id, device, traffic }: CountedTunnel, direction: TrafficDirection): string[] {
  const side = direction === 'sent' ? `oifname "${device}"` : `iifname "${device}"`;
  return traffic.flatMap((rule) =>
    matches(rule, direction).map((match) => {
      const words = [side, ...match, 'counter name', counterName(id, direction), 'accept'];
      return `    ${words.join(' ')}`;
    }),
  );
}

/** One match for each family that the entry's networks allow; one for both where it has none. */
function matches({ protocol, from, to, ports }: TrafficRule, direction: TrafficDirection): string[][] {
  const [near, far, port] = direction === 'sent' ? ['saddr', 'daddr', 'dport'] : ['daddr', 'saddr', 'sport'];
  const ends = [...protocolMatch(protocol), ...portMatch(ports, port)];
  if (from === undefined && to === undefined) return [ends];
  return ([4, 6] as const).flatMap((family) => {
    const sides = [networkMatch(from, near, family), networkMatch(to, far, family)];
    return sides.includes(undefined) ? [] : [[...(sides as string[][]).flat(), ...ends]];
  });
}

function protocolMatch(protocol: TrafficRule['protocol']): string[] {
  if (protocol === undefined) return [];
  return [protocol === 'icmp' ? 'meta l4proto { icmp, ipv6-icmp }' : `meta l4proto ${protocol}`];
}

function portMatch(ports: TrafficRule['ports'], word: string): string[] {
  if (ports === undefined) return [];
  const texts = merged(ports).map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return [`meta l4proto { tcp, udp } th ${word} { ${texts.join(', ')} }`];
}

/** undefined: the entry has networks, but none of this family. */
function networkMatch(
  networks: readonly IpPrefix[] | undefined,
  word: string,
  family: IpFamily,
): string[] | undefined {
  if (networks === undefined) return [];
  const own = networks.filter(({ address }) => address.family === family);
  if (own.length === 0) return undefined;
  // A set of nftables has no element for all addresses.
  if (own.some(({ length }) => length === 0)) return [`meta nfproto ipv${family}`];
  const texts = widest(own).map(formatPrefix);
  return [`${family === 4 ? 'ip' : 'ip6'} ${word} { ${texts.join(', ')} }`];
}

/** A set of nftables refuses elements that overlap. */
function widest(networks: readonly IpPrefix[]): IpPrefix[] {
  return networks.filter(
    (one, index) =>
      !networks.some((other, place) => {
        const isInside = other.length <= one.length && prefixContains(other, one.address);
        return isInside && (other.length < one.length || place < index);
      }),
  );
}

function merged(ranges: readonly PortRange[]): PortRange[] {
  const result: PortRange[] = [];
  for (const { first, last } of ranges.toSorted((one, other) => one.first - other.first)) {
    const before = result.at(-1);
    if (before === undefined || first > before.last + 1) result.push({ first, last });
    else result[result.length - 1] = { first: before.first, last: Math.max(before.last, last) };
  }
  return result;
}
