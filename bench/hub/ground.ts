/**
 * Where the benchmark of the centre takes place: a centre with a host behind it, one branch on a line of its own, and a
 * crowd of branches behind one provider's address translation.
 *
 *     branch ══ direct ══ centre ── host          10.2.0.1, 10.2.0.2 at the centre
 *     crowd ── carrier ══ carrier ══╯             all of the crowd come from one address
 *
 * Contract: plain veth pairs. The crowd's branches have an address each; the carrier masquerades them behind its own.
 */
import type { Lab } from '../../lab/lab.ts';
import { connect, Namespace } from '../../lab/namespace.ts';

export type Ground = {
  readonly centre: Namespace;
  readonly host: Namespace;
  readonly branch: Namespace;
  readonly crowd: Namespace;
};

/** Interface and address of each end that a configuration names. */
export const ends = {
  branch: { interface: 'direct', address: '198.18.0.1' },
  centreDirect: { interface: 'direct', address: '198.18.0.2' },
  centreCarrier: { interface: 'shared', address: '198.18.1.2' },
  crowdInterface: 'shared',
} as const;

export const centreNetwork = '10.2.0.0/24';
export const hostAddress = '10.2.0.2';

const carrierAddress = '198.18.1.1';
export const carrierInside = '100.64.0.1';
const hostsPerBlock = 250;

/** The address of one branch of the crowd, from the block for addresses behind carriers (RFC 6598). */
export function crowdAddress(index: number): string {
  return `100.64.${1 + Math.floor(index / hostsPerBlock)}.${1 + (index % hostsPerBlock)}`;
}

export async function openGround(lab: Lab, crowdSize: number): Promise<Ground> {
  const [centre, host, branch, carrier, crowd] = await Promise.all(
    (['centre', 'host', 'branch', 'carrier', 'crowd'] as const).map((role) => Namespace.create(lab, role)),
  );
  const named = { centre: centre!, host: host!, branch: branch!, crowd: crowd! };
  await layCables(named, carrier!);
  await named.centre.addAddresses('direct', `${ends.centreDirect.address}/24`);
  await named.centre.addAddresses('shared', `${ends.centreCarrier.address}/24`);
  await named.centre.addAddresses('lan', '10.2.0.1/24');
  await named.host.addAddresses('lan', `${hostAddress}/24`);
  await named.host.addRoute('default', '10.2.0.1');
  await named.branch.addAddresses('direct', `${ends.branch.address}/24`);
  await translate(carrier!);
  const addresses = Array.from({ length: crowdSize }, (_, index) => `${crowdAddress(index)}/16`);
  await named.crowd.addAddresses(ends.crowdInterface, ...addresses);
  await named.crowd.addRoute('default', carrierInside);
  return named;
}

async function layCables({ centre, host, branch, crowd }: Ground, carrier: Namespace): Promise<void> {
  await connect({ namespace: branch, name: 'direct' }, { namespace: centre, name: 'direct' });
  await connect({ namespace: carrier, name: 'outside' }, { namespace: centre, name: 'shared' });
  await connect({ namespace: crowd, name: 'shared' }, { namespace: carrier, name: 'inside' });
  await connect({ namespace: host, name: 'lan' }, { namespace: centre, name: 'lan' });
}

async function translate(carrier: Namespace): Promise<void> {
  await carrier.addAddresses('outside', `${carrierAddress}/24`);
  await carrier.addAddresses('inside', `${carrierInside}/16`);
  await carrier.enableForwarding();
  await carrier.nft(`
    table ip carrier {
      chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "outside" masquerade
      }
    }
  `);
}
