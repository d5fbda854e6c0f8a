/**
 * The load of the soak: streams in both directions that are started again when they end, and a link that fails.
 *
 * Contract: runs until `stop`. A stream that broke is counted, not thrown: the report says how many there were.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { hostInside } from '../../lab/addressing.ts';
import type { Sites } from '../../lab/sites.ts';
import { measureThroughput } from '../../lab/throughput.ts';

const STREAM_SECONDS = 10;
const CUT_EVERY_MILLIS = 20_000;
const CUT_MILLIS = 3_000;

export type LoadReport = {
  readonly streams: number;
  readonly brokenStreams: readonly string[];
  readonly cuts: number;
  readonly carriedGigabytes: number;
};

export class Load {
  readonly #sites: Sites;
  /** Of each stream; 0: as fast as it goes. */
  readonly #mbit: number;
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>;
  #streams = 0;
  #cuts = 0;
  #carriedMegabits = 0;
  readonly #broken: string[] = [];

  constructor(sites: Sites, mbit: number) {
    this.#sites = sites;
    this.#mbit = mbit;
    this.#running = Promise.all([this.#stream('aToB'), this.#stream('bToA'), this.#cutLinks()]);
  }

  async stop(): Promise<LoadReport> {
    this.#stopping.abort();
    await this.#running;
    return {
      streams: this.#streams,
      brokenStreams: this.#broken,
      cuts: this.#cuts,
      carriedGigabytes: this.#carriedMegabits / 8000,
    };
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #stream(direction: 'aToB' | 'bToA'): Promise<void> {
    const { hostA, hostB } = this.#sites;
    const [from, to, side] =
      direction === 'aToB' ? [hostA, hostB, 'b' as const] : [hostB, hostA, 'a' as const];
    const options = { from, to, address: hostInside(side).v4, seconds: STREAM_SECONDS };
    const bounded = this.#mbit > 0 ? { ...options, offeredMbit: this.#mbit } : options;
    while (!this.#stopped) {
      try {
        this.#carriedMegabits += (await measureThroughput(bounded)).receivedMbit * STREAM_SECONDS;
        this.#streams++;
      } catch (error) {
        this.#broken.push(`${direction}: ${error instanceof Error ? error.message : String(error)}`);
        await this.#pause(1_000);
      }
    }
  }

  /** One link after the other, never both. */
  async #cutLinks(): Promise<void> {
    for (let index = 0; ; index = (index + 1) % this.#sites.links.length) {
      await this.#pause(CUT_EVERY_MILLIS - CUT_MILLIS);
      if (this.#stopped) return;
      const link = this.#sites.link(index);
      await link.set({ blackHole: true });
      this.#cuts++;
      await this.#pause(CUT_MILLIS);
      await link.set({ blackHole: false });
    }
  }

  async #pause(millis: number): Promise<void> {
    await sleep(millis, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
