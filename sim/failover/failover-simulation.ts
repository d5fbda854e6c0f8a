/**
 * Plays half an hour of a whole gateway whose links flap: probes, verdicts, plain traffic, dialling, and a tunnel with two real ends.
 *
 *     troubles ──healed──▶ returning: everything goes back ──▶ ending: what was written arrives ──▶ over
 *
 * Contract: `playFailover` answers what was wrong first, or nothing, and leaves the ends ready for the next history. Without ends there is
 * plain traffic only. The same history gives the same `FailoverOutcome`.
 */
import type { InternetConfig } from '../../src/config/index.ts';
import { Draw } from '../draw.ts';
import { endNames, type Flow } from '../inner-packets.ts';
import { Invariants } from '../invariants.ts';
import { Ledger } from '../ledger.ts';
import { Operator } from '../operator.ts';
import { type Ends, Restless } from '../tunnel-end.ts';
import { TunnelPair } from '../tunnel-pair.ts';
import { VirtualNetwork } from '../virtual-network.ts';
import { AccessLines } from './access-lines.ts';
import { failoverConfig } from './failover-config.ts';
import type { FailoverHistory } from './failover-history.ts';
import { FailoverWatch } from './failover-watch.ts';
import { InsideConnection } from './inside-connection.ts';
import { Journey } from './journey.ts';
import { PlainClient } from './plain-client.ts';
import type { Protection } from './protections.ts';
import { SiteGateway } from './site-gateway.ts';
import { TunnelSide } from './tunnel-side.ts';
import { VirtualKernel } from './virtual-kernel.ts';
import { VirtualTime } from './virtual-time.ts';

export type FailoverOutcome = {
  /** What was wrong; undefined when nothing was. */
  readonly wrong: string | undefined;
  /** When the history ended (µs). */
  readonly at: number;
  /** Changes of what carries plain traffic; segments that came through connections inside the tunnel. */
  readonly changes: number;
  readonly packets: number;
  readonly datagrams: number;
  readonly digest: number;
};

export type FailoverOptions = {
  readonly ends?: Ends | undefined;
  readonly without?: Protection | undefined;
  /** Is told what happens, and when (µs). */
  readonly trace?: (at: number, text: string) => void;
};

const SECOND = 1_000_000;
const CLIENTS = 4;
/** The second sends in bursts, as a transfer does; the third the other way. */
const connections = [
  { from: 'a', burst: 1, everyMillis: 1_000, payload: 300 },
  { from: 'a', burst: 24, everyMillis: 60_000, payload: 1_000 },
  { from: 'b', burst: 1, everyMillis: 2_300, payload: 600 },
] as const;
/** A path is found to be dead within a second, one that is sound again is in use within some; a repetition of TCP follows. */
const STALL = 5 * SECOND;
/** TCP repeats after a minute at the latest; then the server's refusal, and the new connection. */
const ANSWER = 66 * SECOND;
/** A dial that is under way ends, a link on demand is held, and found to be spared. */
const HUNG_UP = (40 + 20 + 20 + 10) * SECOND;
/** What was written last arrives so soon on sound links. */
const REST = 10 * SECOND;

export function playFailover(
  history: FailoverHistory,
  options: FailoverOptions = {},
): Promise<FailoverOutcome> {
  return new FailoverSimulation(history, options).play();
}

class FailoverSimulation {
  readonly #history: FailoverHistory;
  readonly #options: FailoverOptions;
  readonly #time = new VirtualTime();
  readonly #network: VirtualNetwork;
  readonly #lines: AccessLines;
  readonly #kernel = new VirtualKernel();
  readonly #watch: FailoverWatch;
  readonly #gateway: SiteGateway;
  readonly #tunnel: TunnelSide | undefined;
  readonly #pair: TunnelPair | undefined;
  readonly #invariants: Invariants | undefined;
  readonly #connections: readonly InsideConnection[];
  readonly #clients: readonly PlainClient[];
  #wrong: string | undefined;
  #isOver = false;

