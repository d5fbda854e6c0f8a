/**
 * Half an hour of a gateway whose primary link flaps, made from a seed: links, settings, and what happens to the links.
 *
 * Contract: pure; the same seed gives the same history. Times are µs from the history's beginning. From `healedAt` on all links are
 * as they were at the beginning. Troubles of one link do not overlap.
 */
import { Draw } from '../draw.ts';
import type { Senders } from '../history.ts';
import type { EndName } from '../inner-packets.ts';
import type { Condition } from '../virtual-link.ts';

export type Trouble =
  /** Nobody is told. In both directions or in one. */
  | { readonly kind: 'blackHole'; readonly senders: Senders }
  | { readonly kind: 'loss'; readonly senders: Senders; readonly percent: number }
  | { readonly kind: 'noCarrier' }
  /** It is lost, and another one or the same comes back. */
  | { readonly kind: 'noAddress'; readonly another: boolean };

export type TimedTrouble = {
  readonly link: number;
  readonly begins: number;
  readonly ends: number;
  readonly trouble: Trouble;
};

export type FailoverLink = {
  readonly name: string;
  readonly tier: number;
  readonly weight: number;
  readonly isOnDemand: boolean;
  readonly condition: Condition;
};

/** What an operator would set. */
export type FailoverSettings = {
  readonly holdSeconds: number;
  readonly canary: { readonly sharePercent: number; readonly forSeconds: number } | undefined;
  readonly probe: {
    readonly count: number;
    readonly intervalMillis: number;
    readonly retries: number;
    readonly holdSeconds: number;
    readonly holdMostSeconds: number;
    readonly calmSeconds: number;
  };
  readonly keepaliveMillis: number;
};

/** How dialling goes. */
export type Dialling = {
  readonly leastMillis: number;
  readonly mostMillis: number;
  readonly failsPercent: number;
};

export type FailoverHistory = {
  readonly seed: number;
  readonly links: readonly FailoverLink[];
  readonly settings: FailoverSettings;
  readonly dialling: Dialling;
  /** So many of the changes of the kernel's network fail. */
  readonly refusalPercent: number;
  /** Behind the gateway, each with one connection to the internet. */
  readonly clients: number;
  /** In the order of their beginnings. */
  readonly troubles: readonly TimedTrouble[];
  readonly healedAt: number;
  readonly clocksAhead: Readonly<Record<EndName, number>>;
};

const MILLI = 1_000;
const SECOND = 1_000_000;
const TROUBLES_BEGIN = 20 * SECOND;
const CLIENTS = 4;
export const HALF_HOUR = 1_800 * SECOND;

export function failoverHistoryOf(seed: number, healedAt = HALF_HOUR): FailoverHistory {
  const draw = new Draw(seed);
  const links = linksOf(draw);
  const backup = links.length - 1;
  const troubles = links.flatMap((_, link) => {
    if (link === 0) return flaps(draw, link, healedAt, draw.spread(2, 90));
    // The others are sound, or are in trouble now and then.
    const isFlapping = draw.upTo(link === backup ? 3 : 2) === 0;
    return isFlapping ? flaps(draw, link, healedAt, draw.between(120, 400)) : [];
  });
  return {
    seed,
    links,
    settings: settingsOf(draw),
    dialling: {
      leastMillis: 1_000,
      mostMillis: draw.between(3_000, 25_000),
      failsPercent: draw.of([0, 0, 20, 50]),
    },
    refusalPercent: draw.of([0, 0, 0, 5]),
    clients: CLIENTS,
    troubles: troubles.toSorted((one, other) => one.begins - other.begins),
    healedAt,
    clocksAhead: { a: clockAhead(draw, healedAt), b: clockAhead(draw, healedAt) },
  };
}

/** A primary, perhaps another line of its tier, and the backup behind them. */
function linksOf(draw: Draw): FailoverLink[] {
  const hasSecond = draw.upTo(3) === 0;
  const isOnDemand = draw.upTo(3) === 0;
  const link = (name: string, tier: number, rest: Partial<FailoverLink> = {}): FailoverLink => {
    const weight = 1 + draw.upTo(3);
    return { name, tier, weight, isOnDemand: false, condition: conditionOf(draw), ...rest };
  };
  const second = hasSecond ? [link('dsl', 1)] : [];
  return [link('fibre', 1), ...second, link('lte', 2, { isOnDemand })];
}

function conditionOf(draw: Draw): Condition {
  return {
    rate: draw.spread(0.1e6, 2.5e6),
    delay: Math.floor(draw.spread(2, 60) * MILLI),
    queue: Math.floor(draw.spread(50, 300) * MILLI),
    lossPercent: 0,
    jitter: 0,
    swallows: false,
  };
}

function settingsOf(draw: Draw): FailoverSettings {
  return {
    holdSeconds: draw.of([5, 10, 30, 60]),
    canary: draw.upTo(3) === 0 ? { sharePercent: 20, forSeconds: draw.of([5, 20]) } : undefined,
    probe: {
      count: draw.of([2, 3, 3]),
      intervalMillis: draw.of([500, 500, 1_000]),
      retries: draw.of([1, 1, 2]),
      holdSeconds: draw.of([1, 1, 5]),
      holdMostSeconds: draw.of([60, 120, 300]),
      calmSeconds: draw.of([120, 300, 600]),
    },
    keepaliveMillis: draw.of([1_000, 2_000, 5_000]),
  };
}

/** One trouble after the other, with calm in between: mostly short, now and then long. */
function flaps(draw: Draw, link: number, healedAt: number, paceSeconds: number): TimedTrouble[] {
  const troubles: TimedTrouble[] = [];
  let at = TROUBLES_BEGIN + draw.between(0, paceSeconds) * SECOND;
  for (;;) {
    const begins = Math.floor(at);
    const ends = Math.floor(begins + draw.spread(0.2, link === 0 ? 90 : 20) * SECOND);
    if (ends >= healedAt - SECOND) return troubles;
    troubles.push({ link, begins, ends, trouble: troubleOf(draw) });
    at = ends + draw.spread(0.2, 4) * paceSeconds * SECOND;
  }
}

function troubleOf(draw: Draw): Trouble {
  const both: Senders = ['a', 'b'];
  switch (draw.upTo(7)) {
    case 0:
    case 1:
      return { kind: 'blackHole', senders: both };
    case 2:
      return { kind: 'blackHole', senders: draw.of<Senders>([['a'], ['b']]) };
    case 3:
      return { kind: 'loss', senders: both, percent: draw.between(20, 80) };
    case 4:
      return { kind: 'noAddress', another: draw.upTo(2) === 0 };
    default:
      return { kind: 'noCarrier' };
  }
}

/** Some clocks pass the end of 32 bits in the middle of the history. */
function clockAhead(draw: Draw, healedAt: number): number {
  return Math.floor(2 ** 32 + (draw.upTo(2) === 0 ? 0 : 2 ** 32 - draw.between(0, healedAt)));
}
