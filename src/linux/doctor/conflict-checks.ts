/** Judges what else is on the machine and could take our packets: routing rules of others, overlapping networks. Pure. */
import type { TunnelConfig } from '../../config/index.ts';
import { formatPrefix, type IpPrefix, prefixesOverlap } from '../../network/ip-address.ts';
import { rulePriority } from '../../network/link-routing.ts';
import type { MainRoute, NetworkSnapshot } from '../../network/network-snapshot.ts';
import { ownProtocol } from '../../network/route.ts';
import { type Check, ok, problem, warning } from './check.ts';

/** Rules before ours see our packets first. The kernel's own rule for local addresses is at 0. */
export function checkRules({ rules }: Pick<NetworkSnapshot, 'rules'>): Check {
  const before = rules.filter(
    ({ priority, protocol }) => priority > 0 && priority < rulePriority.mark && protocol !== ownProtocol,
  );
  const list = (found: typeof before) => found.map(({ family, text }) => `IPv${family}: ${text}`).join('; ');
  const remedy = `Give these rules a priority above ${rulePriority.link}, or see that they never fit packets of the links.`;
  const unselective = before.filter(({ selective }) => !selective);
  if (unselective.length > 0)
    return problem('routing rules', `They take every packet: ${list(unselective)}.`, remedy);
  if (before.length > 0)
    return warning('routing rules', `They may take packets of the links: ${list(before)}.`, remedy);
  return ok('routing rules', 'none of others before ours');
}

export function checkOverlaps(
  tunnel: TunnelConfig,
  { mainRoutes }: Pick<NetworkSnapshot, 'mainRoutes'>,
): Check {
  const name = `tunnel ${tunnel.name} networks`;
  const local = mainRoutes.filter((route) => isLocal(route) && route.device !== tunnel.interface);
  // Default ways are meant to overlap with everything.
  const clashes = tunnel.networks
    .filter((network) => network.length > 1)
    .flatMap((network) =>
      local
        .filter((route) => prefixesOverlap(network, route.destination))
        .map((route) => ({ network, route })),
    );
  const text = clashes.map(
    ({ network, route }) =>
      `${formatPrefix(network)} and ${formatPrefix(route.destination)} on ${route.device}`,
  );
  if (clashes.length === 0) return ok(name, tunnel.networks.map(formatPrefix).join(', ') || 'none');
  const remedy = 'Both sites must use different networks; renumber one of them, or narrow `networks`.';
  const swallowed = clashes.some(({ network, route }) => !isWider(network, route.destination));
  if (swallowed) return problem(name, `Already local: ${text.join(', ')}.`, remedy);
  return warning(name, `A part is local and stays local: ${text.join(', ')}.`, remedy);
}

function isLocal({ type, gateway, destination, protocol }: MainRoute): boolean {
  return type === 'unicast' && gateway === undefined && destination.length > 1 && protocol !== ownProtocol;
}

function isWider(one: IpPrefix, other: IpPrefix): boolean {
  return one.length < other.length;
}
