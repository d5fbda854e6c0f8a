/**
 * Routes of a tunnel's networks: to the tunnel's device, and behind it to nowhere.
 *
 * Contract: a packet for a tunnel's network never leaves unencrypted. When the device's route is gone (the device was
 * deleted or set down) the `unreachable` route with the high metric answers, instead of the default route to a provider. It is
 * a route and not a packet filter because it is found by the very lookup that would leak, needs no knowledge of other
 * interfaces, survives a flush of the ruleset, and tells the sender at once (ICMP unreachable).
 * A route of the operator for the same network with a metric below `deviceMetric` goes first.
 */
import type { DesiredTunnelDevice } from './desired-state.ts';
import { type IpPrefix, ipAddressOf } from './ip-address.ts';
import { mainTable, type Route } from './route.ts';

/** After the kernel's own routes to a local segment (0, IPv6: 256), so that a local network is never cut off by mistake. */
const deviceMetric = 300;

/** Behind every metric that a person or a DHCP client would choose. */
const unreachableMetric = 2_000_000_000;

export function tunnelRoutes(device: DesiredTunnelDevice): Route[] {
  const destinations = device.networks.flatMap(withoutDefault);
  return destinations.flatMap((destination): Route[] => {
    const route = { family: destination.address.family, table: mainTable, destination } as const;
    const unreachable = { ...route, type: 'unreachable', metric: unreachableMetric } as const;
    if (device.closed === true) return [unreachable];
    return [{ ...route, type: 'unicast', device: device.name, metric: deviceMetric }, unreachable];
  });
}

/**
 * "Everything" as two halves: they are more special than any default route, so the machine's own stays untouched, and
 * the unreachable ones behind them are too.
 */
function withoutDefault(network: IpPrefix): IpPrefix[] {
  if (network.length > 0) return [network];
  const upperHalf = Uint8Array.from(network.address.bytes);
  upperHalf[0] = 0x80;
  return [
    { address: network.address, length: 1 },
    { address: ipAddressOf(upperHalf), length: 1 },
  ];
}
