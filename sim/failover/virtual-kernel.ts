/**
 * The part of the kernel that leads plain connections: which links carry new ones, and which one an old one is pinned to.
 *
 * Contract: what was applied last stands, whole. A connection keeps the link and the address that it had with its first packet until
 * it is cut off; then its next packet makes it anew, by what stands then. Source: network/internet-table.ts, conntrack.
 */
import {
  type DesiredState,
  type InternetCarrier,
  type InternetChoice,
  nothingDesired,
} from '../../src/network/desired-state.ts';

export type Tracked = { readonly id: number; readonly link: number; readonly address: string };

const FAMILY = 4;

export class VirtualKernel {
  #standing: DesiredState = nothingDesired;
  readonly #tracked = new Map<number, Tracked>();

  get tracked(): Iterable<Tracked> {
    return this.#tracked.values();
  }

  /** Which the connection is pinned to; undefined: none yet, or it was cut off. */
  linkOf(id: number): number | undefined {
    return this.#tracked.get(id)?.link;
  }

  apply(desired: DesiredState): void {
    this.#standing = desired;
  }

  /** In words, as the plan would have them. */
  remaining(desired: DesiredState): string[] {
    const isSo = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
    return [
      ...(isSo(this.#standing.links, desired.links) ? [] : ['ip -4 route add']),
      ...(isSo(this.#standing.internet, desired.internet) ? [] : ['nft add rule']),
    ];
  }

  /** Indexes of the links that new connections may take. */
  get carriers(): readonly number[] {
    const { carriers = [], canary } = this.#choice ?? {};
    return [...carriers, ...(canary?.carriers ?? [])].map(({ link }) => link);
  }

  /**
   * A packet of the connection leaves. @param chance 0 to 1: what a hash of its source and the canary's share would make of it
   * @returns undefined when nothing leads anywhere
   */
  track(id: number, chance: number): Tracked | undefined {
    const known = this.#tracked.get(id);
    if (known !== undefined) return known;
    const link = this.#choose(chance);
    const address = link === undefined ? undefined : this.#addressOf(link);
    if (link === undefined || address === undefined) return undefined;
    const made = { id, link, address };
    this.#tracked.set(id, made);
    return made;
  }

  /** @returns what was cut off */
  cut(link: number): Tracked[] {
    const gone = [...this.#tracked.values()].filter((it) => it.link === link);
    for (const { id } of gone) this.#tracked.delete(id);
    return gone;
  }

  /** The connection has ended by itself. */
  forget(id: number): void {
    this.#tracked.delete(id);
  }

  get #choice(): InternetChoice | undefined {
    return this.#standing.internet?.choices.find(({ family }) => family === FAMILY);
  }

  #choose(chance: number): number | undefined {
    const choice = this.#choice;
    if (choice === undefined) return undefined;
    const { canary } = choice;
    if (canary !== undefined && chance < canary.share) return pick(canary.carriers, chance / canary.share);
    const rest = canary === undefined ? chance : (chance - canary.share) / (1 - canary.share);
    return pick(choice.carriers, rest);
  }

  #addressOf(index: number): string | undefined {
    const link = this.#standing.links.find((it) => it.index === index);
    return link?.families.find(({ family }) => family === FAMILY)?.address.text;
  }
}

/** By weight. */
function pick(carriers: readonly InternetCarrier[], chance: number): number | undefined {
  let left = chance * carriers.reduce((sum, { weight }) => sum + weight, 0);
  for (const { link, weight } of carriers) {
    left -= weight;
    if (left < 0) return link;
  }
  return carriers.at(-1)?.link;
}
