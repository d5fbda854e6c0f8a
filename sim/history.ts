/**
 * A history made from a seed: links, flows, and what happens to the links over time.
 *
 * Contract: pure; the same seed gives the same history. Times are µs from the history's beginning. All faults are over
 * at `healedAt`; from then on everything is as it was at the beginning.
 */
import type { TransferMode } from '../src/tunnel/schedule/traffic-classes.ts';
import { Draw } from './draw.ts';
import type { EndName, Flow } from './inner-packets.ts';
import { MOST_LINKS } from './tunnel-end.ts';
import type { Condition } from './virtual-link.ts';

/** Which directions of a link a fault concerns: by the end that sends. */
export type Senders = readonly EndName[];

export type Change =
  | { readonly kind: 'condition'; readonly link: number; readonly senders: Senders; readonly to: Condition }
  | { readonly kind: 'closeSocket' | 'openSocket'; readonly link: number; readonly end: EndName }
  /** What is longer vanishes from now on (bytes of IP packets). */
  | { readonly kind: 'mtu'; readonly link: number; readonly senders: Senders; readonly to: number }
  /** Both ends give the link's path up, or begin another one over it. */
  | { readonly kind: 'removePath' | 'addPath'; readonly link: number }
  /** The end is heard from another address on this link from now on. */
  | { readonly kind: 'moveAddress'; readonly link: number; readonly end: EndName }
  | { readonly kind: 'rekey'; readonly generation: number };

export type TimedChange = { readonly at: number; readonly change: Change };

export type TimedFlow = Flow & {
  readonly begins: number;
  readonly ends: number;
  /** Between two offers (µs), and packets or superpackets per offer. */
  readonly interval: number;
  readonly burst: number;
};

export type History = {
  readonly seed: number;
  readonly links: readonly Condition[];
  readonly keepaliveMillis: number;
  readonly schedule: 'arrival' | 'weight';
  readonly finishChecksums: boolean;
  /** Whether the ends cut what is too long, and put small packets together. */
  readonly aggfrag: boolean;
  /** Per link, the longest IP packet that it takes at the beginning; it never takes less than this for good. */
  readonly mtus: readonly number[];
  readonly clocksAhead: Readonly<Record<EndName, number>>;
  readonly flows: readonly TimedFlow[];
  /** How the flows of lowest number, one each way, are carried. */
  readonly mode: TransferMode;
  /** Ends see what arrived only at multiples of this (µs), as when their processor has other work. */
  readonly coalescing: number;
  /** In the order of time. */
  readonly changes: readonly TimedChange[];
  readonly healedAt: number;
  /** Nothing ever happens to its links. */
  readonly quiet: boolean;
};

const MILLI = 1_000;
const SECOND = 1_000_000;
/** Paths are up by then, and the first packets of both directions have gone through. */
export const TRAFFIC_BEGINS = 700 * MILLI;
const FAULTS_BEGIN = 1 * SECOND;
/** Clocks of the ends begin here; some pass the end of 32 bits in the middle of the history. */
const CLOCK_BEGINS = 2 ** 32;
/** Any packet fits. */
const WIDE = 65_536;
/** One in so many histories has no faults. */
const QUIET_SHARE = 5;
const MOST_REKEYS = 2;

export function historyOf(seed: number): History {
  const draw = new Draw(seed);
  const quiet = draw.upTo(QUIET_SHARE) === 0;
  const healedAt = Math.floor(FAULTS_BEGIN + draw.between(600, 2_000) * MILLI);
  const links = Array.from({ length: 1 + draw.upTo(MOST_LINKS) }, () => linkOf(draw));
  const changes = quiet ? [] : faults(draw, links, healedAt);
  const history = {
    seed,
    links,
    keepaliveMillis: draw.of([250, 500, 1_000]),
    schedule: draw.upTo(5) === 0 ? ('weight' as const) : ('arrival' as const),
    finishChecksums: draw.upTo(3) === 0,
    clocksAhead: { a: clockAhead(draw, healedAt), b: clockAhead(draw, healedAt) },
    flows: flowsOf(draw, links, healedAt),
    mode: draw.of(['spread', 'spread', 'duplicate', 'pin'] as const),
    coalescing: draw.of([1, 1, 300, 3_000]),
    changes,
    healedAt,
    quiet,
  };
  return withSizes(draw, history);
}

/** Drawn behind everything else, so that what was found with a seed before stays as it was in all but the sizes. */
function withSizes(draw: Draw, history: Omit<History, 'aggfrag' | 'mtus'>): History {
  const { links, flows, quiet, healedAt } = history;
  const aggfrag = draw.upTo(4) > 0;
  const mtus = links.map(() => (aggfrag && draw.upTo(2) === 0 ? 1_200 + 4 * draw.upTo(80) : WIDE));
  const falls = aggfrag && !quiet ? draw.upTo(3) : 0;
  const changes = Array.from({ length: falls }, () => mtuFalls(draw, mtus, healedAt)).flat();
  return {
    ...history,
    aggfrag,
    mtus,
    flows: aggfrag ? flows.map((flow) => resized(draw, flow)) : flows,
    changes: [...history.changes, ...changes].toSorted((one, other) => one.at - other.at),
  };
}

/** Now and then below what every line takes. */
function mtuFalls(draw: Draw, mtus: readonly number[], healedAt: number): TimedChange[] {
  const link = draw.upTo(mtus.length);
  const at = Math.floor(draw.between(FAULTS_BEGIN, healedAt - 100 * MILLI));
  const senders = draw.of<Senders>([['a'], ['b'], ['a', 'b']]);
  const to = draw.upTo(5) === 0 ? 700 + draw.upTo(500) : 1_200 + draw.upTo(300);
  const back = { kind: 'mtu', link, senders, to: mtus[link] as number } as const;
  return [
    { at, change: { ...back, to } },
    { at: Math.floor(draw.between(at, healedAt)), change: back },
  ];
}

