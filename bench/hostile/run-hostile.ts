/**
 * The benchmark itself: an attack alone, then a tunnel's throughput without and with it, in turn.
 *
 * Contract: gateway B is attacked at its UDP and its TCP port while host A sends to host B. Phases alternate, so that a
 * disturbance of the machine hits both. While nothing but the attack comes, nothing may come out.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostInside } from '../../lab/addressing.ts';
import { type GatewayDaemon, openGateways } from '../../lab/gateways.ts';
import { openAttack } from '../../lab/hostile/attack.ts';
import type { HostileKind } from '../../lab/hostile/hostile-datagrams.ts';
import { Intruder, type IntruderReport } from '../../lab/hostile/intruder.ts';
import { captureRealDatagrams } from '../../lab/hostile/real-datagrams.ts';
import { kernelDrops, type Reception, receptionOf, refusedSince } from '../../lab/hostile/reception.ts';
import type { Lab } from '../../lab/lab.ts';
import { openSites, type Sites } from '../../lab/sites.ts';
import { measureThroughput } from '../../lab/throughput.ts';

export type HostileSettings = {
  readonly packetsPerSecond: number;
  /** Of each phase. */
  readonly seconds: number;
  readonly rounds: number;
  readonly kinds: readonly HostileKind[];
};

export type AttackOutcome = {
  /** Hostile datagrams that went out. */
  readonly sent: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Datagrams that the kernel of the attacked gateway threw away, hostile or not. */
  readonly kernelDrops: number;
  readonly innerSent: number;
  readonly innerReceived: number;
};

export type HostileOutcome = {
  readonly quietMbit: readonly number[];
  readonly attackedMbit: readonly number[];
  readonly underLoad: readonly AttackOutcome[];
  readonly alone: AttackOutcome;
  readonly memoryBytes: { readonly before: number; readonly after: readonly number[] };
  readonly intruders: IntruderReport;
  readonly tunnelKeptItsKeys: boolean;
  readonly pathsKeptTheirAddresses: boolean;
};

/** Of the throughput, until TCP is at full speed; the attack runs already. */
const OMIT_SECONDS = 1;
const ALONE_SECONDS = 3;
/** More than the quiet phases of three rounds. */
const WARMING_STREAMS = 4;
/** For what is still in buffers. */
const SETTLE_MILLIS = 300;

export async function runHostile(lab: Lab, settings: HostileSettings): Promise<HostileOutcome> {
  const directory = mkdtempSync(join(tmpdir(), 'bs-hostile-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  lab.onRemoval({ gracefully: async () => remove(), now: remove });
  const sites = await openSites(lab, { profile: ['plain'] });
  const gateways = await openGateways(lab, sites, { families: 'v4', isWarmedUp: true });
  const stream = () => measureStream(sites, settings.seconds);
  // Until memory and compiled code are as they are in service: a stream alone takes them there too, but not the first one.
  for (let warming = 0; warming < WARMING_STREAMS; warming++) await stream();

  const real = await captureRealDatagrams(sites, join(directory, 'real.pcap'));
  const file = join(directory, 'frames');
  const source = await openAttack(sites, { kinds: settings.kinds, real, file });
  const attack = (seconds: number) =>
    outcomeOf(sites, gateways, async () => (await source.run(settings.packetsPerSecond, seconds)).sent);
  const before = await gateways.b.status();
  const quietMbit: number[] = [];
  const attackedMbit: number[] = [];
  const underLoad: AttackOutcome[] = [];
  const memory: number[] = [];
  const intruder = await Intruder.start(sites, directory);
  const alone = await attack(ALONE_SECONDS);
  for (let round = 0; round < settings.rounds; round++) {
    quietMbit.push(await stream());
    const [mbit, outcome] = await Promise.all([stream(), attack(settings.seconds + OMIT_SECONDS)]);
    attackedMbit.push(mbit);
    underLoad.push(outcome);
    memory.push((await gateways.b.status()).gateway.memoryBytes);
  }
  const intruders = await intruder.stop();
  const after = await gateways.b.status();
  const pathsOf = (status: typeof after) =>
    status.tunnels[0]?.paths.map(({ remote, local }) => [local, remote]);
  return {
    quietMbit,
    attackedMbit,
    underLoad,
    alone,
    memoryBytes: { before: before.gateway.memoryBytes, after: [...memory, after.gateway.memoryBytes] },
    intruders,
    tunnelKeptItsKeys:
      after.tunnels[0]?.state === 'up' && after.tunnels[0].generation === before.tunnels[0]?.generation,
    pathsKeptTheirAddresses: JSON.stringify(pathsOf(after)) === JSON.stringify(pathsOf(before)),
  };
}

async function measureStream(sites: Sites, seconds: number): Promise<number> {
  const { hostA: from, hostB: to } = sites;
  const { v4: address } = hostInside('b');
  return (await measureThroughput({ from, to, address, seconds, omitSeconds: OMIT_SECONDS })).receivedMbit;
}

type BothGateways = { readonly a: GatewayDaemon; readonly b: GatewayDaemon };

/** What both gateways counted while `attack` ran, which says how many datagrams it sent. */
async function outcomeOf(
  sites: Sites,
  gateways: BothGateways,
  attack: () => Promise<number>,
): Promise<AttackOutcome> {
  const before = await receptions(gateways);
  const dropsBefore = await kernelDrops(sites.gatewayB);
  const sent = await attack();
  await sleep(SETTLE_MILLIS);
  const after = await receptions(gateways);
  return {
    sent,
    refused: refusedSince(before.b, after.b),
    kernelDrops: (await kernelDrops(sites.gatewayB)) - dropsBefore,
    innerSent: after.a.innerOut - before.a.innerOut,
    innerReceived: after.b.innerIn - before.b.innerIn,
  };
}

async function receptions({ a, b }: BothGateways): Promise<{ a: Reception; b: Reception }> {
  return { a: receptionOf(await a.status()), b: receptionOf(await b.status()) };
}
