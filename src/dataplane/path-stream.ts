/**
 * A path's own TCP connection in the packet worker: ESP packets out, each behind a frame header, and in.
 *
 * Contract: `send` takes a burst as a datagram socket would, whole or not at all. What the kernel does not take at once waits in
 * a bounded memory; while anything waits the stream is blocked, and `flush` goes on when there is room. `keep` and
 * `restore` hold the beginning of a frame whose end has not come. Allocates nothing per packet.
 * Source: S4.7, docs/decisions/0016.
 */
import type { Arena } from '../linux/arena.ts';
import { BURST_CAPACITY } from '../linux/datagram-sender.ts';
import { errno, errnoValue } from '../linux/ffi.ts';
import { sendStream, sendStreamVectors } from '../linux/stream-socket.ts';
import { FRAME_HEADER_LENGTH, FRAME_LONGEST, writeFrameHeader } from '../tunnel/esp/stream-frame.ts';

/**
 * What may wait: the rest of a burst, the bursts that a read at hand still brings, and reports. A reader that is slower is
 * waited for (`blocked`); what does not fit is dropped like a datagram.
 */
const BACKLOG_BYTES = 160 * 1024;
const KEPT_BYTES = FRAME_LONGEST;
const STREAM_BYTES = BACKLOG_BYTES + KEPT_BYTES;
/** So many streams may have something waiting, or half a frame, at the same moment. */
const STREAM_SLOTS = 64;
/** Memory that is not used costs nothing, but what lies below 2 GiB is little. */
export const STREAM_ARENA_BYTES = STREAM_SLOTS * (STREAM_BYTES + 64);
export const STREAM_SENDER_BYTES = BURST_CAPACITY * (32 + FRAME_HEADER_LENGTH) + 128;

export type PathStream = {
  readonly id: number;
  readonly fd: number;
  readonly tunnel: number;
  readonly path: number;
  readonly memory: StreamMemory;
  /** Offset of its memory in the arena while it has some; -1 when it needs none. */
  slot: number;
  /** What waits lies between these, from the beginning of the backlog. */
  waitsFrom: number;
  waitsTo: number;
  keptLength: number;
  /** The id of the frame sent last. */
  frames: number;
  /** The side that answers says nothing before it was spoken to. */
  mayWrite: boolean;
  /** Whether the worker waits for room. */
  armed: boolean;
};

export class StreamSender {
  /** errno of the last send that failed. */
  error = 0;

