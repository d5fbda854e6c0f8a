/**
 * The soak: both daemons under load for minutes, with new keys often and failing links, while their memory is watched.
 *
 * Contract: memory is read every five seconds. What belongs to the first part of the run, until everything has been used
 * once, is marked as warm-up by `warmUpMillis` and not judged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Gateways, openGateways } from '../../lab/gateways.ts';
import type { Lab } from '../../lab/lab.ts';
import { openSites } from '../../lab/sites.ts';
import { type Memory, memoryOf } from '../report/memory.ts';
import { Load, type LoadReport } from './load.ts';

export type SoakSettings = {
  readonly minutes: number;
  /** Of each of the two streams; 0: as fast as it goes. */
  readonly mbit: number;
  /** Duration as in the configuration. */
  readonly rekeyAfter: string;
};

export type SoakSample = { readonly atMillis: number; readonly a: Memory; readonly b: Memory };

export type SoakOutcome = {
  readonly samples: readonly SoakSample[];
  readonly warmUpMillis: number;
  readonly load: LoadReport;
  /** Generation of the keys at the end: how often there were new ones. */
  readonly generations: number;
  /** Whether both daemons lived until the end. */
  readonly survived: boolean;
};

const SAMPLE_MILLIS = 5_000;
/** A third of a short run, two minutes of a long one. */
const WARM_UP_PART = 1 / 3;
const LONGEST_WARM_UP_MILLIS = 120_000;

export async function runSoak(
  lab: Lab,
  settings: SoakSettings,
  onSample: (sample: SoakSample) => void,
): Promise<SoakOutcome> {
  const sites = await openSites(lab, { profile: 'fast' });
  const overrides = { tunnel: { rekey: { after: settings.rekeyAfter } } };
  const gateways = await openGateways(lab, sites, { families: 'v4', overrides, isWarmedUp: true });
  const load = new Load(sites, settings.mbit);
  const samples = await watchMemory(gateways, settings.minutes * 60_000, onSample);
  const report = await load.stop();
  const survived = gateways.a.child.running && gateways.b.child.running;
  return {
    samples,
    warmUpMillis: Math.min(LONGEST_WARM_UP_MILLIS, settings.minutes * 60_000 * WARM_UP_PART),
    load: report,
    generations: survived ? (await gateways.a.tunnel()).generation : 0,
    survived,
  };
}

async function watchMemory(
  { a, b }: Gateways,
  millis: number,
  onSample: (sample: SoakSample) => void,
): Promise<SoakSample[]> {
  const pids = { a: (await a.status()).gateway.pid, b: (await b.status()).gateway.pid };
  const startedAt = performance.now();
  const samples: SoakSample[] = [];
  for (let due = SAMPLE_MILLIS; due <= millis; due += SAMPLE_MILLIS) {
    await sleep(Math.max(0, startedAt + due - performance.now()));
    const memory = { a: memoryOf(pids.a), b: memoryOf(pids.b) };
    if (memory.a === undefined || memory.b === undefined) break;
    const sample = { atMillis: performance.now() - startedAt, a: memory.a, b: memory.b };
    samples.push(sample);
    onSample(sample);
  }
  return samples;
}
