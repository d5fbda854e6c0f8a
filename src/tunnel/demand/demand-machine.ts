/**
 * Bandwidth on demand: which links are dialled and hung up, from what the tunnels carry and from the clock.
 *
 * Plain traffic to the internet is one who asks beside the tunnels: what it needs comes with the sample (`internet/`).
 *
 * Contract: pure. Decisions are made at `sampled`, which comes about once a second; for each tunnel one link is dialled
 * at a time, the cheapest first, and one is hung up at a time, the dearest first. A link that several tunnels use is
 * hung up when none of them needs it. Durations are measured by `nowMillis`, which is monotonic; the wall clock matters
 * for hours only. Source: S4.8.
 */
import type {
  DemandEffect,
  DemandEvent,
  DemandFigures,
  DemandLink,
  DemandTunnel,
  DialCause,
  DialFailure,
  HangUpCause,
} from './demand.ts';
import { OnDemandLink, type OnDemandPhase } from './on-demand-link.ts';
import { TunnelDemand } from './tunnel-demand.ts';

export type OnDemandStanding = {
  readonly phase: OnDemandPhase;
  readonly sinceMillis: number;
  readonly cause: DialCause | HangUpCause | undefined;
};

export class DemandMachine {
  /** In the order in which they are dialled. */
  readonly #links: readonly OnDemandLink[];
  readonly #tunnels: readonly TunnelDemand[];

  /** @param links in the order of the configuration */
  constructor(links: readonly DemandLink[], tunnels: readonly DemandTunnel[], nowMillis: number) {
    const all = links.map((link) => new OnDemandLink(link, nowMillis));
    this.#links = all.toSorted((one, other) => one.cost - other.cost);
    this.#tunnels = tunnels.map((tunnel) => new TunnelDemand(tunnel));
  }

  /** What an earlier run of the daemon has brought up. */
  adopt(link: string, nowMillis: number): void {
    this.#link(link)?.adopt(nowMillis);
  }

  handle(event: DemandEvent, nowMillis: number): DemandEffect[] {
    switch (event.type) {
      case 'sampled':
        return [
          ...this.#links.flatMap((link) => this.#look(link, event, nowMillis)),
          ...this.#judge(event, nowMillis),
        ];
      case 'dialled':
        return this.#link(event.link)?.dialled(event.failure, nowMillis) ?? [];
      case 'hungUp':
        return this.#link(event.link)?.hungUp(event.failure, nowMillis) ?? [];
      case 'lost':
        return this.#lost(event.link, event.failure, nowMillis);
    }
  }

  standing(link: string, nowMillis: number): OnDemandStanding | undefined {
    const found = this.#link(link);
    if (found === undefined) return undefined;
    return { phase: found.phase(nowMillis), sinceMillis: found.phaseSince(), cause: found.cause };
  }

  #lost(name: string, failure: DialFailure, nowMillis: number): DemandEffect[] {
    const link = this.#link(name);
    const effects = link?.lost(failure, nowMillis) ?? [];
    if (link !== undefined && effects.length > 0) this.#restart(link);
    return effects;
  }

  #look(
    link: OnDemandLink,
    { usable, wallMillis }: DemandEvent & { type: 'sampled' },
    nowMillis: number,
  ): DemandEffect[] {
    const wasUp = link.isUp;
    const effects = link.sampled(usable.has(link.name), wallMillis, nowMillis);
    if (link.isUp !== wasUp) this.#restart(link);
    return effects;
  }

  #judge({ tunnels, needed = [] }: DemandEvent & { type: 'sampled' }, nowMillis: number): DemandEffect[] {
    const up = this.#links.filter((link) => link.isUp).map(({ name }) => name);
    for (const demand of this.#tunnels) {
      const load = tunnels.find(({ tunnel }) => tunnel === demand.tunnel.name);
      if (load !== undefined) demand.sampled(load, up, nowMillis);
    }
    return [
      ...this.#dials(nowMillis),
      ...this.#dialNeeded(needed, nowMillis),
      ...this.#hangUps(needed, nowMillis),
    ];
  }

  /** One at a time, as for a tunnel; one that cannot be dialled is passed over for the next. */
  #dialNeeded(needed: readonly string[], nowMillis: number): DemandEffect[] {
    const links = needed.map((name) => this.#link(name)).filter((link) => link !== undefined);
    if (links.some((link) => link.isDialling)) return [];
    const next = links.find((link) => link.mayDial(nowMillis));
    return next === undefined ? [] : [next.dial({ reason: 'internet' }, nowMillis)];
  }

  #dials(nowMillis: number): DemandEffect[] {
    return this.#tunnels.flatMap((demand) => {
      const cause = demand.wish();
      const links = this.#links.filter(({ name }) => demand.tunnel.links.includes(name));
      if (cause === undefined || links.some((link) => link.isDialling)) return [];
      const next = links.find((link) => link.mayDial(nowMillis));
      return next === undefined ? [] : [next.dial(cause, nowMillis)];
    });
  }

  #hangUps(needed: readonly string[], nowMillis: number): DemandEffect[] {
    return this.#links.toReversed().flatMap((link) => {
      if (!link.mayHangUp(nowMillis) || needed.includes(link.name)) return [];
      const spared = this.#users(link).map((demand) => demand.spares(link.name));
      if (spared.includes(undefined)) return [];
      const [figures] = spared as DemandFigures[];
      this.#restart(link);
      return [
        link.hangUp(
          figures === undefined ? { reason: 'unneeded' } : { reason: 'spare', ...figures },
          nowMillis,
        ),
      ];
    });
  }

  #restart(link: OnDemandLink): void {
    for (const demand of this.#users(link)) demand.restart();
  }

  #users({ name }: OnDemandLink): TunnelDemand[] {
    return this.#tunnels.filter(({ tunnel }) => tunnel.links.includes(name));
  }

  #link(name: string): OnDemandLink | undefined {
    return this.#links.find((link) => link.name === name);
  }
}
