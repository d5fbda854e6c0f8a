/**
 * Which links carry the plain traffic of one family.
 *
 *     nobody ──first──▶ carried ──all that carry are down, others are not: failed──▶ carried by the best tier that is left
 *                          │  ▲
 *                          │  └── better tier good for `hold`, after the canary if there is one: better ──┐
 *                          └── a link of the tier joins after `hold`, or goes when it is down ────────────┘
 *
 * Contract: pure. `consider` says what ought to change, `moved` that it has been done; until then it is said again. The best
 * tier with a link that works carries, with its links that are good; degraded ones carry where no good one is in their tier.
 * What is dead is left at once. What is better must be good for `hold`, and nothing was changed for so long: so there are at
 * most 1 + time / `hold` changes for the better, and one for each failure of a link that carries. A link that is held back after a failure is
 * taken where nothing else works: damping keeps nobody offline. When no link works the present ones are kept, as nothing is won by moving. Source: S1.6, S1.8, S1.9.
 */
import type { InternetConfig } from '../config/index.ts';
import type { IpFamily } from '../network/ip-address.ts';
import {
  type Carrier,
  type Grade,
  type Grades,
  isAlive,
  type Move,
  mayWork,
  type Standing,
  sameCarriers,
} from './internet.ts';

/** Before every tier: the link that the operator chose. */
const CHOSEN_TIER = 0;

export class InternetFamily {
  readonly #family: IpFamily;
  readonly #config: InternetConfig;
  #grades: Grades = {};
  readonly #goodSince = new Map<string, number>();
  #standing: Standing;
  #chosen: string | undefined;
  /** The operator's word does not wait for `hold`. */
  #isUrgent = false;

  constructor(family: IpFamily, config: InternetConfig, nowMillis: number) {
    this.#family = family;
    this.#config = config;
    this.#standing = {
      carriers: [],
      reason: undefined,
      sinceMillis: nowMillis,
      canary: undefined,
      isLost: false,
    };
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** How an earlier run of the daemon has left it. */
  adopt(links: readonly string[], nowMillis: number): void {
    const carriers = this.#config.links.filter(({ name }) => links.includes(name)).map(carrierOf);
    this.#standing = { ...this.#standing, carriers, sinceMillis: nowMillis };
  }

  /** `link`: undefined to release it. */
  choose(link: string | undefined, isUrgent = true): void {
    this.#chosen = link;
    this.#isUrgent = isUrgent;
  }

