/**
 * Plays a history: two tunnel ends, virtual links between them, and after every step what must hold.
 *
 * Time goes from event to event: a datagram arrives, a worker wants to be called, a flow offers a packet, something
 * happens to a link. When all is healed, everything must be in use again.
 *
 * Contract: `play` returns what was wrong first, or nothing, and leaves both ends ready for the next history. The same
 * history gives the same `Outcome`, its digest of all deliveries included. Times are µs from the history's beginning.
 */
import { type History, TRAFFIC_BEGINS } from './history.ts';
import { endNames } from './inner-packets.ts';
import { Invariants } from './invariants.ts';
import { Offers } from './offers.ts';
import { Operator } from './operator.ts';
import { describeChange, describeEnd } from './story.ts';
import { type Ends, Restless } from './tunnel-end.ts';
import { TunnelPair } from './tunnel-pair.ts';
import { VirtualNetwork } from './virtual-network.ts';

export type Outcome = {
  /** What was wrong; undefined when nothing was. */
  readonly wrong: string | undefined;
  /** When the history ended (µs). */
  readonly at: number;
  readonly packets: number;
  readonly datagrams: number;
  readonly digest: number;
};

/** Is told what happens, and when (µs). */
export type Trace = (at: number, text: string) => void;

/** Everything must be in use so long after the healing (µs). */
const IN_USE_WITHIN = 10_000_000;
/** It must stay so for this long (µs). */
const STAYS_IN_USE = 300_000;
/** What is on its way arrives in this time when nothing more is sent (µs); what is held may take longer. */
const REST = 1_500_000;

const NEVER = Number.POSITIVE_INFINITY;

export function play(ends: Ends, history: History, trace: Trace = () => {}): Outcome {
  return new Simulation(ends, history, trace).play();
}

class Simulation {
  readonly #ends: Ends;
  readonly #history: History;
  readonly #trace: Trace;
  readonly #network: VirtualNetwork;
  readonly #operator: Operator;
  readonly #offers: Offers;
  readonly #invariants: Invariants;
  readonly #pair: TunnelPair;
  #nextChange = 0;
  #now = 0;
  #begun = false;
  #healed = false;
  #inUseSince = NEVER;
  #endsAt = NEVER;

  constructor(ends: Ends, history: History, trace: Trace) {
    this.#ends = ends;
    this.#history = history;
    this.#trace = trace;
    this.#network = new VirtualNetwork(history);
    this.#operator = new Operator(ends, this.#network, history.links.length);
    this.#offers = new Offers(history);
    this.#invariants = new Invariants(ends, history, this.#offers.ledger);
    const { ledger } = this.#offers;
    const say = (text: string) => this.#say(text);
    this.#pair = new TunnelPair({ ends, network: this.#network, invariants: this.#invariants, ledger, say });
  }

  play(): Outcome {
    const wrong = this.#run();
    for (const name of endNames) {
      const lines = describeEnd(name, this.#ends, this.#network, this.#history.links.length);
      for (const line of lines) this.#say(line);
      this.#ends[name].finish();
    }
    this.#say(wrong === undefined ? 'all as it must be' : `WRONG: ${wrong}`);
    const { packets, digest } = this.#invariants;
    return { wrong, at: this.#now, packets, datagrams: this.#network.datagrams, digest };
  }

  #run(): string | undefined {
    try {
      this.#operator.begin(this.#history);
      let wrong: string | undefined;
      while (wrong === undefined && this.#goesOn()) wrong = this.#step();
      return wrong ?? this.#invariants.atTheEnd(this.#network.lost);
    } catch (error) {
      if (error instanceof Restless) return error.message;
      throw error;
    }
  }

  #goesOn(): boolean {
    return this.#now < this.#endsAt || this.#invariants.waiting();
  }

  #step(): string | undefined {
    this.#now = this.#nextAt();
    this.#pair.now = this.#now;
    const wrong = this.#change() ?? this.#pair.settle() ?? this.#offer() ?? this.#pair.deliver();
    this.#watchHealing();
    return wrong ?? this.#invariants.afterStep(this.#now) ?? this.#lateAtFirst() ?? this.#overdue();
  }

  #nextAt(): number {
    const change = this.#history.changes[this.#nextChange]?.at ?? NEVER;
    const end = this.#now < this.#endsAt ? this.#endsAt : NEVER;
    return Math.max(this.#now, Math.min(this.#pair.nextAt, change, this.#offers.nextAt, end));
  }

  /** What happens to the links and the ends. */
  #change(): string | undefined {
    let wrong: string | undefined;
    for (let next = this.#history.changes[this.#nextChange]; next !== undefined; ) {
      if (next.at > this.#now) break;
      this.#say(describeChange(next.change));
      this.#operator.apply(next.change);
      for (const name of endNames) wrong ??= this.#pair.collect(name);
      next = this.#history.changes[++this.#nextChange];
    }
    return wrong;
  }

  /** What the flows want to send now. */
  #offer(): string | undefined {
    let wrong: string | undefined;
    for (let due = this.#offers.take(this.#now); due !== undefined; due = this.#offers.take(this.#now)) {
      wrong ??= this.#pair.offer(due);
    }
    return wrong;
  }

  /** From the healing on: are all paths in use? Then the traffic ends, and after it the history. */
  #watchHealing(): void {
    if (this.#now < this.#history.healedAt || this.#endsAt < NEVER) return;
    if (!this.#healed) this.#invariants.healed();
    this.#healed = true;
    if (!this.#invariants.allInUse()) this.#inUseSince = NEVER;
    else if (this.#inUseSince === NEVER) this.#inUseSince = this.#now;
    if (this.#now - this.#inUseSince < STAYS_IN_USE || this.#offers.busy(this.#now)) return;
    this.#offers.end();
    this.#endsAt = this.#now + REST;
  }

  /** Before the first fault every path has answered its first probe. */
  #lateAtFirst(): string | undefined {
    if (this.#begun || this.#now < TRAFFIC_BEGINS) return undefined;
    this.#begun = true;
    const late = this.#invariants.notUp();
    return late === undefined ? undefined : `when the traffic begins ${late}`;
  }

  #overdue(): string | undefined {
    if (this.#endsAt < NEVER || this.#now < this.#history.healedAt + IN_USE_WITHIN) return undefined;
    return `ten seconds after the healing ${this.#invariants.notInUse() ?? 'nothing stays in use'}`;
  }

  #say(text: string): void {
    this.#trace(this.#now, text);
  }
}
