/**
 * How much of the traffic flows that the tunnels' `traffic` chooses, from counters in the kernel's packet filter.
 *
 * Contract: the counters are made when they are first read, made again when somebody has removed them, and gone after
 * `remove`, also those that an earlier run has left. Counters that cannot be had are told as trouble, and nothing counts
 * meanwhile: nobody pays for a guess.
 */
import type { TunnelConfig } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import { loadTrafficCounters, readTrafficCounters } from '../linux/traffic-counters.ts';
import { type CountedTunnel, counterName } from '../network/traffic-counters.ts';
import type { ByteCounts } from './load-meter.ts';

export class ChosenTraffic {
  readonly #tunnels: readonly CountedTunnel[];
  #isReady = false;
  readonly #trouble: (part: string, problems: readonly string[]) => void;

  /** @param tunnels by their numbers */
  constructor(
    tunnels: readonly TunnelConfig[],
    trouble: (part: string, problems: readonly string[]) => void,
  ) {
    this.#trouble = trouble;
    this.#tunnels = tunnels.flatMap(({ interface: device, demand: { traffic } }, id) =>
      traffic === undefined ? [] : [{ id, device, traffic }],
    );
  }

  /** Bytes so far, by the numbers of the tunnels that have a choice. */
  async read(): Promise<ReadonlyMap<number, ByteCounts>> {
    const bytes = await this.#bytes();
    return new Map(
      this.#tunnels.map(({ id }) => {
        const sent = bytes.get(counterName(id, 'sent')) ?? 0;
        const received = bytes.get(counterName(id, 'received')) ?? 0;
        return [id, { sent, received }];
      }),
    );
  }

  async remove(): Promise<void> {
    await this.#attempt(async () => {
      if ((await readTrafficCounters()) !== undefined) await loadTrafficCounters([]);
    });
  }

  async #bytes(): Promise<ReadonlyMap<string, number>> {
    if (this.#tunnels.length > 0) return (await this.#attempt(() => this.#readOrLoad())) ?? new Map();
    if (!this.#isReady) await this.remove();
    this.#isReady = true;
    return new Map();
  }

  /** What an earlier run has left may count something else. */
  async #readOrLoad(): Promise<ReadonlyMap<string, number> | undefined> {
    const bytes = this.#isReady ? await readTrafficCounters() : undefined;
    if (bytes === undefined) await loadTrafficCounters(this.#tunnels);
    this.#isReady = true;
    return bytes;
  }

  async #attempt<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await work();
      this.#trouble('traffic counters', []);
      return result;
    } catch (error) {
      if (!(error instanceof BackstayError)) throw error;
      this.#trouble('traffic counters', [`traffic counters: ${error.line}`]);
      return undefined;
    }
  }
}
