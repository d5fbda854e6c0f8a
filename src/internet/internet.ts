/**
 * What is spoken of when it is decided which links carry plain traffic to the internet.
 *
 * Contract: everything is per family, as a link may have an address of one family only. Times are monotonic milliseconds.
 */
import type { IpFamily } from '../network/ip-address.ts';

/**
 * What a link is worth at the moment. `good`: it has an address, and its probe, if it has one, finds nothing wrong. `unknown`: its probe
 * has not said anything yet. `held`: it works, and has failed too lately to be trusted. `down`: its probe says so, by the link's own
 * fault. `gone`: it has no address of the family.
 */
export type Grade = 'good' | 'degraded' | 'unknown' | 'held' | 'down' | 'gone';

export type Grades = Readonly<Record<string, Grade>>;

export type Carrier = { readonly link: string; readonly weight: number };

/**
 * `first`: nobody carried before. `failed`: who carried does not any more. `better`: a better tier was good for the hold.
 * `joined`: another link of the same tier was, or one of them was worse than the others. `operator`: he said so.
 */
export type MoveReason = 'first' | 'failed' | 'better' | 'joined' | 'operator' | 'canaryFailed';

/** Who carries, and since when. */
export type Standing = {
  readonly carriers: readonly Carrier[];
  readonly reason: MoveReason | undefined;
  readonly sinceMillis: number;
  readonly canary: { readonly carriers: readonly Carrier[]; readonly untilMillis: number } | undefined;
  /** No link is good; who carries is kept. */
  readonly isLost: boolean;
};

/** What ought to be; it is so when `moved` was called with it. */
export type Move = {
  readonly family: IpFamily;
  readonly before: readonly Carrier[];
  readonly carriers: readonly Carrier[];
  /** The change begins with these for a share of new connections; `carriers` are as before. */
  readonly canary: readonly Carrier[] | undefined;
  readonly reason: MoveReason;
  /** How long the links that come were good, where that mattered. */
  readonly heldMillis?: number;
};

export function isAlive(grade: Grade | undefined): boolean {
  return grade === 'good' || grade === 'degraded';
}

/** Alive, or good enough where nothing alive is. */
export function mayWork(grade: Grade | undefined): boolean {
  return isAlive(grade) || grade === 'unknown' || grade === 'held';
}

export function sameCarriers(one: readonly Carrier[], other: readonly Carrier[]): boolean {
  const text = (carriers: readonly Carrier[]) =>
    carriers.map(({ link, weight }) => `${link} ${weight}`).join();
  return text(one) === text(other);
}
