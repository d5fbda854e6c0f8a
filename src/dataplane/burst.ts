/**
 * The burst at hand: a row of sealed packets of one size that leaves over one path by one call; the unit of scheduling.
 *
 * Contract: `open` begins with a tunnel; packets are sealed one behind the other into the sent memory, where they stay for
 * repair. A burst ends by itself where the next packet does not fit into it, by `cut` and by `send`; nobody leaves one
 * unsent. `repair` sends again what is wanted. Allocates nothing per packet.
 */

import type { RowSealer } from '../linux/aead-row.ts';
import type { Arena } from '../linux/arena.ts';
import { BURST_BYTES, BURST_CAPACITY } from '../linux/datagram-sender.ts';
import { errnoValue } from '../linux/ffi.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import { ESP_PAYLOAD_OFFSET, sealedLength } from '../tunnel/esp/format.ts';
import { BASE_SIZE } from '../tunnel/path/mtu-search.ts';
import { secondPath } from '../tunnel/schedule/scheduler.ts';
import { NO_CLASS } from '../tunnel/schedule/traffic-classes.ts';
import type { OutboundAssociation } from './association.ts';
import { count, pathSlot, tunnelSlot } from './counters.ts';
import type { PathStream } from './path-stream.ts';
import { SentMemory } from './sent-memory.ts';
import type { Transmitter } from './transmitter.ts';
import { hasWayOut, type PlanePath, sealedLimit, type TunnelPlane } from './tunnel-plane.ts';

/** A burst and one packet more, which may turn out not to fit. */
const LONGEST_BURST = 65_536 + 2_048;

/** Sealed packets above this have more than the base size as outer packets. */
const LARGE_PACKET = BASE_SIZE - 28;

/** The id of no path. */
const NO_PATH = -1;

/** What the worker wants to know of a send: who pays, and whether the path is in trouble. */
export type SendListener = {
  sendFailed(tunnel: TunnelPlane, path: PlanePath): void;
  /** The kernel refuses packets of the size that the path is thought to take. */
  tooBig(tunnel: TunnelPlane, path: PlanePath): void;
  dataSent(tunnel: TunnelPlane, path: PlanePath): void;
  /** The stream's kernel has no room: `flush` is to be called when it has. */
  streamFull(path: PlanePath, stream: PathStream): void;
};

export class Burst {
  /** How the packets at hand are carried. */
  trafficClass = NO_CLASS;
  bytes = 0;

  readonly #transmitter: Transmitter;
  readonly #listener: SendListener;
  readonly #sentMemory: SentMemory;
  readonly #sealer: RowSealer;
  #tunnel: TunnelPlane | undefined;
  #path: PlanePath | undefined;
  #pathIndex = 0;
  /** Where it is sealed. */
  #at = 0;
  #count = 0;
  #size = 0;
  #closed = false;
  /** Whether libcrypto failed at some of it. */
  #spoilt = false;
  /** How many more bytes go over the same path before the scheduler is asked again. */
  #quantum = DOUBLE_ZERO;
  /** Whether that was less than a burst. Where it is more, a burst that is cut short costs calls on both sides and gains nothing. */
  #isFine = false;
  #now = DOUBLE_ZERO;

  /** @param sealer that of all associations */
  constructor(
    arena: Arena,
    transmitter: Transmitter,
    sealer: RowSealer,
    listener: SendListener,
    sentBytes: number,
  ) {
    this.#transmitter = transmitter;
    this.#sealer = sealer;
    this.#listener = listener;
    this.#sentMemory = new SentMemory(arena, sentBytes, LONGEST_BURST);
  }

  /** @param now µs */
  open(tunnel: TunnelPlane, now: number): void {
    this.#tunnel = tunnel;
    this.#now = now;
    this.#quantum = 0;
  }

