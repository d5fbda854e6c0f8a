/**
 * Brings a tunnel's packets into order on their way to its device, lane by lane.
 *
 * Contract: every packet that an association opened is given to `packet` or `nothing`, once. What is in order goes to the
 * writer at once; what is ahead is copied and waits, no longer than `Resequencer` says. `expire` must be called at
 * `tunnel.orderDueAt`, and `settle` after the writer was flushed. Allocates nothing per packet.
 */

import type { Arena } from '../linux/arena.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import { LANES, NO_LANE, nearestOrder, ORDER_NUMBERS } from '../tunnel/esp/packet-number.ts';
import { ahead, late, NOTHING, type Resequencer } from '../tunnel/order/resequencer.ts';
import type { InboundAssociation } from './association.ts';
import { count, tunnelSlot } from './counters.ts';
import { HoldMemory } from './hold-memory.ts';
import type { TunWriter } from './tun-writer.ts';
import type { TunnelPlane } from './tunnel-plane.ts';
import { payloadKind, Unpacker } from './unpacker.ts';

/** Reports that ask for something follow each other no faster than this (µs). */
const URGENT_INTERVAL = 4_000;

export class Ordering {
  readonly #memory: HoldMemory;
  readonly #writer: TunWriter;
  readonly #unpacker: Unpacker;
  /** The order number of the packet at hand. */
  #number = DOUBLE_ZERO;

  constructor(arena: Arena, writer: TunWriter, holdSlots: number) {
    this.#memory = new HoldMemory(arena, holdSlots);
    this.#writer = writer;
    this.#unpacker = new Unpacker(arena, writer);
  }

