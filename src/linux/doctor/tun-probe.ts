/**
 * Whether TUN works here and with which offloads. The device is made in a network namespace of a thread of its own, which ends with
 * it, so the machine never sees it.
 */
import { closeSync, openSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { TunFacts } from './system-checks.ts';

export async function probeTun(): Promise<TunFacts> {
  const openable = tryOpen();
  return { openable, offloads: openable === true ? await tryOffloads() : undefined };
}

function tryOpen(): TunFacts['openable'] {
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
    return true;
  } catch (error) {
    return { why: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}

function tryOffloads(): Promise<TunFacts['offloads']> {
  const { promise, resolve } = Promise.withResolvers<TunFacts['offloads']>();
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const worker = new Worker(new URL(`./tun-probe-thread${extension}`, import.meta.url));
  worker.once('message', resolve);
  worker.once('error', () => resolve(undefined));
  worker.once('exit', () => resolve(undefined));
  return promise;
}
