/**
 * Fields of the schema that hold addresses. Values are parsed forms of src/network/ip-address.ts.
 *
 * Contract: addresses that no packet could come from or go to (multicast, unspecified, loopback ...) are refused with
 * the reason. Source: RFC 6890 (special-purpose addresses), RFC 4291 section 2.5.
 */

import {
  type Endpoint,
  formatPrefix,
  type IpAddress,
  type IpPrefix,
  networkOf,
  parseEndpoint,
  parseInterfaceAddress,
  parseIpAddress,
  parsePrefix,
  prefixContains,
} from '../network/ip-address.ts';
import { textField } from './text-field.ts';

/** The address of a link; `auto` is taken by the field around it. */
export function linkAddress() {
  return textField<IpAddress>('auto or an IPv4 or IPv6 address without prefix length', (text) => {
    const address = parseIpAddress(text);
    if (address === undefined) return { wrong: slashReason(text) };
    const special = specialUse(address, true);
    return special === undefined ? { value: address } : { wrong: special };
  });
}

/** A next hop may be link-local: the link names its interface. */
export function nextHop() {
  return textField<IpAddress>('auto or the IPv4 or IPv6 address of a router', (text) => {
    const address = parseIpAddress(text);
    if (address === undefined) return { wrong: slashReason(text) };
    const special = specialUse(address, false);
    return special === undefined ? { value: address } : { wrong: special };
  });
}

export function endpoint(defaultPort: number) {
  const allowed = 'an address with an optional port: 198.51.100.1, 198.51.100.1:4501 or "[2001:db8::1]:4501"';
  return textField<Endpoint>(allowed, (text) => {
    const parsed = parseEndpoint(text, defaultPort);
    if (parsed === undefined) return { wrong: endpointReason(text) };
    const special = specialUse(parsed.address, true);
    return special === undefined ? { value: parsed } : { wrong: special };
  });
}

/** The inner address of a tunnel's interface, with the length of its subnet. */
export function interfaceAddress() {
  return textField<IpPrefix>(
    'an address with its prefix length, such as 10.255.0.1/30 or fd00:255::1/64',
    (text) => {
      const prefix = parseInterfaceAddress(text);
      if (prefix === undefined) return { wrong: noLengthReason(text) };
      const wrong = specialUse(prefix.address, true) ?? notAHost(prefix);
      return wrong === undefined ? { value: prefix } : { wrong };
    },
  );
}

export function network() {
  return textField<IpPrefix>('a network such as 10.2.0.0/16 or fd00:2::/64', (text) => {
    const loose = parseInterfaceAddress(text);
    if (loose === undefined) return { wrong: noLengthReason(text) };
    const prefix = parsePrefix(text);
    if (prefix === undefined) return { wrong: hostBitsReason(loose) };
    // Wider networks are fine: 0.0.0.0/1 has addresses that are routed.
    const inside = specialNetworks.find(
      (wide) => wide.network.length <= prefix.length && prefixContains(wide.network, prefix.address),
    );
    return inside === undefined ? { value: prefix } : { wrong: `which holds only ${inside.name}` };
  });
}

/** For a filter: any addresses, also those that are never routed. */
export function networkOrAddress() {
  return textField<IpPrefix>(
    'a network or an address such as 10.2.0.0/16, 10.2.0.9 or fd00:2::/64',
    (text) => {
      const address = parseIpAddress(text);
      if (address !== undefined) return { value: { address, length: address.bytes.length * 8 } };
      const loose = parseInterfaceAddress(text);
      if (loose === undefined) return { wrong: undefined };
      const prefix = parsePrefix(text);
      return prefix === undefined ? { wrong: hostBitsReason(loose) } : { value: prefix };
    },
  );
}

/** Whether packets can be sent to it, also beyond the link's own segment. */
export function isHost(address: IpAddress): boolean {
  return specialUse(address, true) === undefined;
}

type SpecialNetwork = { readonly network: IpPrefix; readonly name: string; readonly onLink?: true };

const specialNetworks: readonly SpecialNetwork[] = [
  special('0.0.0.0/8', 'unspecified addresses'),
  special('127.0.0.0/8', 'loopback addresses'),
  special('224.0.0.0/4', 'multicast addresses'),
  special('240.0.0.0/4', 'reserved addresses'),
  special('::/127', 'unspecified or loopback addresses'),
  special('::ffff:0.0.0.0/96', 'IPv4-mapped addresses (write them as IPv4)'),
  { ...special('fe80::/10', 'link-local addresses'), onLink: true },
  special('ff00::/8', 'multicast addresses'),
];

function special(text: string, name: string): SpecialNetwork {
  const network = parsePrefix(text);
  if (network === undefined) throw new RangeError(text);
  return { network, name };
}

function specialUse(address: IpAddress, routed: boolean): string | undefined {
  const found = specialNetworks.find(
    ({ network, onLink }) => (routed || !onLink) && prefixContains(network, address),
  );
  return found === undefined ? undefined : `which is one of the ${found.name}`;
}

/** The first and the last address of an IPv4 subnet are the network and the broadcast (RFC 3021 spares /31). */
function notAHost(prefix: IpPrefix): string | undefined {
  const { address, length } = prefix;
  if (address.family !== 4 || length > 30) return undefined;
  if (networkOf(prefix).address.text === address.text) return 'which is the network, not an address in it';
  const hostMask = 2 ** (32 - length) - 1;
  const value = address.bytes.reduce((number, byte) => number * 256 + byte, 0);
  return value % (hostMask + 1) === hostMask ? 'which is the broadcast address of its subnet' : undefined;
}

function hostBitsReason(loose: IpPrefix): string {
  return `which has host bits, the network is ${formatPrefix(networkOf(loose))}`;
}

function slashReason(text: string): string | undefined {
  return parseInterfaceAddress(text) === undefined ? undefined : 'which has a prefix length';
}

function noLengthReason(text: string): string | undefined {
  return parseIpAddress(text) === undefined ? undefined : 'which has no prefix length';
}

function endpointReason(text: string): string | undefined {
  return /^[A-Za-z][A-Za-z0-9.-]*(:\d+)?$/.test(text) ? 'which is a name, not an address' : slashReason(text);
}
