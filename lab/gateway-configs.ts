/**
 * The configuration files of the two gateways of a site pair, as an operator would write them.
 *
 * Contract: B waits, A calls B's addresses, one per link and family. Everything that the daemons write lies under
 * the given directory, one folder per gateway. The identities are the caller's to make at the paths returned.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type DualStack, type LinkEnd, privateNetworks, type Side } from './addressing.ts';
import type { LinkProfile } from './profiles.ts';
import type { SiteLink } from './site-link.ts';
import type { Sites } from './sites.ts';

export type Families = 'both' | 'v4' | 'v6';

export type ConfigOptions = {
  /** `SHA256:…` of each gateway's key, as keygen prints it. */
  readonly fingerprints: Readonly<Record<Side, string>>;
  /** Address families of the links; default both. */
  readonly families?: Families;
  /** Whether the links' rates are told (`rate:`) or left for the gateways to find out; default told. */
  readonly declareRates?: boolean;
  /** At which A calls B; default the one of the links. */
  readonly dialPort?: number;
  /** Merged into `gateway`, `links.*`, the tunnel and `alarms` of both files; what is for one side goes over that. */
  readonly overrides?: Overrides & Readonly<Partial<Record<Side, Overrides>>>;
};

type Overrides = {
  readonly gateway?: object;
  /** For every link. */
  readonly link?: object;
  /** By the link's name, over that. */
  readonly links?: Readonly<Record<string, object>>;
  readonly tunnel?: object;
  readonly alarms?: object;
};

/** Where a gateway's files are. */
export type GatewayFiles = {
  readonly config: string;
  readonly identity: string;
  readonly state: string;
  readonly socket: string;
};

/** The name of the tunnel and of its device in both files. */
const tunnelName = 'sites';
export const tunnelInterface = 'bs-sites';

/** Addresses of the tunnel's device, per side, as CIDR text. */
export const tunnelAddresses: Readonly<Record<Side, DualStack>> = {
  a: { v4: '10.255.0.1/30', v6: 'fd00:255::1/64' },
  b: { v4: '10.255.0.2/30', v6: 'fd00:255::2/64' },
};

export function gatewayFiles(directory: string, side: Side): GatewayFiles {
  const folder = join(directory, `gateway-${side}`);
  return {
    config: join(folder, 'backstay.yaml'),
    identity: join(folder, 'identity.pem'),
    state: join(folder, 'state'),
    socket: join(folder, 'backstay.sock'),
  };
}

export function writeGatewayConfigs(
  sites: Sites,
  directory: string,
  options: ConfigOptions,
): Record<Side, GatewayFiles> {
  const files = { a: gatewayFiles(directory, 'a'), b: gatewayFiles(directory, 'b') };
  for (const side of ['a', 'b'] as const) {
    mkdirSync(files[side].state, { recursive: true, mode: 0o700 });
    writeFileSync(files[side].config, gatewayConfig(sites.links, side, files[side], options));
  }
  return files;
}

/** The YAML text of one gateway. */
export function gatewayConfig(
  links: readonly SiteLink[],
  side: Side,
  files: GatewayFiles,
  options: ConfigOptions,
): string {
  const { families = 'both' } = options;
  const overrides = { ...options.overrides, ...options.overrides?.[side] };
  const { identity, state, socket } = files;
  return stringify({
    gateway: { name: `site-${side}`, identity, state, socket, ...overrides.gateway },
    links: Object.fromEntries(
      links.map((link) => [
        `link${link.index}`,
        {
          ...linkSection(link, side, families, options.declareRates ?? true),
          ...overrides.link,
          ...overrides.links?.[`link${link.index}`],
        },
      ]),
    ),
    tunnels: { [tunnelName]: { ...tunnelSection(links, side, options), ...overrides.tunnel } },
    ...(overrides.alarms && { alarms: overrides.alarms }),
  });
}

function linkSection(link: SiteLink, side: Side, families: Families, declareRates: boolean): object {
  const end: LinkEnd = link.plan[side];
  return {
    interface: end.interfaceName,
    address: ofFamilies(end.address, families),
    ...(end.nextHop && { gateway: ofFamilies(end.nextHop, families) }),
    ...(declareRates && rateOf(link.profile)),
  };
}

function tunnelSection(links: readonly SiteLink[], side: Side, options: ConfigOptions): object {
  const farSide = side === 'a' ? 'b' : 'a';
  const { families = 'both', fingerprints, dialPort } = options;
  const addresses = links
    .flatMap((link) => ofFamilies(link.plan.b.address, families))
    .map((address) => (dialPort === undefined ? address : endpointText(address, dialPort)));
  return {
    peer: { fingerprint: fingerprints[farSide], ...(side === 'a' && { addresses }) },
    interface: tunnelInterface,
    address: Object.values(tunnelAddresses[side]),
    networks: Object.values(privateNetworks[farSide]),
  };
}

function endpointText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function rateOf(profile: LinkProfile): { rate?: string } {
  return profile === 'plain' || profile.rateMbit == null ? {} : { rate: `${profile.rateMbit}mbit` };
}

function ofFamilies(address: DualStack, families: Families): string[] {
  return families === 'both' ? [address.v4, address.v6] : [address[families]];
}
