/** What the peers' tunnels have in common: forwarding, and the far private network routed into their device. */
import { privateNetworks, type Side } from '../../lab/addressing.ts';
import type { Namespace } from '../../lab/namespace.ts';
import type { Sites } from '../../lab/sites.ts';

/** What fits an outer packet of 1500 bytes over either family; WireGuard's own default, given to all peers. */
export const PEER_MTU = 1420;

export function gatewayOf(sites: Sites, side: Side): Namespace {
  return side === 'a' ? sites.gatewayA : sites.gatewayB;
}

/** IPv4 address of a gateway on the first link. */
export function outsideOf(sites: Sites, side: Side): string {
  return sites.link(0).plan[side].address.v4;
}

/** The device is there: up, with the MTU, and the way to the far network. It takes all this with it when it goes. */
export async function routeInto(sites: Sites, side: Side, interfaceName: string): Promise<void> {
  const gateway = gatewayOf(sites, side);
  await gateway.enableForwarding();
  await gateway.ip(
    `link set ${interfaceName} mtu ${PEER_MTU} up`,
    `route replace ${privateNetworks[farSide(side)].v4} dev ${interfaceName}`,
  );
}

export function farSide(side: Side): Side {
  return side === 'a' ? 'b' : 'a';
}
