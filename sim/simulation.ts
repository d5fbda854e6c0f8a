/**
 * Plays a history: two tunnel ends, virtual links between them, and after every step what must hold.
 *
 * Time goes from event to event: a datagram arrives, a worker wants to be called, a flow offers a packet, something
 * happens to a link. When all is healed, everything must be in use again.
 *
 * Contract: `play` returns what was wrong first, or nothing, and leaves both ends ready for the next history. The same
 * history gives the same `Outcome`, its digest of all deliveries included. Times are µs from the history's beginning.
 */
import { SeededRandom } from '../lab/wan/random.ts';
import { type History, TRAFFIC_BEGINS } from './history.ts';
import { Flight, type InFlight } from './in-flight.ts';
import { type EndName, innerPacket } from './inner-packets.ts';
import { Invariants } from './invariants.ts';
import { Offers } from './offers.ts';
import { Restless, type TunnelEnd } from './tunnel-end.ts';
import { VirtualLink } from './virtual-link.ts';

export type Ends = Readonly<Record<EndName, TunnelEnd>>;

export type Outcome = {
  /** What was wrong; undefined when nothing was. */
  readonly wrong: string | undefined;
  /** When the history ended (µs). */
  readonly at: number;
  readonly packets: number;
  readonly datagrams: number;
  readonly digest: number;
};

export type Trace = (at: number, text: string) => void;

export const endNames = ['a', 'b'] as const;

/** Everything must be in use so long after the healing (µs). */
const IN_USE_WITHIN = 10_000_000;
/** It must stay so for this long (µs). */
const STAYS_IN_USE = 300_000;
/** What is on its way arrives in this time when nothing more is sent (µs); what is held may take longer. */
const REST = 1_500_000;

export function play(ends: Ends, history: History, trace: Trace = () => {}): Outcome {
  return new Simulation(ends, history, trace).play();
}

class Simulation {
  readonly #ends: Ends;
  readonly #history: History;
  readonly #trace: Trace;
  readonly #links: Readonly<Record<EndName, readonly VirtualLink[]>>;
  readonly #flight = new Flight();
  readonly #offers: Offers;
  readonly #invariants: Invariants;
  /** By which of its addresses each end is heard, per link. */
  readonly #mouths: Readonly<Record<EndName, number[]>>;
  readonly #open: Readonly<Record<EndName, boolean[]>>;
  /** The path over each link; undefined while there is none. */
  readonly #paths: (number | undefined)[];
  #nextPath: number;
  #nextChange = 0;
  #now = 0;
  #inUseSince = Number.POSITIVE_INFINITY;
  #endsAt = Number.POSITIVE_INFINITY;
  #datagrams = 0;

  constructor(ends: Ends, history: History, trace: Trace) {
    const { links, seed } = history;
    this.#ends = ends;
    this.#history = history;
    this.#trace = trace;
    const linksOf = (end: number) =>
      links.map((link, index) => new VirtualLink(link, new SeededRandom(seed * 64 + 2 * index + end)));
    this.#links = { a: linksOf(0), b: linksOf(1) };
    this.#offers = new Offers(history);
    this.#invariants = new Invariants(ends, history, this.#offers.ledger);
    this.#mouths = { a: links.map(() => 0), b: links.map(() => 0) };
    this.#open = { a: links.map(() => true), b: links.map(() => true) };
    this.#paths = links.map((_, index) => index);
    this.#nextPath = links.length;
  }

