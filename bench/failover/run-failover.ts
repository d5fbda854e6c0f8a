/**
 * One fault after the other under a numbered stream of datagrams and a TCP stream beside it.
 *
 * Contract: each round has a tunnel of its own. The fault hits the link that carried most of the datagrams so far. All
 * figures are the receiver's; how long the sender itself paused is told with them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TcpStream } from '../../lab/gateway/tcp-stream.ts';
import { type GatewayDaemon, openGateways } from '../../lab/gateways.ts';
import { Lab } from '../../lab/lab.ts';
import { type NumberedResult, NumberedStream } from '../../lab/numbered-stream.ts';
import type { ProfileName } from '../../lab/profiles.ts';
import { openSites } from '../../lab/sites.ts';
import type { Impairments } from '../../lab/wan/impairments.ts';

export const faults = {
  'black hole': { blackHole: true },
  '5 % loss': { lossPercent: 5 },
} as const satisfies Record<string, Partial<Impairments>>;
export type Fault = keyof typeof faults;

export type FailoverSettings = {
  readonly profile: ProfileName;
  readonly packetsPerSecond: number;
  readonly rounds: number;
};

export type FailoverRound = {
  readonly fault: Fault;
  readonly datagrams: NumberedResult;
  readonly tcpLongestStallMillis: number;
  readonly sentAgain: number;
};

const PACKET_BYTES = 200;
/** Until the lines are measured and the streams are at their pace. */
const BEFORE_MILLIS = 3_000;
const AFTER_MILLIS = 5_000;

export async function runFailover(fault: Fault, settings: FailoverSettings): Promise<FailoverRound> {
  await using lab = await Lab.open('failover');
  const sites = await openSites(lab, { profile: settings.profile });
  const { a, b } = await openGateways(lab, sites, { families: 'v4', isWarmedUp: true });
  const { packetsPerSecond } = settings;
  const tcp = await TcpStream.start(sites);
  const datagrams = await NumberedStream.start(sites, { packetsPerSecond, bytes: PACKET_BYTES });
  await sleep(BEFORE_MILLIS);
  await sites.link(await busiestLink(a)).set(faults[fault]);
  await sleep(AFTER_MILLIS);
  const result = await datagrams.finish();
  const { longestStallMillis } = await tcp.finish();
  const [tunnel] = (await a.status()).tunnels;
  await Promise.all([a.stop(), b.stop()]);
  return {
    fault,
    datagrams: result,
    tcpLongestStallMillis: longestStallMillis,
    sentAgain: tunnel?.counters.sentAgain ?? 0,
  };
}

async function busiestLink(gateway: GatewayDaemon): Promise<number> {
  const [tunnel] = (await gateway.status()).tunnels;
  const [busiest] = [...(tunnel?.paths ?? [])].sort((one, other) => other.txBytes - one.txBytes);
  return Number(busiest?.link.replace('link', ''));
}
