/**
 * One direction of one emulated link: takes frames from a port, asks the shaper, keeps them, sends them when due.
 *
 * Contract: `receive` and `transmit` are called again and again by the loop; both say whether they did something.
 * A frame's time of arrival is the kernel's, so that a late loop does not shift the rate or the delay.
 */
import { Arena } from '../../src/linux/arena.ts';
import type { DirectionStatistics } from './control.ts';
import { DueQueue } from './due-queue.ts';
import { blockableProtocol, ETHERNET_HEADER } from './frame.ts';
import { FRAME_ROOM, type PacketPort } from './packet-port.ts';
import { type Shaper, verdict } from './shaper.ts';

/** Frames under way at once: 100 ms of full-size frames at 1 Gbit/s. */
const CAPACITY = 8192;
/** Then the other directions and what is due have their turn, so that a flood delays nobody by more than about 1 ms. */
const TAKEN_AT_ONCE = 256;
/** Ethernet header and the longest IP header that is left alone when a frame is corrupted. */
const SPARED_BYTES = ETHERNET_HEADER + 40;

export class OneWay {
  readonly #from: PacketPort;
  readonly #to: PacketPort;
  readonly #shaper: Shaper;
  readonly #queue = new DueQueue(CAPACITY);
  readonly #memory = new Arena(CAPACITY * FRAME_ROOM);
  readonly #offsets = new Uint16Array(CAPACITY);
  readonly #lengths = new Uint16Array(CAPACITY);
  /** Frames that await `flush`, then their places are free again. */
  readonly #leaving = new Int32Array(64);
  readonly #free: Int32Array;
  #freeCount = CAPACITY;
  #lastArrival = 0;
  readonly #count = {
    received: 0,
    sent: 0,
    sentBytes: 0,
    overflowed: 0,
    lost: 0,
    swallowed: 0,
    missed: 0,
    refused: 0,
  };
  readonly #lateness = { frames: 0, sumMillis: 0, maxMillis: 0 };

  constructor(from: PacketPort, to: PacketPort, shaper: Shaper) {
    this.#from = from;
    this.#to = to;
    this.#shaper = shaper;
    this.#free = Int32Array.from({ length: CAPACITY }, (_, i) => CAPACITY - 1 - i);
  }

  get nextDue(): number {
    return this.#queue.nextDue;
  }

  /**
   * Takes in what has come.
   * @param now milliseconds of the emulator's clock
   * @param wallOffset what to subtract from the kernel's time stamps to come to that clock
   */
  receive(now: number, wallOffset: number): boolean {
    let taken = 0;
    for (; taken < TAKEN_AT_ONCE && this.#from.hasFrame; this.#from.release()) {
      taken++;
      this.#count.received++;
      // A wall clock that jumps must not bend the emulation: within what is possible, the kernel's time counts.
      const arrival = Math.max(this.#lastArrival, Math.min(now, this.#from.frameWallMillis - wallOffset));
      this.#lastArrival = arrival;
      this.#take(arrival);
    }
    return taken > 0;
  }

  /** Sends what is due. */
  transmit(now: number): boolean {
    if (this.#queue.nextDue > now) return false;
    do {
      const count = this.#fillBatch(now);
      this.#count.refused += this.#to.flush();
      for (let i = 0; i < count; i++) this.#free[this.#freeCount++] = this.#leaving[i]!;
    } while (this.#queue.nextDue <= now);
    return true;
  }

  statistics(): DirectionStatistics {
    this.#count.missed += this.#from.takeMissed();
    const c = this.#count;
    return {
      receivedFrames: c.received,
      sentFrames: c.sent,
      sentBytes: c.sentBytes,
      overflowedFrames: c.overflowed,
      lostFrames: c.lost,
      swallowedFrames: c.swallowed,
      missedFrames: c.missed,
      refusedFrames: c.refused,
      waitingFrames: this.#queue.length,
      latenessMeanMillis: this.#lateness.frames === 0 ? 0 : this.#lateness.sumMillis / this.#lateness.frames,
      latenessMaxMillis: this.#lateness.maxMillis,
    };
  }

  change(change: Parameters<Shaper['change']>[0]): void {
    this.#shaper.change(change);
  }

  forgetLateness(): void {
    Object.assign(this.#lateness, { frames: 0, sumMillis: 0, maxMillis: 0 });
  }

  #take(arrival: number): void {
    const port = this.#from;
    const length = port.frameLength;
    if (length <= ETHERNET_HEADER || this.#freeCount < 2) {
      this.#count.missed++;
      return;
    }
    const size = length - ETHERNET_HEADER;
    const protocol = blockableProtocol(port.frameSlot, port.frameOffset, length);
    switch (this.#shaper.enqueue(size, protocol, arrival)) {
      case verdict.delivered:
        if (this.#shaper.copies === 2) this.#keep(length);
        this.#keep(length);
        break;
      case verdict.overflowed:
        this.#count.overflowed++;
        break;
      case verdict.lost:
        this.#count.lost++;
        break;
      case verdict.swallowed:
        this.#count.swallowed++;
        break;
    }
  }

  #keep(length: number): void {
    const place = this.#free[--this.#freeCount]!;
    const start = place * FRAME_ROOM;
    this.#memory.bytes.set(this.#from.frameSlot, start);
    this.#offsets[place] = this.#from.frameOffset;
    this.#lengths[place] = length;
    if (this.#shaper.corrupted && length > SPARED_BYTES) {
      const bit = Math.floor(this.#shaper.randomPlace() * (length - SPARED_BYTES) * 8);
      const at = start + this.#from.frameOffset + SPARED_BYTES + (bit >> 3);
      this.#memory.bytes[at] = this.#memory.bytes[at]! ^ (1 << (bit & 7));
    }
    this.#queue.push(this.#shaper.dueMillis, place);
  }

  #fillBatch(now: number): number {
    let count = 0;
    while (this.#queue.nextDue <= now && !this.#to.isBatchFull) {
      this.#noteLateness(now - this.#queue.nextDue);
      const place = this.#queue.shift();
      const length = this.#lengths[place]!;
      this.#to.send(this.#memory.address + place * FRAME_ROOM + this.#offsets[place]!, length);
      this.#count.sent++;
      this.#count.sentBytes += length - ETHERNET_HEADER;
      this.#leaving[count++] = place;
    }
    return count;
  }

  #noteLateness(millis: number): void {
    this.#lateness.frames++;
    this.#lateness.sumMillis += millis;
    if (millis > this.#lateness.maxMillis) this.#lateness.maxMillis = millis;
  }
}
