/**
 * From the links to the TUN device: receive, open, check, write.
 *
 * Contract: `drain` takes what a socket has, up to a budget. A datagram costs a look-up of its SPI and a look at the replay
 * window before it costs a decryption; nothing of it is used before it proved authentic. Nothing stays in the
 * receive buffers; what came before its turn waits in `ordering`.
 * Allocates nothing per packet.
 * Source: RFC 4303, 3.4; RFC 3948, 2.
 */

import { ROW_CAPACITY, type RowOpener } from '../linux/aead-row.ts';
import type { Arena } from '../linux/arena.ts';
import { DatagramReceiver, RECEIVE_SLOTS } from '../linux/datagram-receiver.ts';
import { errno, errnoValue } from '../linux/ffi.ts';
import { sameSocketAddress } from '../linux/socket-address.ts';
import { receiveStream } from '../linux/stream-socket.ts';
import { isAggfrag } from '../tunnel/aggfrag/format.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import {
  ESP_PAYLOAD_OFFSET,
  ESP_SHORTEST,
  ESP_TAG_LENGTH,
  ESP_TRAILER_LENGTH,
  nextHeader,
} from '../tunnel/esp/format.ts';
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
import { type InboundAssociation, opened, replayed } from './association.ts';
import { count, tunnelSlot, workerSlot } from './counters.ts';
import { Ordering } from './ordering.ts';
import { keep, type PathStream, restore } from './path-stream.ts';
import type { StreamEnd } from './protocol.ts';
import { TunWriter } from './tun-writer.ts';
import type { LinkSocket, PlanePath, TunnelPlane } from './tunnel-plane.ts';
import { payloadKind, UNPACKER_ARENA_BYTES } from './unpacker.ts';

/** Calls per socket before the others get their turn. */
const RECEIVE_BUDGET = 2;

/** What is read of a stream at a time, about what the slots of one call bring by UDP under load. */
const STREAM_READ = 256 * 1024;
/** And the beginning of a frame in front of it. */
const STREAM_ROOM = STREAM_READ + FRAME_LONGEST;
export const INBOUND_ARENA_BYTES = STREAM_ROOM + 4096 + UNPACKER_ARENA_BYTES;

/** Links from which nothing came for so long are silent (µs). */
const QUIET_MICROS = 1_000;

/** A NAT keepalive is one byte 0xff (RFC 3948, 2.3). */
const NAT_KEEPALIVE = 0xff;

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

/** Where a datagram came from. */
export type Arrival = {
  /** The path's own connection, where it was that. */
  stream: PathStream | undefined;
  socket: LinkSocket;
  /** Offset of the sender's socket address in the arena. */
  sender: number;
  spi: number;
  sequence: number;
  length: number;
};

