/**
 * How often what carries plain traffic may change: for the better once in each `hold`, to links that were good for it; for the worse once for
 * each failure of what carried.
 *
 * Contract: pure; times are milliseconds. `moved` returns what is wrong, if anything. Source: docs/failover.md.
 */
import type { InternetConfig } from '../../src/config/index.ts';
import type { Move } from '../../src/internet/internet.ts';
import { type KnownLinks, mayLive } from './known-links.ts';

/** Timers are rounded. */
const ROUNDING_MILLIS = 2;

export class ChangeWatch {
  changes = 0;
  better = 0;
  failed = 0;
  /** Of links that carried. */
  failures = 0;
  movedAt = Number.NEGATIVE_INFINITY;
  readonly #internet: InternetConfig;
  readonly #known: KnownLinks;
  #carriers: readonly string[] = [];

  constructor(internet: InternetConfig, known: KnownLinks) {
    this.#internet = internet;
    this.#known = known;
  }

  /** Links that failed or went. */
  worse(links: readonly string[]): void {
    this.failures += links.filter((link) => this.#carriers.includes(link)).length;
  }

  moved(move: Move, nowMillis: number): string | undefined {
    // A share that returns first, or not, is no change yet.
    if (move.canary !== undefined || move.reason === 'canaryFailed') return undefined;
    const isForTheBetter = move.reason === 'better' || move.reason === 'joined';
    const wrong = isForTheBetter ? this.#forTheBetter(move, nowMillis) : undefined;
    this.changes++;
    if (move.reason === 'failed') this.failed++;
    const isTooOften = this.failed > this.failures;
    this.movedAt = nowMillis;
    this.#carriers = move.carriers.map(({ link }) => link);
    // Better than one that is not there; it has failed already.
    this.failures += this.#carriers.filter((link) => !mayLive(this.#known.of(link).grade)).length;
    if (isTooOften) return `${this.failed} changes for ${this.failures} failures of what carried`;
    return wrong;
  }

  #forTheBetter({ reason, carriers, before }: Move, nowMillis: number): string | undefined {
    const { holdMillis } = this.#internet;
    this.better++;
    const permitted = 1 + Math.floor(nowMillis / holdMillis);
    if (this.better > permitted) return `${this.better} changes for the better, permitted ${permitted}`;
    const after = nowMillis - this.movedAt;
    if (after < holdMillis - ROUNDING_MILLIS)
      return `changed (${reason}) ${after} ms after the last change, hold is ${holdMillis} ms`;
    const added = carriers.filter(({ link }) => !before.some((carrier) => carrier.link === link));
    for (const { link } of added) {
      const good = nowMillis - (this.#known.of(link).goodSince ?? nowMillis);
      if (good < holdMillis - ROUNDING_MILLIS)
        return `changed to ${link}, good for ${good} ms, hold is ${holdMillis} ms`;
    }
    return undefined;
  }
}