  play(): Outcome {
    let wrong: string | undefined;
    try {
      this.#begin();
      while (wrong === undefined && this.#goesOn()) wrong = this.#step();
      wrong ??= this.#invariants.atTheEnd(this.#lostByLinks());
    } catch (error) {
      if (!(error instanceof Restless)) throw error;
      wrong = error.message;
    }
    const { packets, digest } = this.#invariants;
    this.#describeEnd(wrong);
    for (const name of endNames) this.#ends[name].finish();
    return { wrong, at: this.#now, packets, datagrams: this.#datagrams, digest };
  }

  #goesOn(): boolean {
    return this.#now < this.#endsAt || this.#invariants.waiting();
  }

  #begin(): void {
    const { keepaliveMillis, schedule, finishChecksums, clocksAhead, links } = this.#history;
    for (const name of endNames) {
      const clockAhead = clocksAhead[name];
      this.#ends[name].begin(
        { links: links.length, keepaliveMillis, schedule, finishChecksums, clockAhead },
        0,
      );
    }
    // The one that answers is ready when the other begins.
    this.#rekey(0);
  }

  #step(): string | undefined {
    this.#now = this.#nextAt();
    for (const name of endNames) this.#ends[name].now = this.#now;
    const wrong =
      this.#changeWhatIsDue() ?? this.#settleBoth() ?? this.#offerWhatIsDue() ?? this.#deliverWhatIsDue();
    this.#watchHealing();
    return wrong ?? this.#invariants.afterStep(this.#now) ?? this.#overdue();
  }

  #nextAt(): number {
    const change = this.#history.changes[this.#nextChange]?.at ?? Number.POSITIVE_INFINITY;
    const due = Math.min(this.#ends.a.dueAt, this.#ends.b.dueAt, this.#flight.nextAt, change);
    const end = this.#now < this.#endsAt ? this.#endsAt : Number.POSITIVE_INFINITY;
    return Math.max(this.#now, Math.min(due, this.#offers.nextAt, end));
  }

  #settleBoth(): string | undefined {
    let wrong: string | undefined;
    for (const name of endNames) {
      this.#ends[name].settle();
      wrong ??= this.#collect(name);
    }
    return wrong;
  }

  #offerWhatIsDue(): string | undefined {
    let wrong: string | undefined;
    for (let offer = this.#offers.take(this.#now); offer !== undefined; offer = this.#offers.take(this.#now)) {
      const { flow, number } = offer;
      const end = this.#ends[flow.from];
      const taken = end.offer(innerPacket(flow, number, flow.segments));
      if (taken) this.#offers.ledger.offered(flow, flow.segments);
      end.settle();
      wrong ??= this.#collect(flow.from);
    }
    return wrong;
  }

  #deliverWhatIsDue(): string | undefined {
    let wrong: string | undefined;
    for (let row = this.#flight.take(this.#now); row !== undefined; row = this.#flight.take(this.#now)) {
      wrong ??= this.#deliver(row);
    }
    return wrong;
  }

  #deliver({ to, link, mouth, bytes }: InFlight): string | undefined {
    if (!this.#open[to][link]) return undefined;
    this.#ends[to].deliver(link, mouth, bytes);
    this.#invariants.arrived(to, bytes);
    return this.#collect(to);
  }

  /** Takes what an end sent and delivered. */
  #collect(name: EndName): string | undefined {
    const end = this.#ends[name];
    const other = name === 'a' ? 'b' : 'a';
    let wrong: string | undefined;
    end.takeDatagrams((link, mouth, bytes) => {
      this.#datagrams++;
      wrong ??= this.#invariants.sent(bytes, this.#now);
      const line = this.#links[name][link] as VirtualLink;
      const at = line.carry(bytes.length, this.#now);
      // What goes to an address that the other end had before gets lost.
      if (at === undefined || mouth !== this.#mouths[other][link]) return;
      this.#flight.add({ at, to: other, link, mouth: this.#mouths[name][link] as number, bytes });
    });
    wrong ??= this.#invariants.collect(name, this.#now);
    for (const event of end.events.splice(0)) {
      if (event.kind === 'trouble') wrong ??= `end ${name}: ${event.message}`;
      if (event.kind === 'pathState') {
        const { silentMillis, roundTripMillis } = event.evidence;
        const figures = `silent ${silentMillis.toFixed(1)} ms, round trip ${roundTripMillis.toFixed(1)} ms`;
        this.#say(`${name}: path ${event.path} ${event.from} → ${event.to} (${figures})`);
      } else if (event.kind !== 'ready') this.#say(`${name}: ${event.kind}`);
    }
    return wrong;
  }

  #changeWhatIsDue(): string | undefined {
    let wrong: string | undefined;
    const { changes } = this.#history;
    for (; (changes[this.#nextChange]?.at ?? Number.POSITIVE_INFINITY) <= this.#now; this.#nextChange++) {
      const timed = changes[this.#nextChange];
      if (timed === undefined) break;
      this.#say(describe(timed.change));
      this.#change(timed.change);
      wrong ??= this.#settleBoth();
    }
    return wrong;
  }

  #change(change: History['changes'][number]['change']): void {
    switch (change.kind) {
      case 'condition':
        for (const sender of change.senders) {
          (this.#links[sender][change.link] as VirtualLink).condition = change.to;
        }
        return;
      case 'closeSocket':
        this.#open[change.end][change.link] = false;
        return this.#ends[change.end].closeSocket(change.link);
      case 'openSocket':
        return this.#reopen(change.end, change.link);
      case 'removePath':
        return this.#removePath(change.link);
      case 'addPath':
        return this.#addPath(change.link);
      case 'moveAddress':
        this.#mouths[change.end][change.link] = 1 - (this.#mouths[change.end][change.link] as number);
        return;
      case 'rekey':
        return this.#rekey(change.generation);
    }
  }

  #reopen(name: EndName, link: number): void {
    if (this.#open[name][link]) return;
    this.#open[name][link] = true;
    this.#ends[name].openSocket(link);
    const path = this.#paths[link];
    if (path !== undefined) this.#ends[name].movePath(link, path);
  }

  #removePath(link: number): void {
    const path = this.#paths[link];
    this.#paths[link] = undefined;
    if (path === undefined) return;
    for (const name of endNames) this.#ends[name].removePath(path);
  }

  #addPath(link: number): void {
    if (this.#paths[link] !== undefined) return;
    const path = this.#nextPath++;
    this.#paths[link] = path;
    for (const name of endNames) {
      const other = name === 'a' ? 'b' : 'a';
      this.#ends[name].addPath(link, path, this.#mouths[other][link] as number);
    }
  }

  #rekey(generation: number): void {
    this.#ends.b.rekey(generation, generation > 0);
    this.#ends.a.rekey(generation, false);
  }

  /** From the healing on: are all paths in use? Then the traffic ends, and after it the history. */
  #watchHealing(): void {
    if (this.#now < this.#history.healedAt || this.#endsAt < Number.POSITIVE_INFINITY) return;
    if (!this.#invariants.allInUse()) this.#inUseSince = Number.POSITIVE_INFINITY;
    else if (this.#inUseSince === Number.POSITIVE_INFINITY) this.#inUseSince = this.#now;
    if (this.#now - this.#inUseSince < STAYS_IN_USE || this.#offers.busy(this.#now)) return;
    this.#offers.end();
    this.#endsAt = this.#now + REST;
  }

  #overdue(): string | undefined {
    if (this.#endsAt < Number.POSITIVE_INFINITY) return undefined;
    if (this.#now < Math.max(this.#history.healedAt, TRAFFIC_BEGINS) + IN_USE_WITHIN) return undefined;
    return `ten seconds after the healing ${this.#invariants.notInUse()}`;
  }

  #lostByLinks(): number {
    return endNames.reduce((sum, end) => sum + this.#links[end].reduce((lost, link) => lost + link.lost, 0), 0);
  }

  #describeEnd(wrong: string | undefined): void {
    for (const name of endNames) {
      const moved = Object.entries(this.#ends[name].counters()).filter(([, value]) => value > 0);
      this.#say(`${name}: ${moved.map(([counter, value]) => `${counter} ${value}`).join(', ')}`);
      this.#links[name].forEach(({ lost, overflowed, longestQueue }, link) => {
        const queue = `queue at most ${(longestQueue / 1000).toFixed(1)} ms`;
        this.#say(`${name}: link ${link} lost ${lost}, ${overflowed} of them in its queue; ${queue}`);
      });
    }
    this.#say(wrong === undefined ? 'all as it must be' : `WRONG: ${wrong}`);
  }

  #say(text: string): void {
    this.#trace(this.#now, text);
  }
}

function describe(change: History['changes'][number]['change']): string {
  const { kind, ...rest } = change;
  return `${kind} ${JSON.stringify(rest)}`;
}
