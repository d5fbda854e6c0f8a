/**
 * From the links to the TUN device: receive, open, check, write.
 *
 * Contract: `drain` takes what a socket has, up to a budget. Nothing of a datagram is used before it proved authentic
 * (`opening-row.ts`). Nothing stays in the receive buffers; what came before its turn waits in `ordering`.
 * Allocates nothing per packet.
 * Source: RFC 4303, 3.4; RFC 3948, 2.
 */

import type { RowOpener } from '../linux/aead-row.ts';
import type { Arena } from '../linux/arena.ts';
import { DatagramReceiver, RECEIVE_SLOTS } from '../linux/datagram-receiver.ts';
import { errno, errnoValue } from '../linux/ffi.ts';
import { receiveStream } from '../linux/stream-socket.ts';
import { isAggfrag } from '../tunnel/aggfrag/format.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import { ESP_PAYLOAD_OFFSET, ESP_TAG_LENGTH, ESP_TRAILER_LENGTH, nextHeader } from '../tunnel/esp/format.ts';
import { NO_LANE } from '../tunnel/esp/packet-number.ts';
import {
  FRAME_HEADER_LENGTH,
  FRAME_LONGEST,
  frameLength,
  isEspFrame,
  MORE_NEEDED,
  NO_FRAME,
} from '../tunnel/esp/stream-frame.ts';
import { isIpv4, packetLength } from '../tunnel/offload/ip-packet.ts';
import type { Resequencer } from '../tunnel/order/resequencer.ts';
import { REPORT_INTERVAL } from '../tunnel/path/path.ts';
import { isSizeProbe } from '../tunnel/path/report.ts';
import { type Arrival, arrivalPath } from './arrival.ts';
import type { InboundAssociation } from './association.ts';
import { count, tunnelSlot, workerSlot } from './counters.ts';
import { type OpenedTaker, OpeningRow } from './opening-row.ts';
import { Ordering } from './ordering.ts';
import { keep, type PathStream, restore } from './path-stream.ts';
import type { StreamEnd } from './protocol.ts';
import { TunWriter } from './tun-writer.ts';
import type { LinkSocket, PlanePath, TunnelPlane } from './tunnel-plane.ts';
import { payloadKind, UNPACKER_ARENA_BYTES } from './unpacker.ts';

/** Calls per socket before the others get their turn. */
const RECEIVE_BUDGET = 2;

/**
 * So many datagrams are asked for where they come merged, 64 KiB each: what one call brings then fits the processor's cache until
 * it is opened and written, and the other links get their turn before much of what they bring is waited for.
 */
const MERGED_SLOTS = 6;
/** On average they are longer than this when they are merged. */
const MERGED_LENGTH = 16_384;

/** What is read of a stream at a time, about what the slots of one call bring by UDP under load. */
const STREAM_READ = 256 * 1024;
/** And the beginning of a frame in front of it. */
const STREAM_ROOM = STREAM_READ + FRAME_LONGEST;
export const INBOUND_ARENA_BYTES = STREAM_ROOM + 4096 + UNPACKER_ARENA_BYTES;

/** Links from which nothing came for so long are silent (µs). */
const QUIET_MICROS = 1_000;

export type InboundListener = {
  /**
   * The time (µs), read anew after each receive: what came while this thread was not on a processor must not seem to have come
   * before. A delay may be measured too long, which passes; one that is too short is the line's best for seconds, and all others then
   * look like a queue.
   */
  now(): number;
  /** A report arrived, opened, at `offset`. `path` is the one it came over as far as addresses tell. */
  reportArrived(tunnel: TunnelPlane, arrival: Arrival, offset: number, length: number): void;
  /** The peer used an association for which new outbound keys wait. */
  heardOn(tunnel: TunnelPlane, spi: number): void;
  tunnel(id: number): TunnelPlane | undefined;
  /** A tunnel wants to be served at this time (µs). */
  dueAt(tunnel: TunnelPlane, at: number): void;
};

