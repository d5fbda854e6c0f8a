/**
 * What most tests of the running gateways begin with: two sites, a daemon on each side, and the way to end them.
 *
 * Contract: `openSitePair` returns with the tunnel up on every path, unless told otherwise. Whatever it made goes with
 * the scope of its laboratory.
 */
import assert from 'node:assert/strict';
import { hostInside, type Shape } from '../addressing.ts';
import { type GatewayDaemon, type GatewaysOptions, openGateways } from '../gateways.ts';
import { Lab } from '../lab.ts';
import type { Namespace } from '../namespace.ts';
import { ping } from '../ping.ts';
import type { LinkProfile, ProfileName } from '../profiles.ts';
import { openSites, type Sites } from '../sites.ts';

export type SitePairOptions = GatewaysOptions & {
  /** Default two plain links: no fault but the black hole, and the least work for the machine. */
  readonly profile?: ProfileName | readonly LinkProfile[];
  readonly shape?: Shape;
  /** Between the making of the sites and the start of the daemons. */
  readonly prepare?: (sites: Sites) => Promise<void>;
};

export type SitePair = {
  readonly lab: Lab;
  readonly sites: Sites;
  readonly a: GatewayDaemon;
  readonly b: GatewayDaemon;
  readonly directory: string;
  close(): Promise<void>;
};

export async function openSitePair(tag: string, options: SitePairOptions = {}): Promise<SitePair> {
  const { profile = 'fast', shape = 'direct', prepare, ...gatewaysOptions } = options;
  const lab = await Lab.open(tag);
  const close = () => lab[Symbol.asyncDispose]();
  try {
    const sites = await openSites(lab, { profile, shape });
    await prepare?.(sites);
    return { lab, sites, ...(await openGateways(lab, sites, gatewaysOptions)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Both families, from site A's host to site B's: five echoes each, all answered. */
export async function assertHostsReach(sites: Sites): Promise<void> {
  const { v4, v6 } = hostInside('b');
  await Promise.all([v4, v6].map((address) => assertReaches(sites.hostA, address)));
}

export async function assertReaches(from: Namespace, address: string, payloadBytes = 56): Promise<void> {
  const { received } = await ping(from, 5, { address, intervalMillis: 20, payloadBytes });
  assert.equal(received, 5, `${from.name} reaches ${address}`);
}