  /** An inner packet that was checked, or an AGGFRAG payload. @param kind of `payloadKind`. @param now µs */
  packet(
    tunnel: TunnelPlane,
    association: InboundAssociation,
    start: number,
    length: number,
    kind: number,
    now: number,
  ): void {
    const { sequence, spi, lane: number } = association;
    const lane = tunnel.lanes[number] as Resequencer;
    const verdict = this.#judge(tunnel, lane, association, now);
    if (verdict === late) {
      const packets = this.#deliver(tunnel, number, spi, sequence, start, length, kind);
      // All that share the payload are late: one of them was counted.
      if (packets > 1 && number !== NO_LANE && spi === tunnel.orderSpi)
        count(tunnel.counters, tunnelSlot.deliveredLate, packets - 1);
      return;
    }
    if (verdict === ahead) {
      const slot = this.#memory.keep(start, length, kind);
      if (slot > 0) {
        count(tunnel.counters, tunnelSlot.waitedForOrder);
        lane.hold(this.#number, sequence, slot, now);
        this.#loseWhatIsLost(tunnel, number, spi, now);
        return;
      }
      // No room to wait in: what is missing is given up.
      lane.loseBelow(this.#number);
      this.#deliverDue(tunnel, number, now);
    }
    this.#deliver(tunnel, number, spi, sequence, start, length, kind);
    lane.passed(sequence, now);
    this.#deliverDue(tunnel, number, now);
  }

  /** A packet that has nothing to deliver: a report, or something that was refused. @param now µs */
  nothing(tunnel: TunnelPlane, association: InboundAssociation, now: number): void {
    if (association.lane === NO_LANE) return;
    const { lane: number } = association;
    const lane = tunnel.lanes[number] as Resequencer;
    const verdict = this.#judge(tunnel, lane, association, now);
    if (verdict === late) return;
    if (verdict === ahead) {
      lane.hold(this.#number, association.sequence, NOTHING, now);
      this.#loseWhatIsLost(tunnel, number, association.spi, now);
      return;
    }
    lane.passed(association.sequence, now);
    this.#deliverDue(tunnel, number, now);
  }

  /** Gives up what was waited for long enough. @param now µs */
  expire(tunnel: TunnelPlane, now: number): void {
    for (let number = 1; number < LANES; number++) {
      const lane = tunnel.lanes[number] as Resequencer;
      while (lane.expire(now)) this.#deliverDue(tunnel, number, now);
    }
    this.#writer.flush();
    this.settle();
  }

  /** Gives back the room of a tunnel that goes; what it held is dropped. @param now µs */
  abandon(tunnel: TunnelPlane, now: number): void {
    for (const lane of tunnel.lanes) {
      lane.loseAll();
      for (let slot = lane.take(now); slot !== 0; slot = lane.take(now)) {
        if (slot !== NOTHING) this.#memory.release(slot);
      }
    }
    this.settle();
  }

  /** What was handed to the writer lies with the kernel now. */
  settle(): void {
    this.#unpacker.settle();
    this.#memory.settle();
  }

  /** Finds the packet's number and what that means. What cannot wait counts as late. */
  #judge(tunnel: TunnelPlane, lane: Resequencer, association: InboundAssociation, now: number): number {
    const { spi, sequence, order } = association;
    if (spi !== tunnel.orderSpi) {
      // Under the keys before: those packets are a generation behind.
      if (spi === tunnel.earlierOrderSpi) return late;
      this.#beginAnew(tunnel, association, now);
    }
    if (association.lane === NO_LANE) return late;
    this.#number = nearestOrder(order, lane.next);
    if (this.#number < lane.next && sequence > lane.sequence) {
      // What was sent later and has a lower number is of the next round: half of all numbers were lost on the way.
      this.#number += ORDER_NUMBERS;
    }
    if (!lane.reaches(this.#number)) {
      lane.loseBelow(this.#number);
      this.#deliverDue(tunnel, association.lane, now);
    }
    const verdict = lane.judge(this.#number);
    if (verdict === late) {
      lane.cameLate(now);
      count(tunnel.counters, tunnelSlot.deliveredLate);
    }
    return verdict;
  }

  #beginAnew(tunnel: TunnelPlane, association: InboundAssociation, now: number): void {
    for (let number = 0; number < LANES; number++) {
      const lane = tunnel.lanes[number] as Resequencer;
      lane.loseAll();
      this.#deliverDue(tunnel, number, now);
      lane.begin();
    }
    tunnel.earlierOrderSpi = tunnel.orderSpi;
    tunnel.orderSpi = association.spi;
    tunnel.received = association;
    tunnel.missing.begin();
    tunnel.peerKept = Math.min(tunnel.peerKept, 1);
  }

  /** What does not come by itself any more is asked for, or given up where the peer does not send it again. */
  #loseWhatIsLost(tunnel: TunnelPlane, number: number, spi: number, now: number): void {
    const lane = tunnel.lanes[number] as Resequencer;
    const before = tunnel.notUnderWayBefore(spi, now) + 1;
    if (tunnel.peerKept === 0) lane.loseSentBefore(before);
    else {
      lane.loseSentBefore(Math.min(before, tunnel.peerKept));
      if (lane.newlyMissesBefore(before)) this.#ask(tunnel, now);
    }
    this.#deliverDue(tunnel, number, now);
  }

  /** The report that says what is missing does not wait for its time. */
  #ask(tunnel: TunnelPlane, now: number): void {
    tunnel.reportAt = Math.min(tunnel.reportAt, Math.max(now, tunnel.lastReportAt + URGENT_INTERVAL));
  }

  #deliverDue(tunnel: TunnelPlane, number: number, now: number): void {
    const memory = this.#memory;
    const lane = tunnel.lanes[number] as Resequencer;
    const before = lane.lost;
    for (let slot = lane.take(now); slot !== 0; slot = lane.take(now)) {
      if (slot === NOTHING) continue;
      const offset = memory.offset(slot);
      const length = memory.length(slot);
      this.#deliver(tunnel, number, tunnel.orderSpi, lane.sequence, offset, length, memory.kind(slot));
      memory.release(slot);
    }
    if (lane.lost !== before) count(tunnel.counters, tunnelSlot.gaveUpWaiting, lane.lost - before);
  }

  /** @returns how many packets the device gets */
  #deliver(
    tunnel: TunnelPlane,
    lane: number,
    spi: number,
    sequence: number,
    start: number,
    length: number,
    kind: number,
  ): number {
    if (kind === payloadKind.aggfrag) return this.#unpacker.take(tunnel, lane, spi, sequence, start, length);
    this.#writer.add(tunnel, start, length, kind === payloadKind.unfinished);
    return 1;
  }
}
