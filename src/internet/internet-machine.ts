/**
 * Which links carry plain traffic to the internet, in both families, and what follows for links on demand and for connections.
 *
 * Contract: pure. `look` is told what the links are worth; `consider` says what ought to change and `moved` that it was done.
 * `cuts` are the connections that cannot survive: those over a link that works no more, once another one carries the family.
 * Connections over a link that works are never among them. Source: S1.6, S1.8, S1.9, S1.12.
 */
import type { InternetConfig } from '../config/index.ts';
import type { IpFamily } from '../network/ip-address.ts';
import { type Grade, type Grades, isAlive, type Move, mayWork } from './internet.ts';
import { InternetFamily } from './internet-family.ts';

export type Cut = { readonly link: string; readonly family: IpFamily };
export type FamilyGrades = Readonly<Record<IpFamily, Grades>>;

export const bothFamilies = [4, 6] as const;

/** After a start links may take so long to get their addresses before another one is dialled. */
const PATIENCE_MILLIS = 5_000;

export class InternetMachine {
  readonly families: Readonly<Record<IpFamily, InternetFamily>>;
  readonly #config: InternetConfig;
  readonly #startedAt: number;
  #grades: FamilyGrades = { 4: {}, 6: {} };
  #chosen: string | undefined;
  #dead: readonly Cut[] = [];

  constructor(config: InternetConfig, nowMillis: number) {
    this.#config = config;
    this.#startedAt = nowMillis;
    this.families = {
      4: new InternetFamily(4, config, nowMillis),
      6: new InternetFamily(6, config, nowMillis),
    };
  }

  /** What an earlier run of the daemon has left. @param cuts that it had not made yet */
  adopt(
    carriers: Readonly<Record<IpFamily, readonly string[]>>,
    chosen: string | undefined,
    cuts: readonly Cut[],
    nowMillis: number,
  ): void {
    for (const family of bothFamilies) {
      this.families[family].adopt(carriers[family], nowMillis);
      this.families[family].choose(chosen, false);
    }
    this.#chosen = chosen;
    this.#dead = cuts;
  }

  /** The link that the operator has chosen. */
  get chosen(): string | undefined {
    return this.#chosen;
  }

  /** `link`: undefined to release it. Both do not wait for `hold`. */
  choose(link: string | undefined): void {
    this.#chosen = link;
    for (const family of bothFamilies) this.families[family].choose(link);
  }

  look(grades: FamilyGrades, nowMillis: number): void {
    for (const family of bothFamilies) {
      for (const { name } of this.#config.links) this.#watch(name, family, grades[family][name] ?? 'gone');
      this.#watchCarriers(family, grades[family]);
      this.families[family].look(grades[family], nowMillis);
    }
    this.#grades = grades;
  }

  consider(nowMillis: number): Move[] {
    return bothFamilies.flatMap((family) => this.families[family].consider(nowMillis) ?? []);
  }

  moved(moves: readonly Move[], nowMillis: number): void {
    for (const move of moves) this.families[move.family].moved(move, nowMillis);
  }

  /** What is to be cut off when `moves` were made. */
  cuts(moves: readonly Move[] = []): Cut[] {
    return this.#dead.filter(({ link, family }) => {
      const { carriers } = moves.find((move) => move.family === family) ?? this.families[family].standing;
      return carriers.some((carrier) => carrier.link !== link && mayWork(this.#grades[family][carrier.link]));
    });
  }

  wasCut(done: Cut): void {
    this.#dead = this.#dead.filter(({ link, family }) => link !== done.link || family !== done.family);
  }

  /** Links, best first, of which one is needed because no link of a better tier works, and those that carry. */
  needed(nowMillis: number): string[] {
    const links = this.#config.links.toSorted((one, other) => this.#tierOf(one) - this.#tierOf(other));
    const works = links.filter(({ name }) => bothFamilies.some((family) => this.#works(name, family)));
    const [best] = works;
    if (best === undefined && nowMillis - this.#startedAt < PATIENCE_MILLIS) return this.#carrying();
    const tier = best === undefined ? Number.POSITIVE_INFINITY : this.#tierOf(best);
    const needed = links.filter(
      (link) => this.#tierOf(link) < tier || (this.#tierOf(link) === tier && works.includes(link)),
    );
    return [...new Set([...needed.map(({ name }) => name), ...this.#carrying()])];
  }

  nextDeadline(nowMillis: number): number | undefined {
    const moments = bothFamilies
      .map((family) => this.families[family].nextDeadline(nowMillis))
      .filter((at) => at !== undefined);
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  #watch(link: string, family: IpFamily, grade: Grade): void {
    if (!isDead(grade)) this.wasCut({ link, family });
    else if (!isDead(this.#grades[family][link])) this.#dead = [...this.#dead, { link, family }];
  }

  /** A link that is dead may carry, for want of another, or have carried before a start: what began over it cannot live either. */
  #watchCarriers(family: IpFamily, grades: Grades): void {
    const isKnown = (name: string) => this.#dead.some((cut) => cut.link === name && cut.family === family);
    for (const { link } of this.families[family].standing.carriers)
      if (isDead(grades[link]) && !isKnown(link)) this.#dead = [...this.#dead, { link, family }];
  }

  /** Well enough that no other has to be dialled: what is held back may fail again before long. */
  #works(link: string, family: IpFamily): boolean {
    const grade = this.#grades[family][link];
    return isAlive(grade) || grade === 'unknown';
  }

  #carrying(): string[] {
    return bothFamilies.flatMap((family) => {
      const { carriers, canary } = this.families[family].standing;
      return [...carriers, ...(canary?.carriers ?? [])].map(({ link }) => link);
    });
  }

  #tierOf({ name, tier }: InternetConfig['links'][number]): number {
    return name === this.#chosen ? 0 : tier;
  }
}

function isDead(grade: Grade | undefined): boolean {
  return grade === undefined || grade === 'down' || grade === 'gone';
}
