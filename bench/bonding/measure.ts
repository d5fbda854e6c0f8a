/**
 * What one link profile gives: each link alone, then all of them, by the same daemons with another configuration.
 *
 * Contract: rates are Mbit/s of TCP payload, read at the receiver. All measurements of a profile are made in the same
 * namespaces over the same emulated links, one after the other.
 */
import { hostInside } from '../../lab/addressing.ts';
import { openGateways } from '../../lab/gateways.ts';
import type { Lab } from '../../lab/lab.ts';
import type { ProfileName } from '../../lab/profiles.ts';
import { openSites, type Sites } from '../../lab/sites.ts';
import { type Congestion, measureThroughput } from '../../lab/throughput.ts';

export type BondingSettings = {
  readonly seconds: number;
  readonly streams: readonly number[];
  readonly declareRates: boolean;
  /** Of the streams' senders; undefined for the kernel's own choice. */
  readonly congestion: Congestion | undefined;
};

export type BondingRow = {
  readonly profile: ProfileName;
  readonly streams: number;
  /** Each link alone. */
  readonly single: readonly number[];
  readonly bundle: number;
  /** The bundle over the sum of its links. */
  readonly efficiency: number;
  readonly retransmits: number;
};

/** Slow start, and what the tunnel has to learn about its links. */
const OMIT_SECONDS = 4;

type Measured = { readonly mbit: number; readonly retransmits: number };

export async function measureProfile(
  lab: Lab,
  profile: ProfileName,
  settings: BondingSettings,
): Promise<BondingRow[]> {
  const sites = await openSites(lab, { profile });
  const alone: (readonly Measured[])[] = [];
  for (const link of sites.links) alone.push(await measureOver(lab, sites, [link], settings));
  const together = await measureOver(lab, sites, sites.links, settings);
  return settings.streams.map((streams, index) => {
    const single = alone.map((measured) => measured[index]?.mbit ?? 0);
    const { mbit: bundle, retransmits } = together[index] as Measured;
    const sum = single.reduce((total, mbit) => total + mbit, 0);
    return { profile, streams, single, bundle, efficiency: bundle / sum, retransmits };
  });
}

/** One figure for each number of streams. */
async function measureOver(
  lab: Lab,
  sites: Sites,
  links: Sites['links'],
  { seconds, streams, declareRates, congestion }: BondingSettings,
): Promise<Measured[]> {
  const gateways = await openGateways(
    lab,
    { ...sites, links },
    { families: 'v4', declareRates, isWarmedUp: true },
  );
  try {
    const measured: Measured[] = [];
    for (const count of streams) {
      const { receivedMbit, retransmits } = await measureThroughput({
        from: sites.hostA,
        to: sites.hostB,
        address: hostInside('b').v4,
        seconds,
        omitSeconds: OMIT_SECONDS,
        streams: count,
        congestion,
      });
      measured.push({ mbit: receivedMbit, retransmits });
    }
    return measured;
  } finally {
    await Promise.all([gateways.a.stop(), gateways.b.stop()]);
  }
}
