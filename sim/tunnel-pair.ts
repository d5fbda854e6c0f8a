/**
 * Two tunnel ends with the virtual links between them, played event by event: what ends send is carried, what arrives is handed over.
 *
 * Contract: `now` is set first. Each method returns what was wrong first, if anything, by the invariants of packets and datagrams.
 */
import type { WorkerEvent } from '../src/dataplane/protocol.ts';
import type { InFlight } from './in-flight.ts';
import { type EndName, endNames, type Flow, innerPacket } from './inner-packets.ts';
import type { Invariants } from './invariants.ts';
import type { Ledger } from './ledger.ts';
import { describeEvent } from './story.ts';
import type { Ends } from './tunnel-end.ts';
import type { VirtualNetwork } from './virtual-network.ts';

type PairParts = {
  readonly ends: Ends;
  readonly network: VirtualNetwork;
  readonly invariants: Invariants;
  readonly ledger: Ledger;
  readonly say: (text: string) => void;
};

export class TunnelPair {
  readonly #parts: PairParts;
  #now = 0;

  constructor(parts: PairParts) {
    this.#parts = parts;
  }

  /** Of the simulator (µs). */
  set now(now: number) {
    this.#now = now;
    for (const name of endNames) this.#parts.ends[name].now = now;
  }

  /** When a worker wants to be called, or a datagram arrives. */
  get nextAt(): number {
    const { ends, network } = this.#parts;
    return Math.min(ends.a.dueAt, ends.b.dueAt, network.nextAt);
  }

  /** Lets workers do what has become due. */
  settle(): string | undefined {
    let wrong: string | undefined;
    for (const name of endNames) {
      // Whatever else there was to do was done when it came.
      if (this.#parts.ends[name].dueAt > this.#now) continue;
      this.#parts.ends[name].settle();
      wrong ??= this.collect(name);
    }
    return wrong;
  }

  /** The flow's next packet, or superpacket, is written to its end's device. */
  offer(flow: Flow): string | undefined {
    const { ends, ledger } = this.#parts;
    const taken = ends[flow.from].offer(innerPacket(flow, ledger.next(flow), flow.segments));
    if (taken) ledger.offered(flow, flow.segments);
    ends[flow.from].settle();
    return this.collect(flow.from);
  }

  /** What arrives over the links now. */
  deliver(): string | undefined {
    const { network } = this.#parts;
    let wrong: string | undefined;
    for (let row = network.take(this.#now); row.length > 0; row = network.take(this.#now)) {
      wrong ??= this.#arrive(row);
    }
    return wrong;
  }

  /** Takes what an end sent, delivered and told. */
  collect(name: EndName): string | undefined {
    const { ends, network, invariants } = this.#parts;
    const end = ends[name];
    let wrong: string | undefined;
    end.takeDatagrams((link, mouth, bytes) => {
      wrong ??= invariants.sent(bytes, this.#now);
      network.send(name, link, mouth, bytes, this.#now);
    });
    wrong ??= invariants.collect(name, this.#now);
    for (const event of end.events.splice(0)) wrong ??= this.#hear(name, event);
    return wrong;
  }

  #arrive(row: readonly InFlight[]): string | undefined {
    const { ends, invariants } = this.#parts;
    const { to, link, mouth } = row[0] as InFlight;
    const datagrams = row.map(({ bytes }) => bytes);
    ends[to].deliver(link, mouth, datagrams);
    for (const bytes of datagrams) invariants.arrived(to, bytes);
    return this.collect(to);
  }

  #hear(name: EndName, event: WorkerEvent): string | undefined {
    this.#parts.say(describeEvent(name, event));
    return event.kind === 'trouble' ? `end ${name}: ${event.message}` : undefined;
  }
}
