/**
 * One end of the simulated tunnel: the product's packet worker, whole, with a clock that the simulator sets.
 *
 * Its TUN device is a pair of descriptors, its links are sockets on loopback (`wires.ts`). The worker does not run on a
 * thread of its own: `settle` lets it look until there is nothing left to do at this time.
 *
 * Contract: an end serves one history after the other, as a worker's memory is never given back; `begin` and `finish`
 * bracket each. Times are µs of the simulator's clock; the worker's own is `clockAhead` later.
 */
import {
  openCounters,
  pathCounters,
  pathSlot,
  readCounters,
  type TunnelCounter,
  tunnelCounters,
  tunnelSlot,
  workerCounters,
} from '../src/dataplane/counters.ts';
import { PacketWorker } from '../src/dataplane/packet-worker.ts';
import type { WorkerCommand, WorkerEvent } from '../src/dataplane/protocol.ts';
import { pathStates } from '../src/dataplane/tunnel-plane.ts';
import { Arena } from '../src/linux/arena.ts';
import { closeFd, readFd, writeFd } from '../src/linux/file-descriptor.ts';
import { openPacketPair } from '../src/linux/packet-pair.ts';
import { WakeEvent } from '../src/linux/wake-event.ts';
import type { ClassRule } from '../src/tunnel/schedule/traffic-classes.ts';
import { type EndName, networks, otherEnd } from './inner-packets.ts';
import { type SharedWires, Wire } from './wires.ts';

/** As many as a history has. */
export const MOST_LINKS = 4;

const TUNNEL = 0;
/** More than any packet, merged or not. */
const PACKET_ROOM = 70_000;
/** The weight of the first link's path; each next one's is one more. */
const LIGHTEST = 4;
/** What waited for order may come all at once: `HOLD_SLOTS` packets, as the kernel counts them. */
const DEVICE_BYTES = 64 * 1024 * 1024;
/** Turns at one moment; a worker that needs more of them spins. */
const MOST_TURNS = 2_000;
/** A datagram on loopback is there at once; after so long (ms) something is wrong with the machine. */
const LOOPBACK_MILLIS = 2_000;

export type EndPlan = {
  readonly links: number;
  readonly keepaliveMillis: number;
  readonly schedule: 'arrival' | 'weight';
  readonly finishChecksums: boolean;
  readonly aggfrag: boolean;
  readonly classes: readonly ClassRule[];
  readonly clockAhead: number;
};

export type Ends = Readonly<Record<EndName, TunnelEnd>>;

/** The worker does not come to rest, or the machine lets it down: the history ends at once. */
export class Restless extends Error {}

export class TunnelEnd {
  readonly name: EndName;
  /** The simulator's time (µs). */
  now = 0;
  /** What the worker told since it was taken last. */
  readonly events: WorkerEvent[] = [];

  readonly #scratch = new Arena(PACKET_ROOM);
  readonly #device = openPacketPair(DEVICE_BYTES);
  readonly #wake = WakeEvent.open();
  readonly #commands: WorkerCommand[] = [];
  readonly #worker: PacketWorker;
  readonly #wires: readonly Wire[];
  #plan: EndPlan | undefined;
  #counters = openCounters(tunnelCounters);
  #tunnel = new Float64Array(this.#counters);
  readonly #paths: Float64Array[] = [];
  readonly #taken: number[] = [];
  #writes = 0;

