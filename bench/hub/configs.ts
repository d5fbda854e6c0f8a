/**
 * Keys and configuration files of the centre, the branch and the crowd, as operators would write them.
 *
 * Contract: everything lies under the given directory. Keys are made once; the centre's configuration is written anew for
 * each number of tunnels. The first tunnel is the branch's, the others are the crowd's.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type GatewayFiles, gatewayFiles } from '../../lab/gateway-configs.ts';
import { createIdentity } from '../../src/linux/identity.ts';
import { type CrowdPlan, MOST_BRANCHES_OF_A_PROCESS } from './crowd-plan.ts';
import { carrierInside, centreNetwork, crowdAddress, ends } from './ground.ts';

export type HubFiles = {
  readonly centre: GatewayFiles;
  readonly branch: GatewayFiles;
  readonly crowds: readonly CrowdPlan[];
  /** @param tunnels with the branch's */
  writeCentre(tunnels: number): void;
};

/** The address of the branch's device, which its host would have if it had one. */
const branchTunnelAddress = '10.255.0.1/30';
const centreTunnelAddress = '10.255.0.2/30';

export function writeHubFiles(directory: string, crowdSize: number): HubFiles {
  const centre = gatewayFiles(directory, 'b');
  const branch = gatewayFiles(directory, 'a');
  const keys = { centre: newKey(centre), branch: newKey(branch) };
  const members = Array.from({ length: crowdSize }, (_, index) => {
    const path = join(directory, `crowd-${index}.pem`);
    return { index, path, fingerprint: createIdentity(path).fingerprint };
  });
  const calls = { fingerprint: keys.centre, addresses: [ends.centreDirect.address] };
  const branchTunnel = { peer: calls, address: [branchTunnelAddress], networks: [centreNetwork] };
  write(branch, 'branch', { direct: ends.branch }, { centre: branchTunnel });
  const writeCentre = (tunnels: number) => {
    const crowd = members.slice(0, tunnels - 1).map(crowdTunnel);
    const first = {
      peer: { fingerprint: keys.branch },
      links: ['direct'],
      address: [centreTunnelAddress],
      networks: ['10.1.0.0/24'],
    };
    const links = { direct: ends.centreDirect, carrier: ends.centreCarrier };
    write(centre, 'centre', links, { branch: first, ...Object.fromEntries(crowd) });
  };
  return { centre, branch, crowds: crowdPlans(directory, keys.centre, members), writeCentre };
}

type Member = { readonly index: number; readonly path: string; readonly fingerprint: string };

function crowdTunnel({ index, fingerprint }: Member): [string, object] {
  const network = `10.${128 + Math.floor(index / 256)}.${index % 256}.0/24`;
  return [
    `site${index}`,
    { peer: { fingerprint }, links: ['carrier'], interface: `site${index}`, networks: [network] },
  ];
}

function crowdPlans(directory: string, fingerprint: string, members: readonly Member[]): CrowdPlan[] {
  const count = Math.ceil(members.length / MOST_BRANCHES_OF_A_PROCESS);
  return Array.from({ length: count }, (_, part) => {
    const own = members.slice(part * MOST_BRANCHES_OF_A_PROCESS, (part + 1) * MOST_BRANCHES_OF_A_PROCESS);
    const links = own.map(({ index }) => [
      `line${index}`,
      { interface: ends.crowdInterface, address: crowdAddress(index), gateway: carrierInside },
    ]);
    const peer = { fingerprint, addresses: [ends.centreCarrier.address] };
    const files = gatewayFiles(join(directory, `crowd-${part}`), 'a');
    newKey(files);
    write(files, 'crowd', Object.fromEntries(links), {
      centre: { peer, interface: `crowd${part}-`, networks: [centreNetwork] },
    });
    return { config: files.config, identities: own.map(({ path }) => path) };
  });
}

function newKey(files: GatewayFiles): string {
  mkdirSync(files.state, { recursive: true, mode: 0o700 });
  return createIdentity(files.identity).fingerprint;
}

function write(
  { config, identity, state, socket }: GatewayFiles,
  name: string,
  links: object,
  tunnels: object,
): void {
  writeFileSync(config, stringify({ gateway: { name, identity, state, socket }, links, tunnels }));
}
