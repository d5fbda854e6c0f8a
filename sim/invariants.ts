/**
 * What must hold after every step of a history, and at its end.
 *
 * - The ledger's: nothing twice, nothing that was not sent, order within a flow; a packet may come late only where the
 *   product counts it as late, or under keys that are not the newest any more (docs/decisions/0010-order.md).
 * - The watch's on the wires: no nonce twice, bounds of repair.
 * - What waits for order is bounded, and waits no longer than the longest patience.
 * - Nothing authentic is refused as forged, malformed or foreign; no write to the device fails.
 * - Where no link lost anything: nothing is missing, nothing given up, nothing late.
 *
 * Contract: pure but for reading the ends' counters and devices. Each check returns what is wrong, if anything.
 */

import type { TunnelCounter } from '../src/dataplane/counters.ts';
import { HOLD_SLOTS } from '../src/dataplane/hold-memory.ts';
import type { History } from './history.ts';
import { type EndName, endNames, otherEnd, readInner } from './inner-packets.ts';
import type { Ledger } from './ledger.ts';
import { type Ends, spiOf } from './tunnel-end.ts';
import { WireWatch } from './wire-watch.ts';

/** The longest patience (µs), `tunnel/order/patience.ts`, and a moment. */
const LONGEST_WAIT = 400_000 + 1_000;
const MOST_GENERATIONS = 8;
/** One datagram may bring so many of them: no packet is shorter than its headers and its number. */
const SMALLEST_INNER = 36;

/** What an end that hears only its peer never counts. */
const never: readonly TunnelCounter[] = [
  'droppedNotIp',
  'droppedNoKeys',
  'droppedTooBig',
  'refusedNotAuthentic',
  'refusedMalformedInner',
  'refusedForeignSource',
  'refusedUnknownPayload',
  'reportsRefused',
  'tunWriteFailed',
];

/** What of a history decides what must hold. */
export type WatchedHistory = Pick<History, 'links' | 'schedule' | 'mode' | 'quiet'>;

export class Invariants {
  /** Of all deliveries, in their order. */
  digest = 0;
  readonly #ends: Ends;
  readonly #history: WatchedHistory;
  readonly #ledger: Ledger;
  readonly #watch = new WireWatch();
  readonly #state = { a: freshState(), b: freshState() };

  constructor(ends: Ends, history: WatchedHistory, ledger: Ledger) {
    this.#ends = ends;
    this.#history = history;
    this.#ledger = ledger;
  }

  get packets(): number {
    return this.#ledger.sent;
  }

  /** An end sent a datagram. */
  sent(bytes: Uint8Array, now: number): string | undefined {
    return this.#watch.sent(bytes, now);
  }

  /** A datagram arrived; what it brings is collected next. */
  arrived(to: EndName, bytes: Uint8Array): void {
    const state = this.#state[to];
    const spi = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    const generation = generationOf(otherEnd(to), spi);
    // Packets of earlier keys are delivered as they come.
    if (generation < state.generation) state.allowance += Math.ceil(bytes.length / SMALLEST_INNER);
    state.generation = Math.max(state.generation, generation);
  }

  /** Looks at what an end delivered. */
  collect(name: EndName, now: number): string | undefined {
    const end = this.#ends[name];
    const state = this.#state[name];
    const late = end.count('deliveredLate');
    this.#ledger.allowedLate = late - state.late + state.allowance;
    state.late = late;
    state.allowance = 0;
    let wrong: string | undefined;
    end.takeDelivered((bytes) => {
      const whole = readInner(bytes, (flow, number) => {
        wrong ??= this.#ledger.delivered(name, flow, number);
        state.delivered++;
        state.progressAt = now;
        this.digest = (Math.imul(this.digest, 31) + flow * 65_537 + number + now) | 0;
      });
      if (!whole) wrong ??= 'something was delivered that is no numbered packet';
    });
    return wrong;
  }

  afterStep(now: number): string | undefined {
    return this.#heldTooLong('a', now) ?? this.#heldTooLong('b', now);
  }

