/**
 * Does to the ends and the links what the history says: what a gateway's main thread, its operator and the world would do.
 *
 * Contract: `apply` may be told the same twice: what is closed stays closed, what is there is not added again.
 */
import type { Change, History } from './history.ts';
import { classOfFlows, type EndName, endNames, otherEnd } from './inner-packets.ts';
import type { Ends } from './tunnel-end.ts';
import type { VirtualNetwork } from './virtual-network.ts';

/** What of a history says how the tunnel is built. */
export type TunnelPlan = Pick<
  History,
  'links' | 'mtus' | 'keepaliveMillis' | 'schedule' | 'finishChecksums' | 'aggfrag' | 'mode' | 'clocksAhead'
>;

export class Operator {
  readonly #ends: Ends;
  readonly #network: VirtualNetwork;
  /** The path over each link; undefined while there is none. */
  readonly #paths: (number | undefined)[];
  #nextPath: number;

  constructor(ends: Ends, network: VirtualNetwork, links: number) {
    this.#ends = ends;
    this.#network = network;
    this.#paths = Array.from({ length: links }, (_, link) => link);
    this.#nextPath = links;
  }

  /** Builds the tunnel at both ends. */
  begin({
    links,
    mtus,
    keepaliveMillis,
    schedule,
    finishChecksums,
    aggfrag,
    mode,
    clocksAhead,
  }: TunnelPlan): void {
    const classes = mode === 'spread' ? [] : [classOfFlows(mode, 0, 1)];
    const plan = { links: links.length, keepaliveMillis, schedule, finishChecksums, aggfrag, classes };
    mtus.forEach((mtu, link) => {
      for (const name of endNames) this.#network.link(name, link).mtu = mtu;
    });
    for (const name of endNames) this.#ends[name].begin({ ...plan, clockAhead: clocksAhead[name] });
    this.#rekey(0);
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'condition':
        for (const sender of change.senders) this.#network.link(sender, change.link).condition = change.to;
        return;
      case 'mtu':
        for (const sender of change.senders) this.#network.link(sender, change.link).mtu = change.to;
        return;
      case 'closeSocket':
        this.#network.setOpen(change.end, change.link, false);
        return this.#ends[change.end].closeSocket(change.link);
      case 'openSocket':
        return this.#openSocket(change.end, change.link);
      case 'removePath':
        return this.#removePath(change.link);
      case 'addPath':
        return this.#addPath(change.link);
      case 'moveAddress':
        return this.#network.moveAddress(change.end, change.link);
      case 'rekey':
        return this.#rekey(change.generation);
    }
  }

  #openSocket(name: EndName, link: number): void {
    if (this.#network.isOpen(name, link)) return;
    this.#network.setOpen(name, link, true);
    this.#ends[name].openSocket(link);
    const path = this.#paths[link];
    if (path !== undefined) this.#ends[name].movePath(link, path);
  }

  #removePath(link: number): void {
    const path = this.#paths[link];
    this.#paths[link] = undefined;
    if (path === undefined) return;
    for (const name of endNames) this.#ends[name].removePath(path);
  }

  /** Under a number of its own, as the control protocol has it. */
  #addPath(link: number): void {
    if (this.#paths[link] !== undefined) return;
    const path = this.#nextPath++;
    this.#paths[link] = path;
    for (const name of endNames)
      this.#ends[name].addPath(link, path, this.#network.mouth(otherEnd(name), link));
  }

  /** The one that answers is ready when the other begins. */
  #rekey(generation: number): void {
    this.#ends.b.rekey(generation, generation > 0);
    this.#ends.a.rekey(generation, false);
  }
}
