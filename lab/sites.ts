/**
 * The standard topology of demonstration, tests and benchmarks: two sites joined by any number of links.
 *
 *     host A ── gateway A ══ link 0, 1, … ══ gateway B ── host B
 *     10.1.0.2  10.1.0.1                     10.2.0.1     10.2.0.2     (and fd00:1::/64, fd00:2::/64)
 *
 * Contract: every link of a profile goes through the WAN emulator, except `plain` ones. Hosts have their gateway
 * as default route. Nothing is forwarded yet: that is the daemon's business, or `routePlainly`'s for a measurement
 * without a tunnel. Names and addresses are in addressing.ts.
 */

import { buildAccess } from './access.ts';
import {
  gatewayInside,
  hostInside,
  type LinkPlan,
  privateNetworks,
  type Shape,
  type Side,
} from './addressing.ts';
import type { Lab } from './lab.ts';
import { connect, Namespace } from './namespace.ts';
import { type LinkProfile, type ProfileName, profiles } from './profiles.ts';
import type { SiteLink } from './site-link.ts';

export type SitesOptions = {
  readonly profile: ProfileName | readonly LinkProfile[];
  /** Default `direct`. */
  readonly shape?: Shape;
  /** MTU of the links' interfaces; default 1500. */
  readonly mtu?: number;
};

export type Sites = {
  readonly shape: Shape;
  readonly hostA: Namespace;
  readonly gatewayA: Namespace;
  readonly gatewayB: Namespace;
  readonly hostB: Namespace;
  /** The router between gateway A and the links in the shapes `nat` and `shared-interface`. */
  readonly router: Namespace | undefined;
  readonly links: readonly SiteLink[];
  /** @param index from 0 */
  link(index: number): SiteLink;
};

export async function openSites(lab: Lab, options: SitesOptions): Promise<Sites> {
  const { profile, shape = 'direct', mtu = 1500 } = options;
  const linkProfiles: readonly LinkProfile[] = typeof profile === 'string' ? profiles[profile] : profile;
  const [hostA, gatewayA, gatewayB, hostB] = await Promise.all([
    Namespace.create(lab, 'host-a'),
    Namespace.create(lab, 'gateway-a'),
    Namespace.create(lab, 'gateway-b'),
    Namespace.create(lab, 'host-b'),
  ]);
  await Promise.all([buildInside('a', hostA, gatewayA), buildInside('b', hostB, gatewayB)]);
  const { links, router } = await buildAccess(lab, { gatewayA, gatewayB, linkProfiles, shape, mtu });
  return {
    shape,
    hostA,
    gatewayA,
    gatewayB,
    hostB,
    router,
    links,
    link(index) {
      const link = links[index];
      if (link === undefined) throw new RangeError(`the sites have no link ${index}`);
      return link;
    },
  };
}

/** Routes the private networks over one link without any tunnel: the baseline of a measurement. */
export async function routePlainly(sites: Sites, index = 0): Promise<void> {
  if (sites.shape === 'nat')
    throw new Error('private networks cannot be routed through a masquerading router');
  const { plan } = sites.link(index);
  await Promise.all([
    sites.gatewayA.enableForwarding(),
    sites.gatewayB.enableForwarding(),
    routeTo(sites.gatewayA, 'b', plan.a.nextHop ?? plan.b.address),
    routeTo(sites.gatewayB, 'a', plan.b.nextHop ?? plan.a.address),
    sites.router && routeTo(sites.router, 'b', plan.b.address),
    sites.router && routeTo(sites.router, 'a', plan.a.address),
  ]);
}

async function routeTo(namespace: Namespace, side: Side, via: LinkPlan['a']['address']): Promise<void> {
  await namespace.addRoute(privateNetworks[side].v4, via.v4);
  await namespace.addRoute(privateNetworks[side].v6, via.v6);
}

async function buildInside(side: Side, host: Namespace, gateway: Namespace): Promise<void> {
  const [near, router] = [hostInside(side), gatewayInside(side)];
  await connect({ namespace: host, name: 'lan0' }, { namespace: gateway, name: 'lan0' });
  await host.addAddresses('lan0', `${near.v4}/24`, `${near.v6}/64`);
  await gateway.addAddresses('lan0', `${router.v4}/24`, `${router.v6}/64`);
  await host.addRoute('default', router.v4);
  await host.addRoute('default', router.v6);
}
