/**
 * Our nftables table: TCP segment sizes of forwarded connections fit the tunnel.
 *
 * Contract: only the table `inet backstay` is touched, in one transaction that replaces it. Every rule has a comment
 * that says all of its content, so that what is loaded can be compared without reading nftables' own notation back.
 * A host behind the gateway thus needs no path MTU discovery for TCP, and its segments are never fragmented.
 * Source: RFC 4459 section 3.2 (signalling the lower MTU), RFC 6691 (MSS from MTU), nft(8) "TCP option".
 */
import type { DesiredTunnelDevice } from './desired-state.ts';

export const firewallTable = 'backstay';

/** Fixed header of IP and of TCP without options (RFC 6691). */
const headerBytes = { ipv4: 40, ipv6: 60 } as const;

/** What `nft -f -` reads; the first line makes the deletion succeed when there is no table yet. */
export function firewallScript(devices: readonly DesiredTunnelDevice[]): string {
  const rules = devices.flatMap(clampRules);
  return [
    `table inet ${firewallTable}`,
    `delete table inet ${firewallTable}`,
    ...(rules.length === 0 ? [] : tableLines(rules)),
    '',
  ].join('\n');
}

/** The comments of the rules that `firewallScript` makes; undefined when it leaves no table. */
export function firewallComments(devices: readonly DesiredTunnelDevice[]): string[] | undefined {
  const comments = devices.flatMap(clampRules).map((rule) => rule.comment);
  return comments.length === 0 ? undefined : comments;
}

type FirewallRule = { readonly match: string; readonly action: string; readonly comment: string };

/**
 * Outward the route's MTU counts, which may be smaller than the device's. Inward the route leads to the private network,
 * so the tunnel's size is said as a number; the kernel only ever lowers what the packet has.
 */
function clampRules({ name, mtu }: DesiredTunnelDevice): FirewallRule[] {
  const inward = (['ipv4', 'ipv6'] as const).map((protocol) => {
    const bytes = mtu - headerBytes[protocol];
    return {
      match: `iifname "${name}" meta nfproto ${protocol}`,
      action: `tcp flags syn tcp option maxseg size set ${bytes}`,
      comment: `from ${name}, ${protocol}: segments up to ${bytes} bytes`,
    };
  });
  const outward = {
    match: `oifname "${name}"`,
    action: 'tcp flags syn tcp option maxseg size set rt mtu',
    comment: `into ${name}: segments fit the route`,
  };
  return [outward, ...inward];
}

function tableLines(rules: readonly FirewallRule[]): string[] {
  return [
    `table inet ${firewallTable} {`,
    '  chain forward {',
    '    type filter hook forward priority mangle; policy accept;',
    ...rules.map((rule) => `    ${rule.match} ${rule.action} comment "${rule.comment}"`),
    '  }',
    '}',
  ];
}
