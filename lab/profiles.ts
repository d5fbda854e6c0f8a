/**
 * The link profiles: one table for all tests and benchmarks.
 *
 * Contract: a profile is its links in order; a link is the same in both directions. `plain` is a bare veth pair with
 * its offloads on, for measuring what the gateways can do when the network is no limit.
 */
import type { Impairments } from './wan/impairments.ts';

export type LinkProfile = Partial<Impairments> | 'plain';

const QUEUE_MILLIS = 60;

function link(rateMbit: number, delayMillis: number, more: Partial<Impairments> = {}): LinkProfile {
  return { rateMbit, delayMillis, queueMillis: QUEUE_MILLIS, ...more };
}

export const profiles = {
  equal: [link(100, 10), link(100, 10)],
  uneven: [link(100, 10), link(20, 30)],
  far: [link(200, 5), link(50, 40)],
  lossy: [link(50, 10), link(50, 10, { lossPercent: 1 })],
  four: [link(50, 10), link(50, 15), link(30, 25), link(20, 40)],
  fast: ['plain', 'plain'],
} as const satisfies Record<string, readonly LinkProfile[]>;

export type ProfileName = keyof typeof profiles;

/** Those with rates and delays: on bare links the processors are the limit, and the throughput benchmark measures that. */
export const emulatedProfiles = (Object.keys(profiles) as ProfileName[]).filter((name) => name !== 'fast');
