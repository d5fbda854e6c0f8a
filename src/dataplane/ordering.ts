/**
 * Brings a tunnel's packets into order on their way to its device.
 *
 * Contract: every number that an association opened is given to `packet` or `nothing`, once. What is in order goes to the
 * writer at once; what is ahead is copied and waits, no longer than `Resequencer` says. `expire` must be called at
 * `tunnel.order.dueAt`, and `settle` after the writer was flushed. Allocates nothing per packet.
 */
import type { Arena } from '../linux/arena.ts';
import { ahead, late, NOTHING } from '../tunnel/order/resequencer.ts';
import type { InboundAssociation } from './association.ts';
import { count, tunnelSlot } from './counters.ts';
import { HoldMemory } from './hold-memory.ts';
import type { TunWriter } from './tun-writer.ts';
import type { PlanePath, TunnelPlane } from './tunnel-plane.ts';

export class Ordering {
  readonly #memory: HoldMemory;
  readonly #writer: TunWriter;

  constructor(arena: Arena, writer: TunWriter, holdSlots: number) {
    this.#memory = new HoldMemory(arena, holdSlots);
    this.#writer = writer;
  }

  /** An inner packet that was checked. @param now µs */
  packet(
    tunnel: TunnelPlane,
    { spi, sequence }: InboundAssociation,
    start: number,
    length: number,
    unfinished: boolean,
    now: number,
  ): void {
    const order = tunnel.order;
    const verdict = this.#judge(tunnel, spi, sequence, now);
    if (verdict === late) {
      count(tunnel.counters, tunnelSlot.deliveredLate);
      this.#writer.add(tunnel, start, length, unfinished);
      return;
    }
    if (verdict === ahead) {
      const slot = this.#memory.keep(start, length, unfinished);
      if (slot > 0) {
        count(tunnel.counters, tunnelSlot.waitedForOrder);
        order.hold(sequence, slot, now);
        this.#loseWhatIsLost(tunnel, spi, now);
        return;
      }
      // No room to wait in: what is missing is given up.
      order.loseBelow(sequence);
      this.#deliverDue(tunnel, now);
    }
    this.#writer.add(tunnel, start, length, unfinished);
    order.passed(now);
    this.#deliverDue(tunnel, now);
  }

  /** A number whose packet has nothing to deliver: a report, or something that was refused. @param now µs */
  nothing(tunnel: TunnelPlane, { spi, sequence }: InboundAssociation, now: number): void {
    const verdict = this.#judge(tunnel, spi, sequence, now);
    if (verdict === late) return;
    if (verdict === ahead) {
      tunnel.order.hold(sequence, NOTHING, now);
      this.#loseWhatIsLost(tunnel, spi, now);
      return;
    }
    tunnel.order.passed(now);
    this.#deliverDue(tunnel, now);
  }

  /** Gives up what was waited for long enough. @param now µs */
  expire(tunnel: TunnelPlane, now: number): void {
    if (now < tunnel.order.dueAt) return;
    while (tunnel.order.expire(now)) this.#deliverDue(tunnel, now);
    this.#writer.flush();
    this.settle();
  }

  /** Gives back the room of a tunnel that goes; what it held is dropped. @param now µs */
  abandon(tunnel: TunnelPlane, now: number): void {
    const { order } = tunnel;
    order.loseAll();
    for (let slot = order.take(now); slot !== 0; slot = order.take(now)) {
      if (slot !== NOTHING) this.#memory.release(slot);
    }
    this.settle();
  }

  /** What was handed to the writer lies with the kernel now. */
  settle(): void {
    this.#memory.settle();
  }

  #judge(tunnel: TunnelPlane, spi: number, sequence: number, now: number): number {
    const { order } = tunnel;
    if (spi !== tunnel.orderSpi) {
      // Under the keys before: those packets are a generation behind.
      if (spi === tunnel.earlierOrderSpi) return late;
      order.loseAll();
      this.#deliverDue(tunnel, now);
      order.begin();
      tunnel.earlierOrderSpi = tunnel.orderSpi;
      tunnel.orderSpi = spi;
    }
    if (!order.reaches(sequence)) {
      order.loseBelow(sequence);
      this.#deliverDue(tunnel, now);
    }
    const verdict = order.judge(sequence);
    if (verdict === late) order.cameLate(now);
    return verdict;
  }

  /** Links deliver in order: what is missing below the lowest of their newest numbers does not come any more. */
  #loseWhatIsLost(tunnel: TunnelPlane, spi: number, now: number): void {
    const { order, paths } = tunnel;
    const patience = order.patience;
    let floor = Number.POSITIVE_INFINITY;
    for (let index = 0; index < paths.length; index++) {
      const path = paths[index] as PlanePath;
      // A silent path carries nothing that is worth waiting for.
      if (now - path.path.lastHeardAt > patience) continue;
      const newest = path.receivedSpi === spi ? path.receivedNewest : 0;
      if (newest < floor) floor = newest;
    }
    // Where no path is alive, nobody is left who could bring what is missing.
    if (floor === Number.POSITIVE_INFINITY) order.loseAll();
    else order.loseBelow(floor);
    this.#deliverDue(tunnel, now);
  }

  #deliverDue(tunnel: TunnelPlane, now: number): void {
    const { order } = tunnel;
    const memory = this.#memory;
    for (let slot = order.take(now); slot !== 0; slot = order.take(now)) {
      if (slot === NOTHING) continue;
      this.#writer.add(tunnel, memory.offset(slot), memory.length(slot), memory.unfinished(slot));
      memory.release(slot);
    }
    tunnel.counters[tunnelSlot.gaveUpWaiting] = order.lost;
  }
}
