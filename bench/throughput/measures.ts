/**
 * What is measured of each contender in each round.
 *
 * Contract: the catalogue `measures` names every figure with its unit; `measureRound` returns the raw values of one
 * round, several per figure where one round gives several.
 */
import { hostInside } from '../../lab/addressing.ts';
import type { Lab } from '../../lab/lab.ts';
import { ping, RunningPing } from '../../lab/ping.ts';
import type { Sites } from '../../lab/sites.ts';
import { measureThroughput } from '../../lab/throughput.ts';
import { measureSmallPackets } from './small-packets.ts';

export const measures = {
  single: { title: 'one TCP stream', unit: 'Mbit/s' },
  eight: { title: 'eight TCP streams', unit: 'Mbit/s' },
  idleRoundTrip: { title: 'round trip, idle', unit: 'ms' },
  loadedRoundTrip: { title: 'round trip under one stream', unit: 'ms' },
  smallPackets: { title: '64-byte datagrams', unit: 'packets/s' },
} as const;

export type Measure = keyof typeof measures;
export type RoundValues = Readonly<Record<Measure, readonly number[]>>;

export type RoundSettings = {
  readonly seconds: number;
  /** Echoes at idle in this round. */
  readonly echoes: number;
};

const IDLE_INTERVAL_MILLIS = 100;
/** Ten packets a second more do not change what the stream gets. */
const LOADED_INTERVAL_MILLIS = 100;
/** Slow start, and code that is compiled for what it meets first: that takes two to three seconds. */
const OMIT_SECONDS = 3;

export async function measureRound(lab: Lab, sites: Sites, settings: RoundSettings): Promise<RoundValues> {
  const { v4: address } = hostInside('b');
  const { hostA } = sites;
  await ping(hostA, 3, { address, intervalMillis: IDLE_INTERVAL_MILLIS }); // Neighbours, handshakes.
  const idle = await ping(hostA, settings.echoes, { address, intervalMillis: IDLE_INTERVAL_MILLIS });
  if (idle.received === 0) throw new Error('no echo came back: the contender carries nothing');
  const { single, loaded } = await measureSingle(sites, settings.seconds);
  const eight = await measureThroughput({ ...streamOf(sites, settings.seconds), streams: 8 });
  return {
    single: [single],
    eight: [eight.receivedMbit],
    idleRoundTrip: idle.replies.map(({ millis }) => millis),
    loadedRoundTrip: loaded,
    smallPackets: [await measureSmallPackets(lab, sites)],
  };
}

async function measureSingle(
  sites: Sites,
  seconds: number,
): Promise<{ single: number; loaded: readonly number[] }> {
  const echoes = await RunningPing.start(sites.hostA, {
    address: hostInside('b').v4,
    intervalMillis: LOADED_INTERVAL_MILLIS,
  });
  const { receivedMbit } = await measureThroughput(streamOf(sites, seconds));
  const { replies } = await echoes.finish();
  return { single: receivedMbit, loaded: replies.map(({ millis }) => millis) };
}

function streamOf(sites: Sites, seconds: number) {
  const { hostA: from, hostB: to } = sites;
  return { from, to, address: hostInside('b').v4, seconds, omitSeconds: OMIT_SECONDS };
}
