/**
 * One link between the two sites, as a test sees it: what it is made of, and the faults that can be put on it.
 *
 * Contract: `set` takes effect at once and in both directions unless one is named. A plain link knows only the black
 * hole; asking it for anything else is an error, so that no test believes in a fault that is not there.
 */
import type { LinkPlan } from './addressing.ts';
import { connect, type InterfaceEnd } from './namespace.ts';
import type { LinkProfile } from './profiles.ts';
import type { Impairments } from './wan/impairments.ts';
import type { Direction, LinkStatistics, WanLink } from './wan/wan.ts';

export type SiteLink = {
  readonly index: number;
  readonly plan: LinkPlan;
  readonly profile: LinkProfile;
  readonly emulated: boolean;
  set(change: Partial<Impairments>, direction?: Direction): Promise<void>;
  /** Counters since the start, per direction; an error for a plain link. */
  statistics(): Promise<LinkStatistics>;
  /** Lays the link again after one of its interfaces was deleted, with its addresses and routes. */
  repair(): Promise<void>;
};

export type LinkEnds = { readonly near: InterfaceEnd; readonly far: InterfaceEnd };

export type SiteLinkParts = {
  readonly index: number;
  readonly plan: LinkPlan;
  readonly profile: LinkProfile;
  /** Gives the interfaces the addresses and routes that they are lacking. */
  readonly dress: () => Promise<void>;
};

export class EmulatedSiteLink implements SiteLink {
  readonly index: number;
  readonly plan: LinkPlan;
  readonly profile: LinkProfile;
  readonly emulated = true;
  readonly #link: WanLink;
  readonly #dress: () => Promise<void>;

  constructor(parts: SiteLinkParts, link: WanLink) {
    this.index = parts.index;
    this.plan = parts.plan;
    this.profile = parts.profile;
    this.#dress = parts.dress;
    this.#link = link;
  }

  set(change: Partial<Impairments>, direction?: Direction): Promise<void> {
    return this.#link.set(change, direction);
  }

  statistics(): Promise<LinkStatistics> {
    return this.#link.statistics();
  }

  async repair(): Promise<void> {
    await this.#link.repair();
    await this.#dress();
  }
}

export class PlainSiteLink implements SiteLink {
  readonly index: number;
  readonly plan: LinkPlan;
  readonly profile = 'plain';
  readonly emulated = false;
  readonly #ends: LinkEnds;
  readonly #dress: () => Promise<void>;
  readonly #mtu: number;

  constructor(parts: SiteLinkParts, ends: LinkEnds, mtu: number) {
    this.index = parts.index;
    this.plan = parts.plan;
    this.#dress = parts.dress;
    this.#ends = ends;
    this.#mtu = mtu;
  }

  async set(change: Partial<Impairments>, direction?: Direction): Promise<void> {
    const { blackHole, ...others } = change;
    if (Object.keys(others).length > 0) {
      throw new Error(`a plain link has no ${Object.keys(others).join(', ')}: use an emulated one`);
    }
    if (blackHole === undefined) return;
    // Frames towards B are swallowed where they come in at B, and the other way round.
    if (direction !== 'bToA') await setSwallowing(this.#ends.far, blackHole);
    if (direction !== 'aToB') await setSwallowing(this.#ends.near, blackHole);
  }

  statistics(): Promise<LinkStatistics> {
    return Promise.reject(new Error('a plain link has no counters: use an emulated one'));
  }

  async repair(): Promise<void> {
    const { near, far } = this.#ends;
    if (!(await near.namespace.hasInterface(near.name))) await connect(near, far, this.#mtu);
    await this.#dress();
  }
}

async function setSwallowing({ namespace, name }: InterfaceEnd, swallowing: boolean): Promise<void> {
  const table = `table netdev laboratory_${name}`;
  const rules = `${table} {
    chain swallow {
      type filter hook ingress device "${name}" priority -500; policy drop;
    }
  }`;
  await namespace.nft(`${table}\ndelete ${table}\n${swallowing ? rules : ''}\n`);
}