  constructor(history: FailoverHistory, options: FailoverOptions) {
    this.#history = history;
    this.#options = options;
    const { seed } = history;
    const [time, kernel, draw] = [this.#time, this.#kernel, new Draw(seed + 1)];
    const say = (text: string) => this.#say(text);
    const conditions = history.links.map(({ condition }) => condition);
    this.#network = new VirtualNetwork({ links: conditions, seed, coalescing: 1 });
    this.#lines = new AccessLines(history.links, this.#network, () => this.#gateway?.news());
    const config = failoverConfig(history);
    const internet = config.internet as InternetConfig;
    const lines = this.#lines;
    this.#watch = new FailoverWatch({ time, config, internet, lines, kernel, say });
    const journey = new Journey(this.#network, time);
    const { ends, without } = options;
    this.#connections = ends === undefined ? [] : this.#openConnections();
    const opened = ends && this.#openTunnel(ends, conditions);
    this.#tunnel = opened?.tunnel;
    this.#pair = opened?.pair;
    this.#invariants = opened?.invariants;
    const witness = this.#watch;
    this.#gateway = new SiteGateway({
      ...{ time, draw, history, config, kernel, lines, journey, tunnel: this.#tunnel, witness, say, without },
    });
    let id = 0;
    const parts = { time, draw, kernel, lines, journey, nextId: () => id++ };
    this.#clients = Array.from(
      { length: CLIENTS },
      (_, index) => new PlainClient(parts, 8_000 + 230 * index),
    );
  }