  /** Whether packets wait for their turn; each gap before them may take as long as `LONGEST_WAIT`. */
  waiting(): boolean {
    return endNames.some((name) => this.#held(name) > 0);
  }

  allInUse(): boolean {
    return this.notInUse() === undefined;
  }

  /** Which paths are not in use: by arrival a slow one gets nothing while another is free, by weight each has its share. */
  notInUse(): string | undefined {
    const { schedule, mode } = this.#history;
    const down = this.notUp();
    // What is pinned counts as well: its path waits until the others had as much.
    return down !== undefined || schedule === 'arrival' || mode === 'pin'
      ? down
      : this.#which((name, link) => {
          const carried = this.#ends[name].dataBytes(link) - (this.#state[name].bytes[link] ?? 0);
          return carried === 0 ? 'carries nothing' : undefined;
        });
  }

  notUp(): string | undefined {
    return this.#which((name, link) => {
      const state = this.#ends[name].state(link);
      return state === 'up' ? undefined : `is ${state}`;
    });
  }

  /** The faults are over: what goes over a path from now on shows that it is in use. */
  healed(): void {
    for (const name of endNames) {
      this.#state[name].bytes = this.#history.links.map((_, link) => this.#ends[name].dataBytes(link));
    }
  }

  /** @param lost datagrams that the links lost */
  atTheEnd(lost: number): string | undefined {
    for (const name of endNames) {
      const end = this.#ends[name];
      for (const counter of never) {
        if (end.count(counter) > 0) return `end ${name} counts ${end.count(counter)} of ${counter}`;
      }
      const clean = lost === 0 && this.#history.quiet;
      const wrong = clean ? this.#unexplained(name) : undefined;
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  /** What cannot be where links neither lost nor changed anything. */
  #unexplained(name: EndName): string | undefined {
    const missing = this.#ledger.missing(name);
    if (missing > 0) return `${missing} packets of ${name} are missing, and no link lost any`;
    for (const counter of ['gaveUpWaiting', 'deliveredLate'] as const) {
      const count = this.#ends[name].count(counter);
      if (count > 0) return `end ${name} counts ${count} of ${counter}, and no link lost anything`;
    }
    return undefined;
  }

  /** The paths of which something is to be said. */
  #which(say: (name: EndName, link: number) => string | undefined): string | undefined {
    const said = endNames.flatMap((name) =>
      this.#history.links.flatMap((_, link) => {
        const text = say(name, link);
        return text === undefined ? [] : [`${name}'s path over link ${link} ${text}`];
      }),
    );
    return said.length === 0 ? undefined : said.join(', ');
  }

  #heldTooLong(name: EndName, now: number): string | undefined {
    const held = this.#held(name);
    const state = this.#state[name];
    // A payload whose turn has come may have pieces only, of packets that nothing comes of.
    const payloads = this.#ends[name].count('aggregatesReceived');
    if (held === 0 || !state.waiting || payloads > state.payloads) state.progressAt = now;
    state.payloads = payloads;
    state.waiting = held > 0;
    if (held < 0) return `end ${name} delivered more than it received`;
    if (held > HOLD_SLOTS) return `end ${name} holds ${held} packets`;
    const waits = now - state.progressAt;
    return waits > LONGEST_WAIT ? `end ${name} has held ${held} packets for ${waits} µs` : undefined;
  }

  /** Packets that wait for their turn. */
  #held(name: EndName): number {
    return this.#ends[name].count('innerReceivedPackets') - this.#state[name].delivered;
  }
}

type State = {
  late: number;
  /** Packets that may come out of order with the datagram at hand. */
  allowance: number;
  generation: number;
  delivered: number;
  /** When something was delivered last, or began to wait where nothing did (µs). */
  progressAt: number;
  waiting: boolean;
  /** Whose turn has come. */
  payloads: number;
  /** Per link, what its path had carried when the faults were over. */
  bytes: number[];
};

function freshState(): State {
  return {
    late: 0,
    allowance: 0,
    generation: 0,
    delivered: 0,
    progressAt: 0,
    waiting: false,
    payloads: 0,
    bytes: [],
  };
}

function generationOf(sender: EndName, spi: number): number {
  for (let generation = 0; generation < MOST_GENERATIONS; generation++) {
    if (spiOf(sender, generation) === spi) return generation;
  }
  return MOST_GENERATIONS;
}