export class Inbound implements OpenedTaker {
  readonly #arena: Arena;
  readonly #row: OpeningRow;
  readonly #receiver: DatagramReceiver;
  readonly #streamBuffer: number;
  readonly #writer: TunWriter;
  readonly #ordering: Ordering;
  readonly #listener: InboundListener;
  readonly #counters: Float64Array;
  readonly #arrival: Arrival = {
    stream: undefined,
    socket: { id: -1, fd: -1 },
    sender: 0,
    spi: DOUBLE_ZERO,
    sequence: DOUBLE_ZERO,
    length: 0,
  };
  /** The path that the arrival came over, and whose it is: the same for all of a row. */
  #path: PlanePath | undefined;
  #pathTunnel: TunnelPlane | undefined;
  #now = DOUBLE_ZERO;
  #quietUntil = DOUBLE_ZERO;
  /** Whether what came last was merged by the kernel. */
  #merged = false;
  #streamEnd: StreamEnd | undefined;

  /**
   * @param associations by SPI as a signed number, which V8 keeps without allocating; may change between two calls of `drain`
   * @param opener that of all associations
   */
  constructor(
    arena: Arena,
    listener: InboundListener,
    associations: ReadonlyMap<number, InboundAssociation>,
    opener: RowOpener,
    counters: Float64Array,
    holdSlots: number,
  ) {
    this.#arena = arena;
    this.#row = new OpeningRow(arena, associations, opener, counters, this);
    this.#receiver = new DatagramReceiver(arena);
    this.#streamBuffer = arena.reserve(STREAM_ROOM, 4096);
    this.#writer = new TunWriter(arena);
    this.#ordering = new Ordering(arena, this.#writer, holdSlots);
    this.#listener = listener;
    this.#counters = counters;
  }

  /** Forgets what it remembered of associations, tunnels and paths; to be called when any of them changes. */
  forget(): void {
    this.#row.forget();
    this.#pathTunnel = undefined;
  }

  /** @param now µs. @returns the tunnel to whose device a lone packet went, the first after silence */
  drain(socket: LinkSocket, now: number): TunnelPlane | undefined {
    const silent = now >= this.#quietUntil;
    this.#now = now;
    this.#arrival.socket = socket;
    this.#arrival.stream = undefined;
    let handedOver: TunnelPlane | undefined;
    for (let round = 0; round < RECEIVE_BUDGET; round++) {
      const most = this.#merged ? MERGED_SLOTS : RECEIVE_SLOTS;
      const filled = this.#receiver.receive(socket.fd, most);
      if (filled <= 0) break;
      this.#now = this.#listener.now();
      let bytes = 0;
      for (let slot = 0; slot < filled; slot++) bytes += this.#takeSlot(slot);
      handedOver = this.#writer.flush();
      this.#ordering.settle();
      this.#receiver.rearm(filled);
      this.#merged = bytes > filled * MERGED_LENGTH;
      if (filled < most || this.#merged) break;
    }
    if (handedOver === undefined) return undefined;
    this.#quietUntil = this.#now + QUIET_MICROS;
    return silent ? handedOver : undefined;
  }

  /** As `drain`, of a path's own connection. @returns undefined also when `streamEnd` says that it is over */
  drainStream(stream: PathStream, now: number): TunnelPlane | undefined {
    const silent = now >= this.#quietUntil;
    this.#now = now;
    this.#arrival.stream = stream;
    this.#streamEnd = undefined;
    let handedOver: TunnelPlane | undefined;
    for (let round = 0; round < RECEIVE_BUDGET && this.#streamEnd === undefined; round++) {
      const filled = this.#fill(stream);
      if (filled === 0) break;
      this.#now = this.#listener.now();
      handedOver = this.#takeFrames(stream, this.#streamBuffer + filled) ?? handedOver;
      if (filled < STREAM_READ) break;
    }
    if (handedOver === undefined) return undefined;
    this.#quietUntil = this.#now + QUIET_MICROS;
    return silent ? handedOver : undefined;
  }

  /** Why the stream of the last `drainStream` is of no use any more. */
  get streamEnd(): StreamEnd | undefined {
    return this.#streamEnd;
  }

  /** @returns how many bytes lie in the buffer now, what was kept of the last time included; 0 when nothing came */
  #fill(stream: PathStream): number {
    const kept = restore(this.#arena, stream, this.#streamBuffer);
    const received = receiveStream(stream.fd, this.#arena.address + this.#streamBuffer + kept, STREAM_READ);
    if (received > 0) {
      stream.mayWrite = true;
      return kept + received;
    }
    if (received === 0 || errno() !== errnoValue.EAGAIN) this.#streamEnd = 'ended';
    return 0;
  }

  #takeFrames(stream: PathStream, end: number): TunnelPlane | undefined {
    const data = this.#arena.data;
    let at = this.#streamBuffer;
    this.#pathTunnel = undefined;
    for (;;) {
      const length = frameLength(data, at, end);
      if (length === NO_FRAME) this.#streamEnd = 'notUnderstood';
      if (length === NO_FRAME || length === MORE_NEEDED) break;
      if (isEspFrame(data, at)) this.#row.enlist(at + FRAME_HEADER_LENGTH, length - FRAME_HEADER_LENGTH);
      at += length;
    }
    this.#row.open();
    const handedOver = this.#writer.flush();
    this.#ordering.settle();
    if (!keep(this.#arena, stream, at, this.#streamEnd === undefined ? end - at : 0))
      this.#streamEnd = 'noMemory';
    return handedOver;
  }

  /** @returns how many bytes it had */
  #takeSlot(slot: number): number {
    const length = this.#receiver.length(slot);
    const size = this.#receiver.datagramSize(slot);
    const offset = this.#receiver.offset(slot);
    if (this.#receiver.truncated(slot) || length === 0) {
      count(this.#counters, workerSlot.refusedMalformed);
      return length;
    }
    this.#arrival.sender = this.#receiver.sender(slot);
    this.#pathTunnel = undefined;
    for (let at = 0; at < length; at += size) this.#row.enlist(offset + at, Math.min(size, length - at));
    this.#row.open();
    return length;
  }

  tunnel(id: number): TunnelPlane | undefined {
    return this.#listener.tunnel(id);
  }

  /** For `opening-row.ts`. A method, as the call of a closure is compiled for one worker only and given up for the next. */
  takeOpened(tunnel: TunnelPlane, association: InboundAssociation, offset: number, length: number): void {
    const data = this.#arena.data;
    if (tunnel.pending !== undefined && tunnel.pending.whenHeardOn === association.spi) {
      this.#listener.heardOn(tunnel, association.spi);
    }
    const end = offset + length - ESP_TAG_LENGTH;
    const following = data.getUint8(end - 1);
    const start = offset + ESP_PAYLOAD_OFFSET;
    const payload = end - ESP_TRAILER_LENGTH - data.getUint8(end - 2) - start;
    const isReport = following === nextHeader.none;
    if (!isReport || !isSizeProbe(data, start, payload)) this.#book(tunnel, association, length);
    if (!isReport) this.#oweReport(tunnel);
    if (payload < 0) count(tunnel.counters, tunnelSlot.refusedMalformedInner);
    else if (isReport) this.#takeReport(tunnel, association, start, payload, length);
    else if (this.#takeInner(tunnel, association, start, payload, following)) return;
    this.#ordering.nothing(tunnel, association, this.#now);
    this.#waitForOrder(tunnel, association);
  }

  /** Gives up packets that were waited for long enough. @returns when it wants to be called again (µs) */
  service(tunnel: TunnelPlane, now: number): number {
    const due = tunnel.orderDueAt;
    if (now < due) return due;
    this.#ordering.expire(tunnel, now);
    return tunnel.orderDueAt;
  }

  /** The tunnel is about to go. */
  abandon(tunnel: TunnelPlane, now: number): void {
    this.#ordering.abandon(tunnel, now);
  }

  #waitForOrder(tunnel: TunnelPlane, { lane: number }: InboundAssociation): void {
    if (number === NO_LANE) return;
    const lane = tunnel.lanes[number] as Resequencer;
    if (lane.held > 0) this.#listener.dueAt(tunnel, Math.min(lane.dueAt, tunnel.reportAt));
  }

  /** What is refused inside came all the same: its path is in question while nothing reports it. */
  #oweReport(tunnel: TunnelPlane): void {
    if (tunnel.reportAt !== Number.POSITIVE_INFINITY) return;
    tunnel.reportAt = this.#now + REPORT_INTERVAL;
    this.#listener.dueAt(tunnel, tunnel.reportAt);
  }

  /** Books the packet on the path it came over, for our reports. */
  #book(tunnel: TunnelPlane, association: InboundAssociation, length: number): void {
    if (this.#path === undefined || this.#pathTunnel !== tunnel) {
      this.#path = arrivalPath(this.#arena, tunnel, this.#arrival);
      this.#pathTunnel = tunnel;
    }
    const path = this.#path;
    if (path === undefined) return;
    path.receivedPackets++;
    path.receivedBytes += length;
    if (path.receivedSpi !== association.spi || association.sequence > path.receivedNewest) {
      path.receivedSpi = association.spi;
      path.receivedNewest = association.sequence;
      path.receivedAt = this.#now;
    }
    path.path.heard(this.#now);
  }

  /** @returns whether it is a packet for the device */
  #takeInner(
    tunnel: TunnelPlane,
    association: InboundAssociation,
    start: number,
    payload: number,
    following: number,
  ): boolean {
    const data = this.#arena.data;
    if (following === nextHeader.aggfrag) return this.#takeAggfrag(tunnel, association, start, payload);
    const unfinished = following === nextHeader.unfinishedChecksum;
    if (!unfinished && following !== nextHeader.ipv4 && following !== nextHeader.ipv6) {
      count(tunnel.counters, tunnelSlot.refusedUnknownPayload);
      return false;
    }
    const length = packetLength(data, start, start + payload);
    const kindFits = length > 0 && (unfinished || isIpv4(data, start) === (following === nextHeader.ipv4));
    if (!kindFits) {
      count(tunnel.counters, tunnelSlot.refusedMalformedInner);
      return false;
    }
    if (!tunnel.innerSources.allows(data, start)) {
      count(tunnel.counters, tunnelSlot.refusedForeignSource);
      return false;
    }
    if (this.#path !== undefined) this.#path.receivedDataAt = this.#now;
    count(tunnel.counters, tunnelSlot.innerReceivedPackets);
    count(tunnel.counters, tunnelSlot.innerReceivedBytes, length);
    const kind = unfinished ? payloadKind.unfinished : payloadKind.whole;
    this.#ordering.packet(tunnel, association, start, length, kind, this.#now);
    this.#waitForOrder(tunnel, association);
    return true;
  }

  /** What is in it is looked at when it is its turn: a piece means nothing without the one before. */
  #takeAggfrag(
    tunnel: TunnelPlane,
    association: InboundAssociation,
    start: number,
    payload: number,
  ): boolean {
    if (!isAggfrag(this.#arena.data, start, payload)) {
      count(tunnel.counters, tunnelSlot.refusedUnknownPayload);
      return false;
    }
    if (this.#path !== undefined) this.#path.receivedDataAt = this.#now;
    this.#ordering.packet(tunnel, association, start, payload, payloadKind.aggfrag, this.#now);
    this.#waitForOrder(tunnel, association);
    return true;
  }

  #takeReport(
    tunnel: TunnelPlane,
    association: InboundAssociation,
    start: number,
    payload: number,
    length: number,
  ): void {
    const arrival = this.#arrival;
    arrival.spi = association.spi;
    arrival.sequence = association.sequence;
    arrival.length = length;
    this.#listener.reportArrived(tunnel, arrival, start, payload);
    // It may have moved a path.
    this.#pathTunnel = undefined;
  }
}
