/**
 * What the tunnels carry over their links, from the paths' counters: the load that bandwidth on demand decides by.
 *
 * Contract: pure. Each call of `measure` gives the mean since the one before. The load of a link is that of all tunnels
 * over it, as they share its capacity: what the operator says, otherwise what the paths were measured to carry. Figures count what is on the line, outer headers included.
 */
import type { PathStatus } from '../api/status.ts';
import type { LinkConfig, TunnelConfig } from '../config/index.ts';
import type { LinkLoad, TunnelLoad } from '../tunnel/demand/demand.ts';

export type MeteredTunnel = {
  readonly config: TunnelConfig;
  readonly role: 'initiator' | 'responder';
  readonly paths: readonly PathStatus[];
};

/** IPv4 and UDP in front of each ESP packet, which the paths' counters leave out. */
const OUTER_HEADER_BYTES = 28;

type Figures = { readonly sent: number; readonly received: number };
type LinkFigures = { sentBps: number; receivedBps: number; rateBps: number; queues: number[] };

export class LoadMeter {
  readonly #rates: ReadonlyMap<string, number | undefined>;
  #before = new Map<string, Figures>();
  #measuredAt: number | undefined;

  constructor(links: readonly LinkConfig[]) {
    this.#rates = new Map(links.map(({ name, rateBps }) => [name, rateBps]));
  }

  /** @param usable links that packets can leave by now */
  measure(tunnels: readonly MeteredTunnel[], usable: ReadonlySet<string>, nowMillis: number): TunnelLoad[] {
    const links = this.#measureLinks(tunnels, nowMillis);
    return tunnels.map(({ config, role, paths }) => {
      const carriers = [...new Set(paths.filter(carries).map(({ link }) => link))];
      const loads = carriers.map((link) => this.#loadOf(link, links.get(link), config.demand.direction));
      // One that waits for its peer cannot tell whether the peer wants to come.
      const isCut =
        role === 'initiator' ? loads.length === 0 : !config.links.some((link) => usable.has(link));
      return { tunnel: config.name, loads, isCut };
    });
  }

  #measureLinks(tunnels: readonly MeteredTunnel[], nowMillis: number): Map<string, LinkFigures> {
    const seconds = (nowMillis - (this.#measuredAt ?? nowMillis)) / 1000;
    const links = new Map<string, LinkFigures>();
    const after = new Map<string, Figures>();
    for (const { config, paths } of tunnels) {
      for (const path of paths) {
        const key = `${config.name} ${path.id}`;
        const now = figuresOf(path);
        after.set(key, now);
        const grown = seconds > 0 ? difference(now, this.#before.get(key)) : { sent: 0, received: 0 };
        const link = links.get(path.link) ?? { sentBps: 0, receivedBps: 0, rateBps: 0, queues: [] };
        links.set(path.link, link);
        link.sentBps += (grown.sent * 8) / (seconds || 1);
        link.receivedBps += (grown.received * 8) / (seconds || 1);
        if (!carries(path)) continue;
        link.rateBps += path.rateBps ?? 0;
        link.queues.push(path.queueMillis ?? 0);
      }
    }
    this.#before = after;
    this.#measuredAt = nowMillis;
    return links;
  }

  #loadOf(link: string, figures: LinkFigures | undefined, direction: 'both' | 'sent'): LinkLoad {
    const { sentBps = 0, receivedBps = 0, rateBps = 0, queues = [] } = figures ?? {};
    return {
      link,
      usedBps: direction === 'both' ? Math.max(sentBps, receivedBps) : sentBps,
      capacityBps: this.#rates.get(link) ?? (rateBps === 0 ? undefined : rateBps),
      queueMillis: queues.length === 0 ? undefined : Math.max(...queues),
    };
  }
}

function carries({ state }: PathStatus): boolean {
  return state === 'up' || state === 'suspect';
}

function figuresOf(path: PathStatus): Figures {
  return {
    sent: path.txBytes + path.txPackets * OUTER_HEADER_BYTES,
    received: path.rxBytes + path.rxPackets * OUTER_HEADER_BYTES,
  };
}

/** A path that was laid anew counts from nought. */
function difference(now: Figures, before: Figures = { sent: 0, received: 0 }): Figures {
  const isNew = now.sent < before.sent || now.received < before.received;
  return isNew ? now : { sent: now.sent - before.sent, received: now.received - before.received };
}