  async play(): Promise<FailoverOutcome> {
    try {
      this.#begin();
      while (!this.#isOver && this.#wrong === undefined) {
        this.#step();
        if (this.#time.hasWoken()) await everyPromise();
      }
    } catch (error) {
      if (!(error instanceof Restless)) throw error;
      this.#wrong ??= error.message;
    }
    this.#wrong ??= this.#invariants?.atTheEnd(Number.POSITIVE_INFINITY);
    for (const name of endNames) this.#options.ends?.[name].finish();
    const { changes, ...counts } = this.#watch.counts;
    this.#say(`${changes} changes, ${JSON.stringify(counts)}; ${this.#wrong ?? 'all as it must be'}`);
    const packets = this.#connections.reduce((sum, { received }) => sum + received, 0);
    const { datagrams } = this.#network;
    const digest = (this.#invariants?.digest ?? 0) + 31 * changes + this.#watch.movedAt;
    return { wrong: this.#wrong, at: this.#time.now, changes, packets, datagrams, digest };
  }

  #openConnections(): InsideConnection[] {
    const offer = (flow: Flow) => {
      this.#wrong ??= this.#pair?.offer(flow);
    };
    return connections.map((plan, index) => new InsideConnection(index, plan, this.#time, offer));
  }

  #openTunnel(ends: Ends, links: FailoverHistory['links'][number]['condition'][]) {
    const history = this.#history;
    const flows = this.#connections.flatMap(({ data, acknowledgements }) => [data, acknowledgements]);
    const told = (flow: Flow, number: number) =>
      // After the end has come to rest.
      void this.#time.after(0, () => this.#connections[flow.id >> 1]?.delivered(flow, number));
    const ledger = new Ledger(flows, told);
    const plan = { links, schedule: 'arrival', mode: 'spread', quiet: false } as const;
    const invariants = new Invariants(ends, plan, ledger);
    const say = (text: string) => this.#say(text);
    const pair = new TunnelPair({ ends, network: this.#network, invariants, ledger, say });
    const operator = new Operator(ends, this.#network, links.length);
    pair.now = 0;
    operator.begin({
      ...plan,
      mtus: links.map(() => 65_536),
      keepaliveMillis: history.settings.keepaliveMillis,
      finishChecksums: false,
      aggfrag: true,
      clocksAhead: history.clocksAhead,
    });
    const tunnel = new TunnelSide(ends, operator, history.links);
    tunnel.begin(this.#options.without === 'secondPath' ? 0 : undefined);
    return { tunnel, pair, invariants };
  }

  #begin(): void {
    const [time, lines] = [this.#time, this.#lines];
    for (const { link, begins, ends, trouble } of this.#history.troubles) {
      const name = this.#history.links[link]?.name;
      time.at(begins, () => {
        this.#say(`${name}: ${JSON.stringify(trouble)} for ${(ends - begins) / SECOND} s`);
        lines.begin(link, trouble, time.now);
      });
      time.at(ends, () => {
        this.#say(`${name}: healed`);
        lines.end(link, trouble, time.now);
      });
    }
    for (const [index, connection] of this.#connections.entries()) connection.start(6_000 + 170 * index);
    this.#gateway.start();
    time.at(this.#history.healedAt, () => this.#watchReturn());
  }

  #step(): void {
    const time = this.#time;
    time.now = Math.max(time.now, Math.min(time.nextAt, this.#pair?.nextAt ?? Number.POSITIVE_INFINITY));
    if (this.#pair !== undefined) this.#pair.now = time.now;
    time.run();
    this.#wrong ??= this.#pair?.settle() ?? this.#pair?.deliver() ?? this.#invariants?.afterStep(time.now);
    this.#watch.afterStep();
    this.#wrong ??= this.#watch.wrong ?? this.#stalled();
  }

  /** Every so often after the healing. */
  #watchReturn(): void {
    const now = this.#time.now;
    const late = this.#notReturned();
    if (late === undefined) return this.#watchRest(now);
    const hasDialled = this.#history.links.some(({ isOnDemand }) => isOnDemand);
    const within = this.#watch.returnMillis * 1000 + (hasDialled ? HUNG_UP : 0);
    if (now > this.#history.healedAt + within)
      this.#wrong ??= `${within / SECOND} s after the healing ${late}`;
    this.#time.after(100, () => this.#watchReturn());
  }

  #watchRest(returnedAt: number): void {
    for (const connection of this.#connections) connection.stop();
    const isWaiting = this.#connections.some(({ isComplete }) => !isComplete);
    const isUnanswered = this.#clients.some(({ answeredAt }) => answeredAt < returnedAt);
    if (!isWaiting && !isUnanswered) {
      this.#isOver = true;
      return;
    }
    const late = this.#time.now - returnedAt;
    if (isWaiting && late > REST) this.#wrong ??= 'what was written into the tunnel does not arrive';
    if (isUnanswered && late > ANSWER) this.#wrong ??= 'a plain connection is answered no more';
    this.#time.after(100, () => this.#watchRest(returnedAt));
  }

  #notReturned(): string | undefined {
    const { plain, demand } = this.#gateway;
    const wanted = this.#history.links.filter(({ tier }) => tier === 1).map(({ name }) => name);
    const carriers = plain.carriers.toSorted().join();
    if (carriers !== wanted.toSorted().join() || plain.hasCanary)
      return `plain traffic is on ${carriers}${plain.hasCanary ? ' in part' : ''}`;
    if (demand.isBusy) return 'a link on demand is not hung up';
    return this.#tunnel?.notUp();
  }

  #stalled(): string | undefined {
    const now = this.#time.now;
    if (this.#connections.some(({ isDead }) => isDead)) return 'a connection inside the tunnel is dead';
    const since = this.#lines.anySoundSince;
    if (since === undefined) return undefined;
    for (const { stalledSince, data } of this.#connections) {
      // Pauses between repetitions have grown as long as the stall.
      if (stalledSince === undefined) continue;
      const waited = now - Math.max(since, stalledSince);
      if (waited > STALL + Math.max(0, since - stalledSince))
        return `connection ${data.id >> 1} inside the tunnel stalls for ${waited / SECOND} s with a sound link`;
    }
    return this.#unanswered();
  }

  #unanswered(): string | undefined {
    const [carrier] = this.#kernel.carriers;
    const soundSince = carrier === undefined ? undefined : this.#lines.soundSince(carrier);
    if (soundSince === undefined) return undefined;
    const since = Math.max(soundSince, this.#watch.movedAt * 1000);
    return this.#clients.some(({ answeredAt }) => this.#time.now - Math.max(answeredAt, since) > ANSWER)
      ? 'a plain connection is answered no more, and what carries is sound'
      : undefined;
  }

  #say(text: string): void {
    this.#options.trace?.(this.#time.now, text);
  }
}

/** Whatever promises there are have had their say. */
function everyPromise(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
