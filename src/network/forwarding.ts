/**
 * Our nftables table: TCP segment sizes of forwarded connections fit the tunnel.
 *
 * Contract: only the table `inet backstay` is touched, in one transaction that replaces it. Every rule has a comment with
 * the digest of its text, so that what is loaded can be compared without reading nftables' own notation back. However many
 * tunnels there are, a forwarded packet is asked a few rules: tunnels of one size share them.
 * A host behind the gateway thus needs no path MTU discovery for TCP, and its segments are never fragmented.
 * Source: RFC 4459 section 3.2 (signalling the lower MTU), RFC 6691 (MSS from MTU), nft(8) "TCP option".
 */
import type { DesiredTunnelDevice } from './desired-state.ts';
import { textDigest } from './text-digest.ts';

export const firewallTable = 'backstay';

/** Fixed header of IP and of TCP without options (RFC 6691). */
const headerBytes = { ipv4: 40, ipv6: 60 } as const;

/** What `nft -f -` reads; the first line makes the deletion succeed when there is no table yet. */
export function firewallScript(devices: readonly DesiredTunnelDevice[]): string {
  const rules = clampRules(devices);
  return [
    `table inet ${firewallTable}`,
    `delete table inet ${firewallTable}`,
    ...(rules.length === 0 ? [] : tableLines(rules)),
    '',
  ].join('\n');
}

/** The comments of the rules that `firewallScript` makes; undefined when it leaves no table. */
export function firewallComments(devices: readonly DesiredTunnelDevice[]): string[] | undefined {
  const comments = clampRules(devices).map(commentOf);
  return comments.length === 0 ? undefined : comments;
}

type FirewallRule = { readonly text: string; readonly label: string };

/**
 * Outward the route's MTU counts, which may be smaller than the device's. Inward the route leads to the private network,
 * so the tunnel's size is said as a number; the kernel only ever lowers what the packet has.
 */
function clampRules(devices: readonly DesiredTunnelDevice[]): FirewallRule[] {
  if (devices.length === 0) return [];
  const outward = {
    text: `oifname ${nameSet(devices)} tcp flags syn tcp option maxseg size set rt mtu`,
    label: 'into tunnels: segments fit the route',
  };
  const bySize = Map.groupBy(devices, ({ mtu }) => mtu);
  return [outward, ...[...bySize].flatMap(([mtu, alike]) => inwardRules(mtu, alike))];
}

function inwardRules(mtu: number, devices: readonly DesiredTunnelDevice[]): FirewallRule[] {
  return (['ipv4', 'ipv6'] as const).map((protocol) => {
    const bytes = mtu - headerBytes[protocol];
    const from = `iifname ${nameSet(devices)} meta nfproto ${protocol}`;
    return {
      text: `${from} tcp flags syn tcp option maxseg size set ${bytes}`,
      label: `from tunnels, ${protocol}: segments up to ${bytes} bytes`,
    };
  });
}

function nameSet(devices: readonly DesiredTunnelDevice[]): string {
  return `{ ${devices.map(({ name }) => `"${name}"`).join(', ')} }`;
}

function commentOf({ text, label }: FirewallRule): string {
  return `${label}: ${textDigest(text)}`;
}

function tableLines(rules: readonly FirewallRule[]): string[] {
  return [
    `table inet ${firewallTable} {`,
    '  chain forward {',
    '    type filter hook forward priority mangle; policy accept;',
    ...rules.map((rule) => `    ${rule.text} comment "${commentOf(rule)}"`),
    '  }',
    '}',
  ];
}
