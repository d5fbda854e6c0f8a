/**
 * The tunnel of the simulated gateway, with its two real ends, and the connections through it.
 *
 * Contract: `now` is set first. Checks return what was wrong first, if anything. Times are µs.
 */
import { endNames, type Flow } from '../inner-packets.ts';
import { Invariants } from '../invariants.ts';
import { Ledger } from '../ledger.ts';
import { Operator } from '../operator.ts';
import type { Ends } from '../tunnel-end.ts';
import { TunnelPair } from '../tunnel-pair.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import type { FailoverHistory } from './failover-history.ts';
import { InsideConnection } from './inside-connection.ts';
import { TunnelSide } from './tunnel-side.ts';
import type { VirtualTime } from './virtual-time.ts';

export type InsideParts = {
  readonly ends: Ends;
  readonly network: VirtualNetwork;
  readonly time: VirtualTime;
  readonly history: FailoverHistory;
  readonly say: (text: string) => void;
  /** Over which alone paths are laid. */
  readonly onlyLink: number | undefined;
};

const SECOND = 1_000_000;
/** The second sends in bursts, as a transfer does; the third the other way. */
const plans = [
  { from: 'a', burst: 1, everyMillis: 1_000, payload: 300 },
  { from: 'a', burst: 24, everyMillis: 60_000, payload: 1_000 },
  { from: 'b', burst: 1, everyMillis: 2_300, payload: 600 },
] as const;
const BEGINS_MILLIS = 6_000;
/** A path is found to be dead within a second, one that is sound again is in use within some; a repetition of TCP follows. */
const STALL = 5 * SECOND;
/** Any packet fits. */
const WIDE = 65_536;

export class InsideTraffic {
  readonly tunnel: TunnelSide;
  readonly #ends: Ends;
  readonly #time: VirtualTime;
  readonly #pair: TunnelPair;
  readonly #invariants: Invariants;
  readonly #connections: readonly InsideConnection[];
  #wrong: string | undefined;

  constructor({ ends, network, time, history, say, onlyLink }: InsideParts) {
    this.#ends = ends;
    this.#time = time;
    const offer = (flow: Flow) => {
      this.#wrong ??= this.#pair.offer(flow);
    };
    this.#connections = plans.map((plan, index) => new InsideConnection(index, plan, time, offer));
    const flows = this.#connections.flatMap(({ data, acknowledgements }) => [data, acknowledgements]);
    // After the end has come to rest.
    const told = (flow: Flow, number: number) =>
      void time.after(0, () => this.#connections[flow.id >> 1]?.delivered(flow, number));
    const ledger = new Ledger(flows, told);
    const links = history.links.map(({ condition }) => condition);
    const plan = { links, schedule: 'arrival', mode: 'spread', quiet: false } as const;
    this.#invariants = new Invariants(ends, plan, ledger);
    this.#pair = new TunnelPair({ ends, network, invariants: this.#invariants, ledger, say });
    const operator = new Operator(ends, network, links.length);
    this.#pair.now = 0;
    operator.begin({
      ...plan,
      mtus: links.map(() => WIDE),
      keepaliveMillis: history.settings.keepaliveMillis,
      finishChecksums: false,
      aggfrag: true,
      clocksAhead: history.clocksAhead,
    });
    const collect = () => {
      for (const name of endNames) this.#wrong ??= this.#pair.collect(name);
    };
    this.tunnel = new TunnelSide(ends, operator, history.links, collect);
    this.tunnel.begin(onlyLink);
  }

  start(): void {
    for (const [index, connection] of this.#connections.entries())
      connection.start(BEGINS_MILLIS + 170 * index);
  }

  /** Nothing more is written; what was is still sent. */
  stop(): void {
    for (const connection of this.#connections) connection.stop();
  }

  get nextAt(): number {
    return this.#pair.nextAt;
  }

  set now(now: number) {
    this.#pair.now = now;
  }

  get isComplete(): boolean {
    return this.#connections.every(({ isComplete }) => isComplete);
  }

  /** Segments that came, in their order. */
  get received(): number {
    return this.#connections.reduce((sum, { received }) => sum + received, 0);
  }

  /** Of all deliveries, in their order. */
  get digest(): number {
    return this.#invariants.digest;
  }

  /** Lets the ends do what is due, and hands over what arrives. @param soundSince since when a link is sound; undefined: none is */
  step(soundSince: number | undefined): string | undefined {
    this.#wrong ??= this.#pair.settle() ?? this.#pair.deliver();
    this.#wrong ??= this.#invariants.afterStep(this.#time.now) ?? this.#stalled(soundSince);
    return this.#wrong;
  }

  atTheEnd(): string | undefined {
    return this.#invariants.atTheEnd(Number.POSITIVE_INFINITY);
  }

  finish(): void {
    for (const name of endNames) this.#ends[name].finish();
  }

  #stalled(soundSince: number | undefined): string | undefined {
    for (const { stalledSince, isDead, data } of this.#connections) {
      if (isDead) return `connection ${data.id >> 1} inside the tunnel is dead`;
      if (stalledSince === undefined || soundSince === undefined) continue;
      const waited = this.#time.now - Math.max(soundSince, stalledSince);
      // Pauses between repetitions have grown as long as the stall.
      if (waited > STALL + Math.max(0, soundSince - stalledSince))
        return `connection ${data.id >> 1} inside the tunnel stalls for ${waited / SECOND} s with a sound link`;
    }
    return undefined;
  }
}
