/** Judges a link of the configuration on the machine as it is: interface, address, next hop, MTU, reverse path, port. Pure. */
import type { Config, LinkConfig } from '../../config/index.ts';
import { formatPrefix, type IpAddress, prefixContains } from '../../network/ip-address.ts';
import { type LinkResolution, resolveLink } from '../../network/link-resolution.ts';
import type { MainRoute, NetworkSnapshot } from '../../network/network-snapshot.ts';
import { type Check, ok, problem, warning } from './check.ts';

export type LinkFacts = {
  /** The stricter of conf/all and the interface's rp_filter: 0, 1 (strict), 2 (loose). */
  readonly reversePathFilter: number;
  /** Why the port can't be used, for each address and protocol where it can't. */
  readonly portConflicts: readonly string[];
};

export function checkLink(
  link: LinkConfig,
  network: NetworkSnapshot,
  facts: LinkFacts,
  peers: Config['tunnels'],
): Check[] {
  const resolution = resolveLink(network, link);
  const name = `link ${link.name}`;
  if (!resolution.usable && link.onDemand !== undefined) {
    return [ok(name, `on demand, not up now: ${resolution.explanation}`)];
  }
  if (!resolution.usable) return [problem(name, resolution.explanation, remedyFor(resolution))];
  const peerAddresses = peers
    .filter((tunnel) => tunnel.links.includes(link.name))
    .flatMap((tunnel) => tunnel.peer.addresses.map(({ address }) => address));
  return [
    checkWays(name, link, resolution, peerAddresses),
    checkMtu(name, link, resolution),
    checkReversePath(name, link, facts.reversePathFilter, network.mainRoutes, peerAddresses),
    facts.portConflicts.length === 0
      ? ok(`${name} port`, `${link.port}, UDP and TCP`)
      : problem(
          `${name} port`,
          facts.portConflicts.join('; '),
          'Stop what uses it (`ss -lntup` shows it), or give the link another port.',
        ),
  ];
}

type Usable = LinkResolution & { usable: true };

function remedyFor(resolution: LinkResolution & { usable: false }): string {
  const remedies: Record<typeof resolution.reason, string> = {
    'interface-missing': 'Correct `interface`; `ip link` shows what there is.',
    'interface-down': 'Switch it on: `ip link set … up`, or let the network configuration do it at boot.',
    'no-carrier': 'Look at cable, modem or switch port.',
    'no-address': 'Give the interface an address, or look why DHCP or the provider gives none.',
    'address-missing': 'Correct `address`, or give the interface this address.',
    'address-not-ready': 'Wait a moment; when it stays so, another machine has the same address.',
  };
  return remedies[resolution.reason];
}

/** Without a next hop every peer is taken to be in the segment; in a shared segment that is rarely meant. */
function checkWays(name: string, link: LinkConfig, { families }: Usable, peers: readonly IpAddress[]): Check {
  const ways = families.map(
    ({ address, gateway }) => `${address.text} via ${gateway?.text ?? link.interface}`,
  );
  const found = `${link.interface}: ${ways.join(', ')}`;
  const stranded = families.flatMap(({ family, gateway, onLink }) => {
    const shared =
      gateway === undefined && onLink.some(({ address, length }) => address.bytes.length * 8 - length > 1);
    const outside = peers.filter(
      (peer) => peer.family === family && !onLink.some((it) => prefixContains(it, peer)),
    );
    return shared ? outside : [];
  });
  if (stranded.length === 0) return ok(name, found);
  const texts = stranded.map(({ text }) => text).join(' and ');
  const remedy = "Give the link's `gateway`, or a default route over its interface.";
  return warning(name, `${found}. No next hop to ${texts}, outside of the segment.`, remedy);
}

function checkMtu(name: string, link: LinkConfig, { interface: device }: Usable): Check {
  const found = `${device.name} ${device.mtu}, configured ${link.mtu}`;
  if (device.mtu >= link.mtu) return ok(`${name} MTU`, found);
  return problem(`${name} MTU`, found, `Set the link's \`mtu\` to ${device.mtu}.`);
}

/**
 * Strict filtering drops an answer that comes in where the route to its sender does not go out. Our rules make that route the
 * link's own, but for destinations that the main table has a special way for.
 */
function checkReversePath(
  name: string,
  link: LinkConfig,
  filter: number,
  routes: readonly MainRoute[],
  peers: readonly IpAddress[],
): Check {
  const check = `${name} rp_filter`;
  if (filter !== 1) return ok(check, filter === 0 ? 'off' : 'loose');
  const diverted = peers.flatMap((peer) => {
    const route = specialRoute(routes, peer);
    return route === undefined || route.device === link.interface
      ? []
      : [`${peer.text} by ${formatPrefix(route.destination)} over ${route.device}`];
  });
  if (diverted.length === 0) return ok(check, 'strict, which fits the rules of the link');
  const remedy = `Remove that route, or set net.ipv4.conf.${link.interface}.rp_filter=2.`;
  return warning(check, `strict, but the main table leads elsewhere: ${diverted.join(', ')}.`, remedy);
}

/** The longest match, if it is none of the default ways; rp_filter is for IPv4 only. */
function specialRoute(routes: readonly MainRoute[], address: IpAddress): MainRoute | undefined {
  return routes
    .filter(
      ({ family, destination }) =>
        family === 4 && destination.length > 1 && prefixContains(destination, address),
    )
    .toSorted(
      (one, other) => other.destination.length - one.destination.length || one.metric - other.metric,
    )[0];
}
