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
import { type Ends, Restless } from '../tunnel-end.ts';
import { VirtualNetwork } from '../virtual-network.ts';
import { AccessLines } from './access-lines.ts';
import { failoverConfig } from './failover-config.ts';
import type { FailoverHistory } from './failover-history.ts';
import { FailoverWatch } from './failover-watch.ts';
import { InsideTraffic } from './inside-traffic.ts';
import { Journey } from './journey.ts';
import { PlainClient } from './plain-client.ts';
import type { Protection } from './protections.ts';
import { SiteGateway } from './site-gateway.ts';
import { VirtualKernel } from './virtual-kernel.ts';
import { VirtualTime } from './virtual-time.ts';

export type FailoverOutcome = {
  /** What was wrong; undefined when nothing was. */
  readonly wrong: string | undefined;
  /** When the history ended (µs). */
  readonly at: number;
  /** Changes of what carries plain traffic; answers to plain clients, and segments that came through the tunnel. */
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
  /** undefined: plain traffic only. */
  readonly #inside: InsideTraffic | undefined;
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
    const onlyLink = without === 'secondPath' ? 0 : undefined;
    this.#inside = ends && new InsideTraffic({ ends, network: this.#network, time, history, say, onlyLink });
    const tunnel = this.#inside?.tunnel;
    const witness = this.#watch;
    this.#gateway = new SiteGateway({
      ...{ time, draw, history, config, kernel, lines, journey, tunnel, witness, say, without },
    });
    let id = 0;
    const parts = { time, draw, kernel, lines, journey, nextId: () => id++ };
    this.#clients = Array.from(
      { length: history.clients },
      (_, index) => new PlainClient(parts, 8_000 + 230 * index),
    );
  }

  async play(): Promise<FailoverOutcome> {
    try {
      this.#begin();
      while (!this.#isOver && this.#wrong === undefined) {
        if (this.#time.hasWoken()) await everyPromise();
        this.#step();
      }
    } catch (error) {
      if (!(error instanceof Restless)) throw error;
      this.#wrong ??= error.message;
    }
    this.#wrong ??= this.#inside?.atTheEnd();
    this.#inside?.finish();
    return this.#outcome();
  }

  #outcome(): FailoverOutcome {
    const { changes, ...counts } = this.#watch.counts;
    this.#say(`${changes} changes, ${JSON.stringify(counts)}; ${this.#wrong ?? 'all as it must be'}`);
    const answers = this.#clients.reduce((sum, client) => sum + client.answers, 0);
    const packets = answers + (this.#inside?.received ?? 0);
    const { datagrams } = this.#network;
    const digest = (this.#inside?.digest ?? 0) + 31 * changes + this.#watch.movedAt;
    return { wrong: this.#wrong, at: this.#time.now, changes, packets, datagrams, digest };
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
    this.#inside?.start();
    this.#gateway.start();
    time.at(this.#history.healedAt, () => this.#watchReturn());
  }

  #step(): void {
    const time = this.#time;
    const next = Math.min(time.nextAt, this.#inside?.nextAt ?? Number.POSITIVE_INFINITY);
    time.now = Math.max(time.now, next);
    if (this.#inside !== undefined) this.#inside.now = time.now;
    time.run();
    this.#watch.afterStep();
    const inside = this.#inside?.step(this.#lines.anySoundSince);
    this.#wrong ??= inside ?? this.#watch.wrong ?? this.#unanswered();
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
    this.#inside?.stop();
    const isWaiting = this.#inside?.isComplete === false;
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
    return this.#inside?.tunnel.notUp();
  }

  /** A connection over a link that loses much may take long; over one that is sound it may not. */
  #unanswered(): string | undefined {
    const isLate = ({ id, answeredAt }: PlainClient) => {
      const link = this.#kernel.linkOf(id) ?? this.#kernel.carriers[0];
      const soundSince = link === undefined ? undefined : this.#lines.soundSince(link);
      if (soundSince === undefined) return false;
      const { movedAt, cutAt } = this.#watch;
      const since = Math.max(soundSince, answeredAt, 1000 * Math.max(movedAt, cutAt));
      return this.#time.now - since > ANSWER;
    };
    return this.#clients.some(isLate)
      ? 'a plain connection over a sound link is answered no more'
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
