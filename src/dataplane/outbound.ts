/**
 * From the TUN device to the links: read, cut to packets that the paths take, and give to the burst at hand (burst.ts).
 *
 * Contract: `drain` reads what the device has, up to a budget, and leaves nothing behind in buffers. Allocates nothing per
 * packet.
 */

import type { RowSealer } from '../linux/aead-row.ts';
import type { Arena } from '../linux/arena.ts';
import { BURST_CAPACITY } from '../linux/datagram-sender.ts';
import { errno, errnoValue } from '../linux/ffi.ts';
import { readFd } from '../linux/file-descriptor.ts';
import { blockRoom } from '../tunnel/aggfrag/format.ts';
import { AggfragPayload } from '../tunnel/aggfrag/payload.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import { nextHeader, sealedLength } from '../tunnel/esp/format.ts';
import { LANES, NO_LANE } from '../tunnel/esp/packet-number.ts';
import { isIpv4, isLinkScoped } from '../tunnel/offload/ip-packet.ts';
import { Superpacket } from '../tunnel/offload/superpacket.ts';
import { VIRTIO_HEADER_LENGTH } from '../tunnel/offload/virtio-header.ts';
import { laneOfPacket } from '../tunnel/order/lane.ts';
import type { Carrier } from '../tunnel/path/carrier.ts';
import { NO_CLASS } from '../tunnel/schedule/traffic-classes.ts';
import type { OutboundAssociation } from './association.ts';
import { Burst, type SendListener } from './burst.ts';
import { count, pathSlot, tunnelSlot } from './counters.ts';
import { type PathStream, STREAM_SENDER_BYTES } from './path-stream.ts';
import { SMALL_PACKETS_BYTES, SmallPackets } from './small-packets.ts';
import { Transmitter } from './transmitter.ts';
import { hasUdp, hasWayOut, type PlanePath, type TunnelPlane } from './tunnel-plane.ts';

/** A packet of 64 KiB, its virtio header in front, room for trailers behind; the packet begins aligned. */
const READ_LENGTH = 65_536 + VIRTIO_HEADER_LENGTH;
const PACKET_OFFSET = 64;

/** Reads per tunnel before the others get their turn: at 64 KiB each this is about a millisecond of work. */
const READ_BUDGET = 16;

/**
 * What is left of a read and fills more than half a burst is sent at once, so that the far side works on it while the next is sealed.
 * Less than that goes on with the next read: the kernel gives out 64 KiB at a time, which sealed are a burst and a few packets more,
 * and a call for those alone costs both sides as much as a whole burst.
 */
const LARGE_BURST = 32_768;

/** Packets of our own: reports, and size probes up to the largest MTU of a link. */
export const LONGEST_OWN = 9_216;

/** The longest payload that packets are cut to fit, a frame's, and what sealing uses behind it. */
const PAYLOAD_ROOM = 16_384 + 64;

export const OUTBOUND_ARENA_BYTES =
  PACKET_OFFSET +
  READ_LENGTH +
  64 +
  LONGEST_OWN +
  PAYLOAD_ROOM +
  SMALL_PACKETS_BYTES +
  4096 +
  BURST_CAPACITY * 80 +
  4096 +
  STREAM_SENDER_BYTES;

/** A device from which nothing came for so long is silent (µs); streams leave gaps well below this. */
const QUIET_MICROS = 1_000;

export type SizeProbeFate = 'sent' | 'tooBig' | 'notSent';

export class Outbound {
  readonly #arena: Arena;
  readonly #transmitter: Transmitter;
  readonly #superpacket: Superpacket;
  readonly #burst: Burst;
  readonly #packet: number;
  /** Where packets of our own are sealed: nobody asks for them again. */
  readonly #own: number;
  /** What is laid of packets that are too long. */
  readonly #payload: AggfragPayload;
  /** Small packets that share payloads. */
  readonly #small: SmallPackets;
  /** Of the flow whose packets the read at hand has. */
  #lane = NO_LANE;
  #quietUntil = DOUBLE_ZERO;
  /** Whether the device was silent before the read at hand: nothing else goes with what it brought. */
  #silent = false;

  /** @param sealer that of all associations */
  constructor(arena: Arena, sealer: RowSealer, listener: SendListener, sentBytes: number) {
    this.#arena = arena;
    this.#transmitter = new Transmitter(arena, (path, stream) => listener.streamFull(path, stream));
    this.#packet = arena.reserve(PACKET_OFFSET + READ_LENGTH + 64, 64) + PACKET_OFFSET;
    this.#own = arena.reserve(LONGEST_OWN, 64);
    this.#payload = new AggfragPayload(arena.bytes, arena.data, arena.reserve(PAYLOAD_ROOM, 64));
    this.#small = new SmallPackets(arena);
    this.#burst = new Burst(arena, this.#transmitter, sealer, listener, sentBytes);
    this.#superpacket = new Superpacket(arena.data);
  }

