/**
 * What the simulated gateway knows of its links, and since when.
 *
 * Contract: pure; times are milliseconds. Links are spoken of by their names and by their places in the configuration.
 */
import { type Grade, type Grades, isAlive } from '../../src/internet/internet.ts';

export type KnownLink = {
  readonly grade: Grade;
  /** Also of one that is held back: it is taken where nothing else works. */
  readonly aliveSince: number | undefined;
  readonly deadSince: number | undefined;
  readonly goodSince: number | undefined;
};

export class KnownLinks {
  readonly #names: readonly string[];
  #known: readonly KnownLink[];

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#known = names.map(() => {
      return { grade: 'gone', aliveSince: undefined, deadSince: undefined, goodSince: undefined };
    });
  }

  /** @returns the names of those that failed or went */
  look(grades: Grades, nowMillis: number): string[] {
    const before = this.#known;
    this.#known = before.map((known, link) => {
      const grade = grades[this.#names[link] as string] ?? 'gone';
      return {
        grade,
        aliveSince: isAlive(grade) || grade === 'held' ? (known.aliveSince ?? nowMillis) : undefined,
        deadSince: mayLive(grade) ? undefined : (known.deadSince ?? nowMillis),
        goodSince: grade === 'good' ? (known.goodSince ?? nowMillis) : undefined,
      };
    });
    return this.#names.filter(
      (_, link) => life(this.at(link).grade) < life((before[link] as KnownLink).grade),
    );
  }

  at(link: number): KnownLink {
    return this.#known[link] as KnownLink;
  }

  of(name: string): KnownLink {
    return this.at(this.#names.indexOf(name));
  }

  /** Since when another one is known to work. */
  anotherWorksSince(link: number): number | undefined {
    let first: number | undefined;
    for (let index = 0; index < this.#known.length; index++) {
      if (index !== link) first = earlier(first, this.at(index).aliveSince);
    }
    return first;
  }
}

export function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** It works, or is presumed to. */
export function mayLive(grade: Grade): boolean {
  return life(grade) === 2;
}

/** Two steps down: it fails, and it goes. */
function life(grade: Grade): number {
  if (grade === 'down') return 1;
  return grade === 'gone' ? 0 : 2;
}
