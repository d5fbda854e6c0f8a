/**
 * What one tunnel asks for: another link, or that one of its links on demand is spared.
 *
 *     use      below            above
 *     ───────────┼────────────────┼──────────
 *      spare it     leave all as       dial
 *      (below-for)    it is            (for)
 *
 * Contract: a condition counts once it held without a break for its time. A link is spared by what use would be of the
 * others without it: then hanging it up never takes use above the upper threshold. A line whose capacity is not known
 * was never full.
 */
import type { DemandConfig } from '../../config/index.ts';
import type { DemandFigures, DemandTunnel, DialCause, LinkLoad, TunnelLoad } from './demand.ts';

export class TunnelDemand {
  readonly tunnel: DemandTunnel;
  readonly #config: DemandConfig;
  #loads: readonly LinkLoad[] = [];
  #chosenBps: number | undefined;
  #isCut = false;
  #now = 0;
  #aboveSince: number | undefined;
  #queueSince: number | undefined;
  #cutSince: number | undefined;
  readonly #spareSince = new Map<string, number>();

  constructor(tunnel: DemandTunnel) {
    this.tunnel = tunnel;
    this.#config = tunnel.config;
  }

  /** @param up links on demand that are up */
  sampled({ loads, chosenBps, isCut }: TunnelLoad, up: readonly string[], nowMillis: number): void {
    this.#loads = loads;
    this.#chosenBps = chosenBps;
    this.#isCut = isCut;
    this.#now = nowMillis;
    this.#aboveSince = since(this.#isAbove(), this.#aboveSince, nowMillis);
    this.#queueSince = since(this.#isQueued(), this.#queueSince, nowMillis);
    this.#cutSince = since(isCut, this.#cutSince, nowMillis);
    for (const link of up) this.#watchSpare(link);
    for (const link of [...this.#spareSince.keys()]) if (!up.includes(link)) this.#spareSince.delete(link);
  }

  /** A link of the tunnel came or went: what was asked for was given, and begins anew. */
  restart(): void {
    this.#aboveSince = undefined;
    this.#queueSince = undefined;
    this.#cutSince = undefined;
    this.#spareSince.clear();
  }

  /** Why another link is wanted now. */
  wish(): DialCause | undefined {
    const { forMillis, outageMillis, above, queueMillis: limit } = this.#config;
    const { name: tunnel } = this.tunnel;
    const cut = this.#heldFor(this.#cutSince, outageMillis);
    if (cut !== undefined) return { reason: 'noLink', tunnel, forMillis: cut };
    const high = this.#heldFor(this.#aboveSince, forMillis);
    if (high !== undefined && above !== undefined) {
      return { reason: 'load', ...this.#figures(this.#loads, high, above) };
    }
    const full = this.#heldFor(this.#queueSince, forMillis);
    if (full === undefined || limit === undefined) return undefined;
    const queues = { queueMillis: shortestQueue(this.#loads), queueLimitMillis: limit };
    return { reason: 'queue', ...this.#figures(this.#loads, full, undefined), ...queues };
  }

  /** The figures by which the tunnel can do without a link; undefined: it can't. */
  spares(link: string): DemandFigures | undefined {
    const held = this.#heldFor(this.#spareSince.get(link), this.#config.belowForMillis);
    if (held === undefined) return undefined;
    return this.#figures(this.#loads, held, this.#judgesUse ? this.#config.below : undefined, link);
  }

  get #judgesUse(): boolean {
    return this.#config.above !== undefined || this.#config.queueMillis !== undefined;
  }

  #watchSpare(link: string): void {
    const spare = since(this.#isSpare(link), this.#spareSince.get(link), this.#now);
    if (spare === undefined) this.#spareSince.delete(link);
    else this.#spareSince.set(link, spare);
  }

  #isSpare(link: string): boolean {
    if (this.#isCut) return false;
    // It waits for a peer that does not call.
    if (this.#loads.length === 0) return true;
    const others = without(this.#loads, link);
    if (others.length === 0) return false;
    return !this.#judgesUse || this.#used < this.#config.below * capacityOf(others);
  }

  #isAbove(): boolean {
    const { above } = this.#config;
    return above !== undefined && this.#loads.length > 0 && this.#used > above * capacityOf(this.#loads);
  }

  #isQueued(): boolean {
    const { queueMillis: limit } = this.#config;
    if (limit === undefined || this.#loads.length === 0 || this.#used === 0) return false;
    return shortestQueue(this.#loads) >= limit;
  }

  get #used(): number {
    return this.#chosenBps ?? this.#loads.reduce((sum, { usedBps }) => sum + usedBps, 0);
  }

  #heldFor(begin: number | undefined, leastMillis: number): number | undefined {
    const held = begin === undefined ? -1 : this.#now - begin;
    return held >= leastMillis ? held : undefined;
  }

  /** @param spared the link that would not carry any more */
  #figures(
    loads: readonly LinkLoad[],
    forMillis: number,
    threshold: number | undefined,
    spared?: string,
  ): DemandFigures {
    const capacityBps = capacityOf(spared === undefined ? loads : without(loads, spared));
    return {
      tunnel: this.tunnel.name,
      forMillis,
      usedBps: this.#used,
      ...(Number.isFinite(capacityBps) && { capacityBps }),
      ...(threshold !== undefined && { threshold }),
    };
  }
}

function since(holds: boolean, begin: number | undefined, nowMillis: number): number | undefined {
  return holds ? (begin ?? nowMillis) : undefined;
}

function without(loads: readonly LinkLoad[], link: string): LinkLoad[] {
  return loads.filter((load) => load.link !== link);
}

function capacityOf(loads: readonly LinkLoad[]): number {
  return loads.reduce((sum, { capacityBps = Number.POSITIVE_INFINITY }) => sum + capacityBps, 0);
}

/** Where one line has none, there is room. */
function shortestQueue(loads: readonly LinkLoad[]): number {
  return Math.min(...loads.map(({ queueMillis = 0 }) => queueMillis));
}