/** Some flows of tiny packets, some of packets that fit nowhere; they offer as many bytes as before. */
function resized(draw: Draw, flow: TimedFlow): TimedFlow {
  const kind = draw.upTo(6);
  if (kind > 2) return flow;
  if (kind === 0) {
    const burst = flow.segments === 1 ? 2 + draw.upTo(12) : flow.burst;
    return { ...flow, payload: Math.min(flow.payload, 8 + 4 * draw.upTo(40)), burst };
  }
  const most = flow.segments > 1 ? 360 : kind === 1 ? 700 : 2_200;
  const payload = Math.max(flow.payload, 8 + 4 * draw.upTo(most));
  return { ...flow, payload, interval: Math.floor((flow.interval * (payload + 64)) / (flow.payload + 64)) };
}

function linkOf(draw: Draw): Condition {
  return {
    rate: draw.spread(0.06e6, 2.5e6),
    delay: Math.floor(draw.spread(1, 100) * MILLI),
    queue: Math.floor(draw.spread(30, 400) * MILLI),
    lossPercent: 0,
    jitter: 0,
    swallows: false,
  };
}

function clockAhead(draw: Draw, healedAt: number): number {
  return Math.floor(CLOCK_BEGINS + (draw.upTo(2) === 0 ? 0 : 2 ** 32 - draw.between(0, healedAt)));
}

/** Some flows each way; together they offer between a tenth and one and a half of what the links carry. */
function flowsOf(draw: Draw, links: readonly Condition[], healedAt: number): TimedFlow[] {
  const capacity = links.reduce((sum, { rate }) => sum + rate, 0);
  const count = 2 + draw.upTo(5);
  return Array.from({ length: count }, (_, id) => {
    const open = draw.upTo(2) === 0;
    const segments = open && draw.upTo(3) === 0 ? 2 + draw.upTo(8) : 1;
    const payload = 8 + 4 * draw.upTo(segments > 1 ? 250 : 330);
    const burst = draw.upTo(4) === 0 ? 1 + draw.upTo(8) : 1;
    const wanted = (draw.spread(0.1, 1.5) * capacity) / count;
    const bytes = burst * segments * (payload + 64);
    const begins = Math.floor(TRAFFIC_BEGINS + draw.between(0, 300) * MILLI);
    return {
      id,
      from: id % 2 === 0 ? 'a' : 'b',
      family: draw.of([4, 6] as const),
      payload,
      open,
      segments,
      begins,
      ends: Math.floor(healedAt + draw.between(0, 300) * MILLI),
      // Sparse enough for thousands of histories.
      interval: Math.max(12 * MILLI * burst * segments, Math.floor((bytes * SECOND) / wanted)),
      burst,
    };
  });
}

function faults(draw: Draw, links: readonly Condition[], healedAt: number): TimedChange[] {
  const changes: TimedChange[] = [];
  const count = 1 + draw.upTo(5);
  const rekeys = draw.upTo(3) === 0 ? 1 + draw.upTo(MOST_REKEYS) : 0;
  for (let index = 0; index < count; index++) changes.push(...fault(draw, links, healedAt));
  for (let generation = 1; generation <= rekeys; generation++) {
    const share = (healedAt - FAULTS_BEGIN) / rekeys;
    const at = FAULTS_BEGIN + (generation - 1) * share + draw.between(0.2, 0.8) * share;
    changes.push({ at: Math.floor(at), change: { kind: 'rekey', generation } });
  }
  return changes;
}

/** A fault and its end. */
function fault(draw: Draw, links: readonly Condition[], healedAt: number): TimedChange[] {
  const link = draw.upTo(links.length);
  const base = links[link] as Condition;
  const begins = Math.floor(draw.between(FAULTS_BEGIN, healedAt - 100 * MILLI));
  const ends = Math.floor(draw.between(begins + 50 * MILLI, healedAt));
  const end = draw.of(['a', 'b'] as const);
  const senders = draw.of<Senders>([['a'], ['b'], ['a', 'b'], ['a', 'b']]);
  const condition = (to: Partial<Condition>): TimedChange[] => [
    { at: begins, change: { kind: 'condition', link, senders, to: { ...base, ...to } } },
    { at: ends, change: { kind: 'condition', link, senders, to: base } },
  ];
  switch (draw.upTo(9)) {
    case 0:
    case 1:
      return condition({ swallows: true });
    case 2:
      return condition({ lossPercent: draw.between(0.5, 30) });
    case 3:
      return condition({ rate: base.rate * draw.of([0.1, 0.3, 3]) });
    case 4:
      return condition({ delay: Math.floor(base.delay * draw.of([0.2, 0.5, 3, 6])) });
    case 5:
      return condition({ jitter: Math.floor(draw.spread(0.1, 30) * MILLI) });
    case 6:
      return [
        { at: begins, change: { kind: 'closeSocket', link, end } },
        { at: ends, change: { kind: 'openSocket', link, end } },
      ];
    case 7:
      return [
        { at: begins, change: { kind: 'removePath', link } },
        { at: ends, change: { kind: 'addPath', link } },
      ];
    default:
      // Of one end per link: two ends that both moved unheard cannot find each other over this path, whatever they do.
      return [{ at: begins, change: { kind: 'moveAddress', link, end: link % 2 === 0 ? 'a' : 'b' } }];
  }
}