  constructor(name: EndName, shared: SharedWires) {
    this.name = name;
    this.#wires = Array.from({ length: MOST_LINKS }, () => new Wire(shared));
    const line = {
      receive: () => this.#commands.shift(),
      tell: (event: WorkerEvent) => void this.events.push(event),
    };
    const clock = () => this.now + (this.#plan?.clockAhead ?? 0);
    this.#worker = new PacketWorker(line, this.#wake, openCounters(workerCounters), clock);
  }

  /** A tunnel with all its links, and as yet no keys. */
  begin(plan: EndPlan): void {
    this.#plan = plan;
    this.now = 0;
    this.#counters = openCounters(tunnelCounters);
    this.#tunnel = new Float64Array(this.#counters);
    this.#writes = 0;
    this.#paths.length = 0;
    this.command({
      kind: 'addTunnel',
      schedule: plan.schedule,
      classes: plan.classes,
      tunnel: TUNNEL,
      tunFd: this.#device.inner,
      udpOffload: true,
      innerSources: networks[otherEnd(this.name)],
      counters: this.#counters,
    });
    for (let link = 0; link < plan.links; link++) {
      this.openSocket(link);
      this.addPath(link, link, 0);
    }
  }

  finish(): void {
    this.command({ kind: 'removeTunnel', tunnel: TUNNEL });
    for (let link = 0; link < MOST_LINKS; link++) this.closeSocket(link);
    for (const wire of this.#wires) wire.drain();
    while (this.#readDevice() !== undefined);
    while (readFd(this.#device.inner, this.#scratch.address, PACKET_ROOM) > 0);
    this.events.length = 0;
  }

  close(): void {
    this.#worker.close();
    this.#wake.close();
    for (const wire of this.#wires) wire.close();
    for (const fd of [this.#device.inner, this.#device.outer]) closeFd(fd);
  }

  /** When the worker wants to be called again (µs). */
  get dueAt(): number {
    return Math.ceil(this.#worker.dueAt - (this.#plan?.clockAhead ?? 0));
  }

  command(...commands: readonly WorkerCommand[]): void {
    this.#commands.push(...commands);
    this.#wake.wake();
    this.settle();
  }

  openSocket(link: number): void {
    this.#wire(link).drain();
    this.command({ kind: 'openSocket', socket: link, fd: this.#wire(link).fd });
  }

  closeSocket(link: number): void {
    this.command({ kind: 'closeSocket', socket: link });
  }

  /** @param mouth by which the far end is heard */
  addPath(link: number, path: number, mouth: number): void {
    const counters = openCounters(pathCounters);
    this.#paths[link] = new Float64Array(counters);
    this.#taken[link] = 0;
    this.command({
      kind: 'addPath',
      tunnel: TUNNEL,
      path,
      socket: link,
      remote: this.#wire(link).remote(mouth),
      keepaliveMillis: this.#plan?.keepaliveMillis ?? 500,
      weight: LIGHTEST + link,
      counters,
    });
  }

  removePath(path: number): void {
    this.command({ kind: 'removePath', tunnel: TUNNEL, path });
  }

  /** The path begins anew over its link's socket, which was opened again. */
  movePath(link: number, path: number): void {
    this.command({ kind: 'movePath', tunnel: TUNNEL, path, socket: link, remote: undefined });
  }

  /** New keys: generation 0 is the first. An end that answers turns to them when it hears the other under them. */
  rekey(generation: number, answers: boolean): void {
    const keys = { key: new Uint8Array(32).fill(1 + generation), salt: new Uint8Array(4) };
    const outbound = spiOf(this.name, generation);
    const inbound = spiOf(otherEnd(this.name), generation);
    this.command(
      { kind: 'addInbound', tunnel: TUNNEL, spi: inbound, ...keys },
      {
        kind: 'addOutbound',
        tunnel: TUNNEL,
        spi: outbound,
        ...keys,
        finishChecksums: this.#plan?.finishChecksums ?? false,
        aggfrag: this.#plan?.aggfrag ?? false,
        activate: answers ? { whenHeardOn: inbound } : 'now',
        packetLimit: Number.MAX_SAFE_INTEGER,
      },
    );
  }

  /** @returns false when the device's own queue is full */
  offer(packet: Uint8Array): boolean {
    this.#scratch.bytes.set(packet);
    return writeFd(this.#device.outer, this.#scratch.address, packet.length) === packet.length;
  }

  /** Lets datagrams arrive together, equally long but for the last. */
  deliver(link: number, mouth: number, datagrams: readonly Uint8Array[]): void {
    this.#wire(link).give(mouth, datagrams);
    const until = performance.now() + LOOPBACK_MILLIS;
    while (!this.#worker.look()) {
      if (performance.now() > until) throw new Restless('loopback did not deliver a datagram');
    }
    this.settle();
  }

  /** Lets the worker do what there is to do now. */
  settle(): void {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      if (!this.#worker.look()) return;
    }
    throw new Restless(`end ${this.name} does not come to rest: due at ${this.dueAt - this.now} µs from now`);
  }

  /** What the worker sent since it was asked last. */
  takeDatagrams(each: (link: number, mouth: number, bytes: Uint8Array) => void): void {
    this.#paths.forEach((counters, link) => {
      const sent = counters[pathSlot.sentPackets] as number;
      const count = sent - (this.#taken[link] as number);
      if (count === 0) return;
      this.#taken[link] = sent;
      this.#wire(link).take(count, (mouth, bytes) => each(link, mouth, bytes));
    });
  }

  /** What the device was given since it was asked last. */
  takeDelivered(each: (bytes: Uint8Array) => void): void {
    const writes = this.#tunnel[tunnelSlot.tunWrites] as number;
    for (; this.#writes < writes; this.#writes++) {
      const bytes = this.#readDevice();
      if (bytes === undefined) throw new Restless('the device was given less than was counted');
      each(bytes);
    }
  }

  count(name: TunnelCounter): number {
    return this.#tunnel[tunnelSlot[name]] as number;
  }

  /** Bytes of inner packets that went over this link's path. */
  dataBytes(link: number): number {
    return this.#paths[link]?.[pathSlot.sentDataBytes] ?? 0;
  }

  state(link: number): (typeof pathStates)[number] {
    return pathStates[this.#paths[link]?.[pathSlot.state] as number] ?? 'down';
  }

  /** All counters, for a trace. */
  counters(): Record<TunnelCounter, number> {
    return readCounters(tunnelCounters, this.#counters);
  }

  #wire(link: number): Wire {
    return this.#wires[link] as Wire;
  }

  #readDevice(): Uint8Array | undefined {
    const length = readFd(this.#device.outer, this.#scratch.address, PACKET_ROOM);
    return length > 0 ? this.#scratch.bytes.slice(0, length) : undefined;
  }
}

/** Half of all SPIs are above 2^31. */
export function spiOf(sender: EndName, generation: number): number {
  return (generation % 2 === 0 ? 0x1000_0000 : 0xf000_0000) + 2 * generation + (sender === 'a' ? 0 : 1);
}
