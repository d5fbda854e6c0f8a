/**
 * The links between the two ends: what is on its way over them, and by which address each end is heard.
 *
 * Contract: pure but for chance from the history's seed. `send` takes a datagram from an end, `take` gives what arrives.
 * What goes to an address that the other end had before, or to a socket that is closed, is lost. Times are µs.
 */
import { SeededRandom } from '../lab/wan/random.ts';
import type { History } from './history.ts';
import { Flight, type InFlight } from './in-flight.ts';
import { type EndName, endNames, otherEnd } from './inner-packets.ts';
import { VirtualLink } from './virtual-link.ts';

/** Seeds of the links of one history, two for each. */
const SEEDS = 64;

export class VirtualNetwork {
  /** Datagrams that were sent. */
  datagrams = 0;
  readonly #links: Readonly<Record<EndName, readonly VirtualLink[]>>;
  readonly #mouths: Readonly<Record<EndName, number[]>>;
  readonly #open: Readonly<Record<EndName, boolean[]>>;
  readonly #flight = new Flight();
  readonly #coalescing: number;

  constructor({ links, seed, coalescing }: Pick<History, 'links' | 'seed' | 'coalescing'>) {
    this.#coalescing = coalescing;
    const linksOf = (end: number) =>
      links.map((link, index) => new VirtualLink(link, new SeededRandom(seed * SEEDS + 2 * index + end)));
    this.#links = { a: linksOf(0), b: linksOf(1) };
    this.#mouths = { a: links.map(() => 0), b: links.map(() => 0) };
    this.#open = { a: links.map(() => true), b: links.map(() => true) };
  }

  get nextAt(): number {
    return this.#flight.nextAt;
  }

  /** Datagrams that the links lost for any reason. */
  get lost(): number {
    return endNames.reduce((sum, end) => sum + this.#links[end].reduce((all, { lost }) => all + lost, 0), 0);
  }

  /** The link in the direction from this end. */
  link(from: EndName, link: number): VirtualLink {
    return this.#links[from][link] as VirtualLink;
  }

  /** By which of its addresses an end is heard on this link. */
  mouth(end: EndName, link: number): number {
    return this.#mouths[end][link] as number;
  }

  moveAddress(end: EndName, link: number): void {
    this.#mouths[end][link] = 1 - this.mouth(end, link);
  }

  isOpen(end: EndName, link: number): boolean {
    return this.#open[end][link] === true;
  }

  setOpen(end: EndName, link: number, open: boolean): void {
    this.#open[end][link] = open;
  }

  /** @param mouth the address of the other end that it was sent to */
  send(from: EndName, link: number, mouth: number, bytes: Uint8Array, now: number): void {
    this.datagrams++;
    const to = otherEnd(from);
    const at = this.link(from, link).carry(bytes.length, now);
    if (at === undefined || mouth !== this.mouth(to, link)) return;
    const seenAt = Math.ceil(at / this.#coalescing) * this.#coalescing;
    this.#flight.add({ at: seenAt, to, link, mouth: this.mouth(from, link), bytes });
  }

  /** @returns the next datagrams that are due and find an open socket, all over one link; none when nothing is due */
  take(now: number): InFlight[] {
    let row = this.#flight.take(now);
    while (row[0] !== undefined && !this.isOpen(row[0].to, row[0].link)) row = this.#flight.take(now);
    return row;
  }
}
