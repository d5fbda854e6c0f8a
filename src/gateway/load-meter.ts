/**
 * What the tunnels carry over their links, from the paths' counters: the load that bandwidth on demand decides by.
 *
 * Contract: pure. Each call of `measure` gives the mean since the one before. The load of a link is that of all tunnels
 * over it, as they share its capacity: what the operator says, otherwise what the paths were measured to carry. Figures
 * count what is on the line, outer headers included.
 */
import type { PathStatus } from '../api/status.ts';
import type { LinkConfig, TunnelConfig } from '../config/index.ts';
import type { LinkLoad, TunnelLoad } from '../tunnel/demand/demand.ts';

export type MeteredTunnel = {
  readonly config: TunnelConfig;
  readonly role: 'initiator' | 'responder';
  readonly paths: readonly PathStatus[];
  /** Bytes of the traffic that counts, so far; undefined: everything does. */
  readonly chosen?: ByteCounts | undefined;
};

export type ByteCounts = { readonly sent: number; readonly received: number };

/** IPv4 and UDP in front of each ESP packet, which the paths' counters leave out. */
const OUTER_HEADER_BYTES = 28;

type Rates = { readonly sentBps: number; readonly receivedBps: number };

export class LoadMeter {
  readonly #capacities: ReadonlyMap<string, number | undefined>;
  #before: ReadonlyMap<string, ByteCounts> = new Map();
  #counts = new Map<string, ByteCounts>();
  #measuredAt: number | undefined;
  #seconds = 0;

  constructor(links: readonly LinkConfig[]) {
    this.#capacities = new Map(links.map(({ name, rateBps }) => [name, rateBps]));
  }

  /** @param usable links that packets can leave by now */
  measure(tunnels: readonly MeteredTunnel[], usable: ReadonlySet<string>, nowMillis: number): TunnelLoad[] {
    this.#seconds = (nowMillis - (this.#measuredAt ?? nowMillis)) / 1000;
    this.#measuredAt = nowMillis;
    this.#before = this.#counts;
    this.#counts = new Map();
    const used = this.#linkRates(tunnels);
    return tunnels.map((tunnel) => this.#loadOf(tunnel, tunnels, used, usable));
  }

  #loadOf(
    { config, role, paths, chosen }: MeteredTunnel,
    tunnels: readonly MeteredTunnel[],
    used: ReadonlyMap<string, Rates>,
    usable: ReadonlySet<string>,
  ): TunnelLoad {
    const { direction } = config.demand;
    const carriers = [...new Set(paths.filter(carries).map(({ link }) => link))];
    const loads = carriers.map((link): LinkLoad => {
      const over = tunnels
        .flatMap((tunnel) => tunnel.paths)
        .filter((path) => path.link === link && carries(path));
      return { link, usedBps: busier(used.get(link), direction), ...this.#line(link, over) };
    });
    return {
      tunnel: config.name,
      loads,
      ...(chosen !== undefined && {
        chosenBps: busier(this.#grown(`chosen ${config.name}`, chosen), direction),
      }),
      // One that waits for its peer cannot tell whether the peer wants to come.
      isCut: role === 'initiator' ? loads.length === 0 : !config.links.some((link) => usable.has(link)),
    };
  }

  #line(link: string, paths: readonly PathStatus[]): Pick<LinkLoad, 'capacityBps' | 'queueMillis'> {
    const measured = paths.reduce((sum, { rateBps = 0 }) => sum + rateBps, 0);
    const queueMillis = Math.max(...paths.map((path) => path.queueMillis ?? 0));
    return {
      capacityBps: this.#capacities.get(link) ?? (measured === 0 ? undefined : measured),
      queueMillis,
    };
  }

  #linkRates(tunnels: readonly MeteredTunnel[]): Map<string, Rates> {
    const links = new Map<string, Rates>();
    for (const { config, paths } of tunnels) {
      for (const path of paths) {
        const { sentBps, receivedBps } = this.#grown(`path ${config.name} ${path.id}`, bytesOf(path));
        const sum = links.get(path.link) ?? { sentBps: 0, receivedBps: 0 };
        links.set(path.link, { sentBps: sum.sentBps + sentBps, receivedBps: sum.receivedBps + receivedBps });
      }
    }
    return links;
  }

  /** The mean since the last time; what is looked at for the first time, and what was begun anew, counts from nought. */
  #grown(key: string, now: ByteCounts): Rates {
    this.#counts.set(key, now);
    if (this.#seconds <= 0) return { sentBps: 0, receivedBps: 0 };
    const before = this.#before.get(key) ?? { sent: 0, received: 0 };
    const isAnew = now.sent < before.sent || now.received < before.received;
    const { sent, received } = isAnew ? { sent: 0, received: 0 } : before;
    const perByte = 8 / this.#seconds;
    return { sentBps: (now.sent - sent) * perByte, receivedBps: (now.received - received) * perByte };
  }
}

function busier(rates: Rates | undefined, direction: 'both' | 'sent'): number {
  const { sentBps = 0, receivedBps = 0 } = rates ?? {};
  return direction === 'both' ? Math.max(sentBps, receivedBps) : sentBps;
}

function carries({ state }: PathStatus): boolean {
  return state === 'up' || state === 'suspect';
}

function bytesOf(path: PathStatus): ByteCounts {
  return {
    sent: path.txBytes + path.txPackets * OUTER_HEADER_BYTES,
    received: path.rxBytes + path.rxPackets * OUTER_HEADER_BYTES,
  };
}