export class Inbound {
  readonly #associations: ReadonlyMap<number, InboundAssociation>;
  readonly #opener: RowOpener;
  readonly #arena: Arena;
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
  /** Association, tunnel and path of the datagram before, as they come in rows. */
  #lastAssociation: InboundAssociation | undefined;
  #lastSpi = 0;
  #lastTunnel: TunnelPlane | undefined;
  #lastPath: PlanePath | undefined;
  /** What is in the opener's row: by place, all of one association. */
  readonly #offsets = new Int32Array(ROW_CAPACITY);
  readonly #lengths = new Int32Array(ROW_CAPACITY);
  #enlisted: InboundAssociation | undefined;
  #now = DOUBLE_ZERO;
  #quietUntil = DOUBLE_ZERO;
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
    this.#associations = associations;
    this.#opener = opener;
    this.#arena = arena;
    this.#receiver = new DatagramReceiver(arena);
    this.#streamBuffer = arena.reserve(STREAM_ROOM, 4096);
    this.#writer = new TunWriter(arena);
    this.#ordering = new Ordering(arena, this.#writer, holdSlots);
    this.#listener = listener;
    this.#counters = counters;
  }

  /** Forgets what it remembered of associations, tunnels and paths; to be called when any of them changes. */
  forget(): void {
    this.#lastAssociation = undefined;
    this.#enlisted = undefined;
    this.#lastTunnel = undefined;
    this.#lastPath = undefined;
  }

  /** @param now µs. @returns the tunnel to whose device a lone packet went, the first after silence */
  drain(socket: LinkSocket, now: number): TunnelPlane | undefined {
    const silent = now >= this.#quietUntil;
    this.#now = now;
    this.#arrival.socket = socket;
    this.#arrival.stream = undefined;
    let handedOver: TunnelPlane | undefined;
    for (let round = 0; round < RECEIVE_BUDGET; round++) {
      const filled = this.#receiver.receive(socket.fd);
      if (filled <= 0) break;
      this.#now = this.#listener.now();
      for (let slot = 0; slot < filled; slot++) this.#takeSlot(slot);
      handedOver = this.#writer.flush();
      this.#ordering.settle();
      this.#receiver.rearm(filled);
      if (filled < RECEIVE_SLOTS) break;
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
    this.#lastPath = undefined;
    for (;;) {
      const length = frameLength(data, at, end);
      if (length === NO_FRAME) this.#streamEnd = 'notUnderstood';
      if (length === NO_FRAME || length === MORE_NEEDED) break;
      if (isEspFrame(data, at)) this.#enlist(at + FRAME_HEADER_LENGTH, length - FRAME_HEADER_LENGTH);
      at += length;
    }
    this.#takeRow();
    const handedOver = this.#writer.flush();
    this.#ordering.settle();
    if (!keep(this.#arena, stream, at, this.#streamEnd === undefined ? end - at : 0))
      this.#streamEnd = 'noMemory';
    return handedOver;
  }

  #takeSlot(slot: number): void {
    const length = this.#receiver.length(slot);
    const size = this.#receiver.datagramSize(slot);
    const offset = this.#receiver.offset(slot);
    if (this.#receiver.truncated(slot) || length === 0) {
      count(this.#counters, workerSlot.refusedMalformed);
      return;
    }
    this.#arrival.sender = this.#receiver.sender(slot);
    this.#lastPath = undefined;
    for (let at = 0; at < length; at += size) this.#enlist(offset + at, Math.min(size, length - at));
    this.#takeRow();
  }

  /** A datagram that may be authentic waits for those that came with it. */
  #enlist(offset: number, length: number): void {
    const data = this.#arena.data;
    if (length < ESP_SHORTEST || (length & 3) !== 0) {
      const keepalive = length === 1 && data.getUint8(offset) === NAT_KEEPALIVE;
      count(this.#counters, keepalive ? workerSlot.natKeepalives : workerSlot.refusedMalformed);
      return;
    }
    const association = this.#associationOf(data.getInt32(offset));
    const tunnel = association === undefined ? undefined : this.#tunnelOf(association.tunnel);
    if (association === undefined || tunnel === undefined) {
      count(this.#counters, workerSlot.refusedUnknownSpi);
      return;
    }
    const opener = this.#opener;
    if (opener.isFull || (opener.count > 0 && association !== this.#enlisted)) this.#takeRow();
    if (!association.enlist(offset, length)) {
      count(tunnel.counters, tunnelSlot.refusedReplayed);
      return;
    }
    const place = opener.count - 1;
    this.#enlisted = association;
    this.#offsets[place] = offset;
    this.#lengths[place] = length;
  }

  /** Opens the datagrams that came together, and takes one after the other. */
  #takeRow(): void {
    const opener = this.#opener;
    const association = this.#enlisted;
    if (opener.count === 0 || association === undefined) return;
    opener.run();
    for (let place = 0; place < opener.count; place++) {
      const tunnel = this.#tunnelOf(association.tunnel);
      if (tunnel === undefined) break;
      const offset = this.#offsets[place] as number;
      const verdict = association.accept(place, offset);
      if (verdict === opened) this.#takeOpened(tunnel, association, offset, this.#lengths[place] as number);
      else if (verdict === replayed) count(tunnel.counters, tunnelSlot.refusedReplayed);
      else count(tunnel.counters, tunnelSlot.refusedNotAuthentic);
    }
    opener.clear();
  }

  #takeOpened(tunnel: TunnelPlane, association: InboundAssociation, offset: number, length: number): void {
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
    let path = this.#lastPath;
    if (path === undefined) {
      path = this.#pathOf(tunnel);
      this.#lastPath = path;
    }
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
    if (this.#lastPath !== undefined) this.#lastPath.receivedDataAt = this.#now;
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
    if (this.#lastPath !== undefined) this.#lastPath.receivedDataAt = this.#now;
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
    this.#lastPath = undefined;
  }

  /** @param spi as a signed number */
  #associationOf(spi: number): InboundAssociation | undefined {
    if (this.#lastAssociation !== undefined && this.#lastSpi === spi) return this.#lastAssociation;
    this.#lastAssociation = this.#associations.get(spi);
    this.#lastSpi = spi;
    return this.#lastAssociation;
  }

  #tunnelOf(id: number): TunnelPlane | undefined {
    if (this.#lastTunnel?.id === id) return this.#lastTunnel;
    this.#lastTunnel = this.#listener.tunnel(id);
    this.#lastPath = undefined;
    return this.#lastTunnel;
  }

  #pathOf(tunnel: TunnelPlane): PlanePath | undefined {
    const data = this.#arena.data;
    const { socket, sender, stream } = this.#arrival;
    if (stream !== undefined) return streamPath(tunnel, stream);
    for (let index = 0; index < tunnel.paths.length; index++) {
      const path = tunnel.paths[index] as PlanePath;
      if (path.socket !== socket || path.nameLength === 0 || path.heardBy !== 'udp') continue;
      if (sameSocketAddress(data, path.name, data, sender)) return path;
    }
    return undefined;
  }
}

/** What comes by the connection of a path on which the peer sends by UDP is not booked: the two would overtake each other. */
function streamPath(tunnel: TunnelPlane, stream: PathStream): PlanePath | undefined {
  if (stream.tunnel !== tunnel.id) return undefined;
  const path = tunnel.pathById(stream.path);
  return path?.heardBy === 'tcp' ? path : undefined;
}
