/**
 * From what the operator wrote about a link (`auto`, or addresses) to what it can use now.
 *
 * Contract: `auto` is the interface's first global address of each family and the next hop of the main table's best default
 * route over it; without such a route the interface itself is the way. Written values are used as they are, but the address
 * must be on the interface. A link is usable when one family is.
 * Source: seed row S4.6; RFC 6724 section 5 (rules 3 and 7: no deprecated addresses), RFC 4193 (unique local).
 */
import type { LinkFamily } from './desired-state.ts';
import {
  formatPrefix,
  type IpAddress,
  type IpFamily,
  type IpPrefix,
  parsePrefix,
  prefixContains,
} from './ip-address.ts';
import type { InterfaceAddress, MainRoute, NetworkInterface, NetworkSnapshot } from './network-snapshot.ts';
import { ownProtocol } from './route.ts';

export type LinkWish = {
  readonly interface: string;
  readonly address: 'auto' | readonly IpAddress[];
  readonly gateway: 'auto' | readonly IpAddress[];
};

export type LinkResolution =
  | { readonly usable: true; readonly interface: NetworkInterface; readonly families: readonly LinkFamily[] }
  | { readonly usable: false; readonly reason: UnusableReason; readonly explanation: string };

export type UnusableReason =
  | 'interface-missing'
  | 'interface-down'
  | 'no-carrier'
  | 'no-address'
  | 'address-missing'
  | 'address-not-ready';

export function resolveLink(network: NetworkSnapshot, wish: LinkWish): LinkResolution {
  const device = network.interfaces.find((it) => it.name === wish.interface);
  if (device === undefined) {
    return unusable('interface-missing', `There is no interface ${wish.interface}.`);
  }
  if (!device.up) return unusable('interface-down', `The interface ${device.name} is switched off.`);
  if (!device.carrier) return unusable('no-carrier', `The interface ${device.name} has no carrier.`);
  const addresses = chooseAddresses(device, wish.address);
  if (!Array.isArray(addresses)) return addresses;
  const families = addresses.map((address): LinkFamily => {
    const { family } = address;
    const routes = network.mainRoutes.filter(
      (route) => route.device === device.name && route.family === family,
    );
    const gateway = wish.gateway === 'auto' ? bestNextHop(routes) : nextHopFor(wish.gateway, family);
    return { family, address, gateway, onLink: onLinkPrefixes(routes) };
  });
  return { usable: true, interface: device, families };
}

type Unusable = LinkResolution & { usable: false };

function unusable(reason: UnusableReason, explanation: string): Unusable {
  return { usable: false, reason, explanation };
}

function chooseAddresses(device: NetworkInterface, wish: LinkWish['address']): IpAddress[] | Unusable {
  if (wish === 'auto') {
    const found = ([4, 6] as const).flatMap((family) => firstGlobalAddress(device, family));
    return found.length > 0 ? found : unusable('no-address', `${device.name} has no global address.`);
  }
  const present = wish.map((address) => ({ address, there: findAddress(device, address) }));
  const ready = present.filter(({ there }) => there?.ready === true).map(({ address }) => address);
  if (ready.length > 0) return ready;
  const texts = wish.map((address) => address.text).join(' and ');
  return present.some(({ there }) => there !== undefined)
    ? unusable(
        'address-not-ready',
        `${texts} on ${device.name} is still being checked for duplicates, or is one.`,
      )
    : unusable('address-missing', `${device.name} does not have ${texts}.`);
}

function findAddress(device: NetworkInterface, address: IpAddress): InterfaceAddress | undefined {
  return device.addresses.find(({ prefix }) => prefix.address.text === address.text);
}

/** None or one. What the kernel avoids, and addresses that mean nothing outside the site, come last. */
function firstGlobalAddress(device: NetworkInterface, family: IpFamily): IpAddress[] {
  const candidates = device.addresses
    .filter(({ prefix, scope, ready }) => prefix.address.family === family && scope === 'global' && ready)
    .toSorted((one, other) => rank(one) - rank(other));
  return candidates.slice(0, 1).map(({ prefix }) => prefix.address);
}

function rank({ avoided, prefix }: InterfaceAddress): number {
  return (avoided ? 2 : 0) + (prefixContains(uniqueLocal, prefix.address) ? 1 : 0);
}

function bestNextHop(routes: readonly MainRoute[]): IpAddress | undefined {
  const defaults = routes.filter((route) => route.destination.length === 0 && route.protocol !== ownProtocol);
  return defaults.toSorted((one, other) => one.metric - other.metric)[0]?.gateway;
}

function nextHopFor(gateways: readonly IpAddress[], family: IpFamily): IpAddress | undefined {
  return gateways.find((gateway) => gateway.family === family);
}

/** The segments of the interface, each once; link-local ones need no routing table of their own. */
function onLinkPrefixes(routes: readonly MainRoute[]): IpPrefix[] {
  const onLink = routes.filter(
    ({ type, gateway, destination, protocol }) =>
      type === 'unicast' &&
      gateway === undefined &&
      destination.length > 0 &&
      protocol !== ownProtocol &&
      !prefixContains(linkLocal, destination.address),
  );
  return [...new Map(onLink.map(({ destination }) => [formatPrefix(destination), destination])).values()];
}

const uniqueLocal = parsePrefix('fc00::/7') as IpPrefix;
const linkLocal = parsePrefix('fe80::/10') as IpPrefix;