  /** @param grades of all links */
  look(grades: Grades, nowMillis: number): void {
    this.#grades = grades;
    for (const { name } of this.#config.links) {
      if (grades[name] !== 'good') this.#goodSince.delete(name);
      else if (!this.#goodSince.has(name)) this.#goodSince.set(name, nowMillis);
    }
    const works = Object.values(grades).some((grade) => isAlive(grade) || grade === 'held');
    const hopes = this.#standing.carriers.some(({ link }) => grades[link] === 'unknown');
    if (works || !hopes)
      this.#standing = { ...this.#standing, isLost: !works && this.#standing.carriers.length > 0 };
  }

  consider(nowMillis: number): Move | undefined {
    const { carriers } = this.#standing;
    const kept = carriers.filter(({ link }) => this.#keeps(link));
    if (kept.length === 0) return this.#replace(nowMillis);
    if (kept.length < carriers.length) return this.#move(kept, 'failed', nowMillis);
    return this.#canaryMove(nowMillis) ?? this.#improve(nowMillis);
  }

  moved({ carriers, canary, reason }: Move, nowMillis: number): void {
    const isNew = !sameCarriers(carriers, this.#standing.carriers);
    const untilMillis = nowMillis + (this.#config.canary?.forMillis ?? 0);
    this.#standing = {
      carriers,
      reason: isNew ? reason : this.#standing.reason,
      sinceMillis: isNew ? nowMillis : this.#standing.sinceMillis,
      canary: canary && { carriers: canary, untilMillis },
      isLost: this.#standing.isLost,
    };
    if (this.#isUrgent && (this.#chosen === undefined || carriers.some(({ link }) => link === this.#chosen)))
      this.#isUrgent = false;
  }

  /** When `consider` may say something without any news. */
  nextDeadline(nowMillis: number): number | undefined {
    const { canary, sinceMillis } = this.#standing;
    const ripe = [...this.#goodSince.values(), sinceMillis].map((since) => since + this.#config.holdMillis);
    const moments = canary === undefined ? ripe : [...ripe, canary.untilMillis];
    const later = moments.filter((at) => at > nowMillis);
    return later.length === 0 ? undefined : Math.min(...later);
  }

  #replace(nowMillis: number): Move | undefined {
    const { carriers } = this.#standing;
    const alive = this.#best((link) => isAlive(this.#grades[link]));
    const reason = carriers.length === 0 ? 'first' : 'failed';
    if (alive.length > 0) return this.#move(alive, reason, nowMillis);
    const held = this.#best((link) => this.#grades[link] === 'held');
    if (held.length > 0) return this.#move(held, reason, nowMillis);
    // A link that is there and silent is still more than one that is not there.
    if (carriers.some(({ link }) => this.#grade(link) === 'down')) return undefined;
    const hope = this.#best((link) => this.#grades[link] === 'unknown');
    const there = hope.length > 0 ? hope : this.#best((link) => this.#grades[link] === 'down');
    return there.length === 0 ? undefined : this.#move(there, reason, nowMillis);
  }

  #canaryMove(nowMillis: number): Move | undefined {
    const { canary, carriers } = this.#standing;
    if (canary === undefined) return undefined;
    if (canary.carriers.some(({ link }) => this.#grades[link] !== 'good'))
      return this.#move(carriers, 'canaryFailed', nowMillis);
    return nowMillis < canary.untilMillis && !this.#isUrgent
      ? undefined
      : this.#move(canary.carriers, 'better', nowMillis);
  }

  #improve(nowMillis: number): Move | undefined {
    const { carriers, sinceMillis, canary } = this.#standing;
    if (canary !== undefined) return undefined;
    const { holdMillis } = this.#config;
    const carries = (name: string) => carriers.some(({ link }) => link === name);
    // Reckoned as `nextDeadline` does, so that rounding never lets a moment pass between the two.
    const ripe = (name: string) => (this.#goodSince.get(name) ?? nowMillis) + holdMillis <= nowMillis;
    const ideal = this.#best((link) =>
      this.#isUrgent ? isAlive(this.#grades[link]) : carries(link) ? this.#keeps(link) : ripe(link),
    );
    if (ideal.length === 0 || sameCarriers(ideal, carriers)) return undefined;
    if (this.#isUrgent) return this.#move(ideal, 'operator', nowMillis);
    if (sinceMillis + holdMillis > nowMillis) return undefined;
    const isBetter = this.#tierOfAll(ideal) < this.#tierOfAll(carriers);
    if (!isBetter) return this.#move(ideal, 'joined', nowMillis);
    if (this.#config.fallback === 'manual') return undefined;
    const move = this.#move(ideal, 'better', nowMillis);
    return this.#config.canary === undefined ? move : { ...move, carriers, canary: ideal };
  }

  #move(carriers: readonly Carrier[], reason: Move['reason'], nowMillis: number): Move {
    const held = carriers.map(({ link }) => nowMillis - (this.#goodSince.get(link) ?? nowMillis));
    return {
      family: this.#family,
      before: this.#standing.carriers,
      carriers,
      canary: undefined,
      reason,
      ...((reason === 'better' || reason === 'joined') && { heldMillis: Math.min(...held) }),
    };
  }

  /** The best tier that has such links, and of these the good ones, if there are any. */
  #best(fits: (link: string) => boolean): Carrier[] {
    const fitting = this.#config.links.filter(({ name }) => fits(name));
    const tier = Math.min(...fitting.map(({ name }) => this.#tierOf(name)));
    const ofTier = fitting.filter(({ name }) => this.#tierOf(name) === tier);
    const good = ofTier.filter(({ name }) => this.#grades[name] === 'good');
    return (good.length > 0 ? good : ofTier).map(carrierOf);
  }

  /** A link that carries and of which nothing is known is presumed to work; one that is held back does. */
  #keeps(link: string): boolean {
    return mayWork(this.#grades[link]);
  }

  #grade(link: string): Grade {
    return this.#grades[link] ?? 'gone';
  }

  #tierOf(link: string): number {
    if (link === this.#chosen) return CHOSEN_TIER;
    return this.#config.links.find(({ name }) => name === link)?.tier ?? Number.POSITIVE_INFINITY;
  }

  #tierOfAll(carriers: readonly Carrier[]): number {
    return Math.min(...carriers.map(({ link }) => this.#tierOf(link)));
  }
}

function carrierOf({ name, weight }: InternetConfig['links'][number]): Carrier {
  return { link: name, weight };
}