  /** @param now µs. @returns false when the device is gone */
  drain(tunnel: TunnelPlane, now: number): boolean {
    this.#burst.open(tunnel, now);
    const virtio = this.#packet - VIRTIO_HEADER_LENGTH;
    const silent = now >= this.#quietUntil;
    this.#silent = silent;
    let reads = 0;
    let there = true;
    if (tunnel.sent.wanted > 0) this.#burst.repair(tunnel, now);
    while (reads < READ_BUDGET) {
      // After silence there is room, unless nothing was read because there was none.
      if (!silent || tunnel.held) tunnel.heldUntil = tunnel.scheduler.roomAt(tunnel.paths, now);
      if (tunnel.heldUntil > now) break;
      const length = readFd(tunnel.tunFd, this.#arena.address + virtio, READ_LENGTH);
      if (length < 0) there = errno() === errnoValue.EAGAIN;
      if (length <= VIRTIO_HEADER_LENGTH) break;
      reads++;
      this.#forward(tunnel, virtio, this.#packet + length - VIRTIO_HEADER_LENGTH);
      if (this.#burst.bytes >= LARGE_BURST) this.#burst.send();
      // The first packet after silence is somebody's question or answer: it goes out before we ask for another.
      if (silent) break;
    }
    if (reads > 0) this.#quietUntil = now + QUIET_MICROS;
    this.#closeAllSmall(tunnel);
    this.#burst.send();
    count(tunnel.counters, tunnelSlot.tunReads, reads);
    return there;
  }

  /** Seals and sends one packet of our own over a given path. @returns its sequence number; 0 when it was not sent */
  sendOwn(tunnel: TunnelPlane, path: PlanePath, input: number, length: number, now: number): number {
    const association = tunnel.outbound;
    if (association === undefined || !hasWayOut(path)) return 0;
    const sealed = association.seal(input, length, nextHeader.none, NO_LANE, this.#own);
    if (sealed === 0) return 0;
    if (!this.#transmitter.send(path, this.#own, sealed, sealed)) {
      this.#burst.sendFailed(tunnel, path, 1);
      return 0;
    }
    path.delivery.sent(association.spi, association.sequence, 1, sealed, now);
    return association.sequence;
  }

  /** Seals and sends one packet of our own by a carrier that need not be the path's. @returns whether it was sent */
  sendTrial(tunnel: TunnelPlane, path: PlanePath, carrier: Carrier, input: number, length: number): boolean {
    const { outbound: association } = tunnel;
    const { stream } = path;
    const there = carrier === 'tcp' ? stream?.mayWrite === true : hasUdp(path);
    if (association === undefined || !there) return false;
    const sealed = association.seal(input, length, nextHeader.none, NO_LANE, this.#own);
    if (sealed === 0) return false;
    if (carrier === 'udp') return this.#transmitter.sendDatagrams(path, this.#own, sealed, sealed);
    return this.#transmitter.sendFrames(path, stream as PathStream, this.#own, sealed, sealed);
  }

  /** Seals and sends a packet of our own that the path may or may not take, of which nothing is booked. */
  sendSizeProbe(tunnel: TunnelPlane, path: PlanePath, input: number, length: number): SizeProbeFate {
    if (this.sendTrial(tunnel, path, 'udp', input, length)) {
      count(path.counters, pathSlot.sentPackets);
      return 'sent';
    }
    return this.#transmitter.error === errnoValue.EMSGSIZE ? 'tooBig' : 'notSent';
  }

  /** Goes on with what waits for a stream. @returns false when its connection has failed */
  flush(stream: PathStream): boolean {
    return this.#transmitter.flush(stream);
  }

  #forward(tunnel: TunnelPlane, virtio: number, end: number): void {
    const association = tunnel.outbound;
    if (association === undefined) {
      count(tunnel.counters, tunnelSlot.droppedNoKeys);
      return;
    }
    const superpacket = this.#superpacket;
    if (!superpacket.load(virtio, this.#packet, end, association.finishChecksums)) {
      count(tunnel.counters, tunnelSlot.droppedNotIp);
      return;
    }
    if (isLinkScoped(this.#arena.data, this.#packet)) {
      count(tunnel.counters, tunnelSlot.droppedLinkScoped);
      return;
    }
    this.#lane = laneOfPacket(this.#arena.data, this.#packet);
    this.#burst.turnTo(
      tunnel.classes.count === 0 ? NO_CLASS : tunnel.classes.classOf(this.#arena.data, this.#packet),
    );
    const { sizeLimit } = tunnel;
    if (sealedLength(superpacket.longest) > sizeLimit) this.#lay(tunnel, association, sizeLimit);
    else if (
      association.aggfrag &&
      !this.#silent &&
      superpacket.count === 1 &&
      this.#small.fits(superpacket.longest, sizeLimit)
    )
      this.#gather(tunnel, association);
    else this.#sealEach(tunnel, association);
    count(tunnel.counters, tunnelSlot.innerSentPackets, superpacket.count);
    count(tunnel.counters, tunnelSlot.innerSentBytes, end - this.#packet);
  }

  #sealEach(tunnel: TunnelPlane, association: OutboundAssociation): void {
    const superpacket = this.#superpacket;
    this.#closeSmall(tunnel, association, this.#lane);
    if (superpacket.headersApart) {
      this.#sealRow(association);
      return;
    }
    for (let index = 0; index < superpacket.count; index++) {
      superpacket.segment(index);
      this.#burst.cut();
      const { offset, length } = superpacket;
      const unfinished = superpacket.unfinished;
      this.#burst.seal(association, offset, length, this.#kindOf(offset, unfinished), this.#lane);
    }
  }

  /** As many as go into a burst are sealed together. */
  #sealRow(association: OutboundAssociation): void {
    const superpacket = this.#superpacket;
    const burst = this.#burst;
    const { headerLength } = superpacket;
    for (let index = 0; index < superpacket.count; index++) {
      superpacket.locate(index);
      burst.cut();
      const { offset, length } = superpacket;
      const following = nextHeader.unfinishedChecksum;
      const header = burst.enlist(association, headerLength, offset, length, following, this.#lane);
      if (header > 0) superpacket.writeHeader(index, header);
    }
    burst.settle();
  }

  /** What is too long is laid into payloads of the size that every path takes, one packet right behind the other. */
  #lay(tunnel: TunnelPlane, association: OutboundAssociation, sizeLimit: number): void {
    const superpacket = this.#superpacket;
    const payload = this.#payload;
    const room = blockRoom(sizeLimit);
    this.#closeSmall(tunnel, association, this.#lane);
    superpacket.finish();
    payload.begin(0, room);
    for (let index = 0; index < superpacket.count; index++) {
      superpacket.segment(index);
      if (payload.room === 0) {
        this.#sealPayload(tunnel, association);
        payload.begin(0, room);
      }
      const { offset, length } = superpacket;
      for (let laid = payload.lay(offset, length); laid < length; ) {
        this.#sealPayload(tunnel, association);
        payload.begin(length - laid, room);
        laid += payload.lay(offset + laid, length - laid);
      }
    }
    if (payload.packets > 0) this.#sealPayload(tunnel, association);
    count(tunnel.counters, tunnelSlot.innerSentInPieces, superpacket.count);
  }

  #sealPayload(tunnel: TunnelPlane, association: OutboundAssociation): void {
    const { at, length } = this.#payload;
    this.#burst.cut();
    count(tunnel.counters, tunnelSlot.aggregatesSent);
    this.#burst.seal(association, at, length, nextHeader.aggfrag, this.#lane);
  }

  /** A small packet shares a payload with the next one of its lane, if there is one. */
  #gather(tunnel: TunnelPlane, association: OutboundAssociation): void {
    const small = this.#small;
    const superpacket = this.#superpacket;
    superpacket.segment(0);
    const { offset, length } = superpacket;
    if (!small.hasRoom(this.#lane, length, this.#burst.trafficClass))
      this.#closeSmall(tunnel, association, this.#lane);
    if (small.packets(this.#lane) > 0) superpacket.finish();
    small.add(this.#lane, offset, length, superpacket.unfinished, this.#burst.trafficClass, tunnel.sizeLimit);
  }

  #closeSmall(tunnel: TunnelPlane, association: OutboundAssociation, lane: number): void {
    const small = this.#small;
    if (small.packets(lane) === 0) return;
    const current = this.#burst.trafficClass;
    this.#burst.turnTo(small.classOf(lane));
    small.take(lane);
    const { offset, length, unfinished, several } = small;
    this.#burst.cut();
    if (several) count(tunnel.counters, tunnelSlot.aggregatesSent);
    const following = several ? nextHeader.aggfrag : this.#kindOf(offset, unfinished);
    this.#burst.seal(association, offset, length, following, lane);
    this.#burst.turnTo(current);
  }

  #closeAllSmall(tunnel: TunnelPlane): void {
    const association = tunnel.outbound;
    if (association === undefined) return;
    for (let lane = 1; lane < LANES && this.#small.lanes > 0; lane++)
      this.#closeSmall(tunnel, association, lane);
  }

  #kindOf(offset: number, unfinished: boolean): number {
    if (unfinished) return nextHeader.unfinishedChecksum;
    return isIpv4(this.#arena.data, offset) ? nextHeader.ipv4 : nextHeader.ipv6;
  }
}