  readonly #arena: Arena;
  readonly #message: number;
  readonly #vectors: number;
  readonly #headers: number;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#message = arena.reserve(56);
    this.#vectors = arena.reserve(2 * BURST_CAPACITY * 16);
    this.#headers = arena.reserve(BURST_CAPACITY * FRAME_HEADER_LENGTH);
    arena.setPointer(this.#message + 16, arena.address + this.#vectors);
    for (let index = 0; index < BURST_CAPACITY; index++) {
      const vector = this.#vectors + 32 * index;
      arena.setPointer(vector, arena.address + this.#headers + index * FRAME_HEADER_LENGTH);
      arena.setSize(vector + 8, FRAME_HEADER_LENGTH);
    }
  }

  /** @param size of each packet but the last. @returns whether the burst is on its way; else `error` says why not */
  send(stream: PathStream, offset: number, length: number, size: number): boolean {
    const packets = Math.ceil(length / size);
    const whole = length + packets * FRAME_HEADER_LENGTH;
    if (!stream.memory.claim(stream)) {
      this.error = errnoValue.EAGAIN;
      return false;
    }
    if (isBlocked(stream)) return this.#queue(stream, offset, length, size, whole, 0);
    this.#prepare(stream, offset, length, size, packets);
    let sent = sendStreamVectors(stream.fd, this.#arena.address + this.#message);
    if (sent < 0) {
      this.error = errno();
      if (this.error !== errnoValue.EAGAIN) return false;
      sent = 0;
    }
    if (sent < whole) return this.#queue(stream, offset, length, size, whole, sent);
    stream.frames += packets;
    stream.memory.settle(stream);
    return true;
  }

  /** Goes on with what waits. @returns false when the connection has failed */
  flush(stream: PathStream): boolean {
    while (isBlocked(stream)) {
      const at = this.#arena.address + stream.slot + stream.waitsFrom;
      const sent = sendStream(stream.fd, at, stream.waitsTo - stream.waitsFrom);
      if (sent < 0) {
        this.error = errno();
        return this.error === errnoValue.EAGAIN;
      }
      stream.waitsFrom += sent;
    }
    stream.waitsFrom = 0;
    stream.waitsTo = 0;
    stream.memory.settle(stream);
    return true;
  }

  #prepare(stream: PathStream, offset: number, length: number, size: number, packets: number): void {
    const arena = this.#arena;
    for (let index = 0; index < packets; index++) {
      const at = index * size;
      const packet = Math.min(size, length - at);
      const id = (stream.frames + index + 1) >>> 0;
      writeFrameHeader(arena.data, this.#headers + index * FRAME_HEADER_LENGTH, id, packet);
      const vector = this.#vectors + 32 * index + 16;
      arena.setPointer(vector, arena.address + offset + at);
      arena.setSize(vector + 8, packet);
    }
    arena.setSize(this.#message + 24, 2 * packets);
  }

  /** Copies the frames of a burst behind what waits, but for their first `sent` bytes, which have left. */
  #queue(
    stream: PathStream,
    offset: number,
    length: number,
    size: number,
    whole: number,
    sent: number,
  ): boolean {
    const { bytes, data } = this.#arena;
    this.#makeRoom(stream);
    if (stream.waitsTo + whole > BACKLOG_BYTES) {
      this.error = errnoValue.EAGAIN;
      return false;
    }
    let to = stream.slot + stream.waitsTo;
    for (let at = 0; at < length; at += size) {
      const packet = Math.min(size, length - at);
      stream.frames++;
      writeFrameHeader(data, to, stream.frames >>> 0, packet);
      bytes.copyWithin(to + FRAME_HEADER_LENGTH, offset + at, offset + at + packet);
      to += FRAME_HEADER_LENGTH + packet;
    }
    stream.waitsFrom += sent;
    stream.waitsTo += whole;
    return true;
  }

  #makeRoom(stream: PathStream): void {
    const { slot, waitsFrom, waitsTo } = stream;
    if (waitsFrom === 0) return;
    this.#arena.bytes.copyWithin(slot, slot + waitsFrom, slot + waitsTo);
    stream.waitsFrom = 0;
    stream.waitsTo = waitsTo - waitsFrom;
  }
}

/** Whether something waits for the kernel to have room. */
export function isBlocked(stream: PathStream): boolean {
  return stream.waitsTo > stream.waitsFrom;
}

/** Puts the beginning of a frame aside. @returns false when there is no memory for it */
export function keep(arena: Arena, stream: PathStream, from: number, length: number): boolean {
  if (length > 0 && !stream.memory.claim(stream)) return false;
  if (length > 0) arena.bytes.copyWithin(stream.slot + BACKLOG_BYTES, from, from + length);
  stream.keptLength = length;
  stream.memory.settle(stream);
  return true;
}

/** @returns how many bytes it put to `to` */
export function restore(arena: Arena, stream: PathStream, to: number): number {
  const { slot, keptLength } = stream;
  if (keptLength === 0) return 0;
  arena.bytes.copyWithin(to, slot + BACKLOG_BYTES, slot + BACKLOG_BYTES + keptLength);
  return keptLength;
}

/** Memory for what waits and for half frames, lent to the streams that need it. */
export class StreamMemory {
  readonly #arena: Arena;
  readonly #free: number[] = [];
  #taken = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** @param mayWrite whether this side speaks first */
  open(id: number, fd: number, tunnel: number, path: number, mayWrite: boolean): PathStream {
    const nothing = { slot: -1, waitsFrom: 0, waitsTo: 0, keptLength: 0, frames: 0, armed: false };
    return { id, fd, tunnel, path, memory: this, mayWrite, ...nothing };
  }

  /** @returns whether the stream has memory now */
  claim(stream: PathStream): boolean {
    if (stream.slot >= 0) return true;
    stream.slot = this.#free.pop() ?? this.#reserve();
    return stream.slot >= 0;
  }

  /** Takes back what is not needed. */
  settle(stream: PathStream): void {
    if (stream.keptLength === 0 && !isBlocked(stream)) this.giveUp(stream);
  }

  giveUp(stream: PathStream): void {
    if (stream.slot >= 0) this.#free.push(stream.slot);
    stream.slot = -1;
    stream.keptLength = 0;
    stream.waitsFrom = 0;
    stream.waitsTo = 0;
  }

  #reserve(): number {
    if (this.#taken === STREAM_SLOTS) return -1;
    this.#taken++;
    return this.#arena.reserve(STREAM_BYTES, 64);
  }
}