  /** Sends what is there when its path has had enough for now. */
  cut(): void {
    if (this.#quantum <= 0 && this.#isFine) this.send();
  }

  /** What is carried in another way does not share a burst. */
  turnTo(trafficClass: number): void {
    if (trafficClass === this.trafficClass) return;
    this.send();
    this.#quantum = 0;
    this.trafficClass = trafficClass;
  }

  seal(
    association: OutboundAssociation,
    offset: number,
    length: number,
    following: number,
    lane: number,
  ): void {
    if (!this.#makeRoom(sealedLength(length))) return;
    const sealed = association.seal(offset, length, following, lane, this.#at + this.bytes);
    if (sealed > 0) this.#book(sealed);
  }

  /**
   * As `seal`, of a packet that lies still until `settle`, to be sealed together with others.
   * @returns where its header is to be written; 0 for a packet that has no way out
   */
  enlist(
    association: OutboundAssociation,
    headerLength: number,
    offset: number,
    length: number,
    following: number,
    lane: number,
  ): number {
    const size = sealedLength(length);
    if (!this.#makeRoom(size)) return 0;
    const header = association.enlist(headerLength, offset, length, following, lane, this.#at + this.bytes);
    if (header > 0) this.#book(size);
    return header;
  }

  /** Seals what was enlisted. */
  settle(): void {
    if (this.#sealer.count > 0 && !this.#sealer.run()) this.#spoilt = true;
  }

  /** Sends what is there when another packet of this size does not go with it. @returns false when there is no way out */
  #makeRoom(size: number): boolean {
    if (this.#count > 0 && (this.#closed || size > this.#size || this.bytes + size > BURST_BYTES))
      this.send();
    return this.#count > 0 || this.#begin(this.#tunnel as TunnelPlane, size);
  }

  #book(sealed: number): void {
    this.#count++;
    this.bytes += sealed;
    this.#quantum -= sealed;
    // A shorter packet may only be the last of a burst.
    if (sealed < this.#size || this.#count === BURST_CAPACITY) this.#closed = true;
  }

  #begin(tunnel: TunnelPlane, size: number): boolean {
    const index = this.#quantum > 0 ? this.#pathIndex : this.#choose(tunnel);
    const path = index < 0 ? undefined : tunnel.paths[index];
    if (path === undefined || !hasWayOut(path)) {
      count(tunnel.counters, tunnelSlot.droppedNoPath);
      return false;
    }
    if (this.#quantum <= 0) {
      const spread = tunnel.classes.mode(this.trafficClass) === 'spread';
      this.#quantum = spread ? tunnel.scheduler.quantum(tunnel.paths, index) : Number.POSITIVE_INFINITY;
      this.#isFine = this.#quantum < BURST_BYTES;
    }
    this.#path = path;
    this.#pathIndex = index;
    this.#at = this.#sentMemory.reserve(this.#now);
    this.#size = size;
    this.#closed = false;
    return true;
  }

  #choose(tunnel: TunnelPlane): number {
    const { paths, scheduler } = tunnel;
    if (tunnel.classes.mode(this.trafficClass) !== 'pin') return scheduler.choose(paths, this.#now, NO_PATH);
    for (let index = 0; index < paths.length; index++) {
      const { path } = paths[index] as PlanePath;
      if (path.id === tunnel.pinned[this.trafficClass] && path.state === 'up') return index;
    }
    const index = scheduler.choose(paths, this.#now, NO_PATH);
    tunnel.pinned[this.trafficClass] = paths[index]?.path.id ?? NO_PATH;
    return index;
  }

  /** Sends the burst, if there is one. */
  send(): void {
    const tunnel = this.#tunnel;
    const path = this.#path;
    if (this.#count === 0 || tunnel === undefined || path === undefined) return;
    this.settle();
    const bytes = this.bytes;
    const packets = this.#count;
    this.#count = 0;
    this.bytes = 0;
    this.#closed = false;
    if (this.#spoilt) {
      // What is there is not what it should be, and must not be seen by anybody.
      this.#spoilt = false;
      count(tunnel.counters, tunnelSlot.droppedSendFailed, packets);
      return;
    }
    const association = tunnel.outbound as OutboundAssociation;
    const sent = this.#transmitter.send(path, this.#at, bytes, this.#size);
    // Whoever waits for the burst does not wait for our books.
    this.#remember(tunnel, path, association, packets, bytes);
    if (!sent) {
      this.sendFailed(tunnel, path, packets);
      return;
    }
    tunnel.scheduler.charge(tunnel.paths, this.#pathIndex, bytes);
    const copied = tunnel.classes.mode(this.trafficClass) === 'duplicate';
    path.delivery.sent(association.spi, association.sequence, packets, bytes, this.#now, copied);
    // Of two copies one is reported: the other path would be in question for it.
    if (!copied) path.path.sent(association.spi, association.sequence, this.#now);
    if (this.#size > LARGE_PACKET) path.mtu.largeSent = true;
    count(path.counters, pathSlot.sentPackets, packets);
    count(path.counters, pathSlot.sentDataBytes, bytes - packets * ESP_PAYLOAD_OFFSET);
    this.#listener.dataSent(tunnel, path);
    if (copied) this.#sendCopy(tunnel, packets, bytes);
  }

  #remember(
    tunnel: TunnelPlane,
    { path: { id } }: PlanePath,
    { sequence }: OutboundAssociation,
    packets: number,
    bytes: number,
  ): void {
    const position = this.#sentMemory.keep(bytes);
    tunnel.sent.expire(this.#sentMemory.oldest, this.#now);
    tunnel.sent.add(sequence - packets + 1, packets, this.#size, bytes, position, id, this.#now);
  }

  /** The same burst over another path: the far side takes whichever comes first. */
  #sendCopy(tunnel: TunnelPlane, packets: number, bytes: number): void {
    const path = tunnel.paths[secondPath(tunnel.paths, this.#pathIndex, bytes, this.#now)];
    if (path === undefined || !hasWayOut(path)) return;
    if (!this.#transmitter.send(path, this.#at, bytes, this.#size)) return;
    const { spi, sequence } = tunnel.outbound as OutboundAssociation;
    path.delivery.sent(spi, sequence, packets, bytes, this.#now, true);
    count(path.counters, pathSlot.sentPackets, packets);
    count(path.counters, pathSlot.sentDataBytes, bytes - packets * ESP_PAYLOAD_OFFSET);
    count(tunnel.counters, tunnelSlot.sentTwice, packets);
  }

  /** Sends what is wanted again, as far as the paths have room; it goes before anything new. */
  repair(tunnel: TunnelPlane, now: number): void {
    const log = tunnel.sent;
    const { outbound: association } = tunnel;
    if (association === undefined) return;
    log.expire(this.#sentMemory.oldest, now);
    while (log.wanted > 0 && tunnel.scheduler.roomAt(tunnel.paths, now) <= now) {
      if (!log.peek()) return;
      const chosen = tunnel.paths[tunnel.scheduler.choose(tunnel.paths, now, log.path)];
      if (chosen === undefined || chosen.path.state !== 'up') return;
      log.take(now);
      // What was sealed before the limit fell fits no path any more, or not this one.
      const path = association.aggfrag ? oneThatTakes(tunnel.paths, chosen, log.size) : chosen;
      if (path === undefined) continue;
      const { number, packets, bytes } = log;
      if (!this.#transmitter.send(path, this.#sentMemory.offset(log.position), bytes, log.size)) {
        this.sendFailed(tunnel, path, packets);
        return;
      }
      path.delivery.sent(association.spi, number + packets - 1, packets, bytes, now);
      count(path.counters, pathSlot.sentPackets, packets);
      count(tunnel.counters, tunnelSlot.sentAgain, packets);
    }
  }

  sendFailed(tunnel: TunnelPlane, path: PlanePath, packets: number): void {
    const { error } = this.#transmitter;
    if (error === errnoValue.EAGAIN || error === errnoValue.ENOBUFS) {
      count(tunnel.counters, tunnelSlot.droppedSendBusy, packets);
      return;
    }
    if (error === errnoValue.EMSGSIZE) {
      count(tunnel.counters, tunnelSlot.droppedTooBig, packets);
      this.#listener.tooBig(tunnel, path);
      return;
    }
    count(tunnel.counters, tunnelSlot.droppedSendFailed, packets);
    this.#listener.sendFailed(tunnel, path);
  }
}

/** The chosen path, or another one if sealed packets of this size do not come through there. */
function oneThatTakes(paths: readonly PlanePath[], chosen: PlanePath, size: number): PlanePath | undefined {
  if (size <= sealedLimit(chosen)) return chosen;
  for (let index = 0; index < paths.length; index++) {
    const other = paths[index] as PlanePath;
    if (other.path.state === 'up' && size <= sealedLimit(other)) return other;
  }
  return undefined;
}
