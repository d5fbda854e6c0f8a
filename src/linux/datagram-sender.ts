/**
 * Sends a burst of equal datagrams in one system call.
 *
 * Contract: the datagrams lie one behind the other; all have the same size but the last, which may be shorter. With
 * `segmented` the kernel takes them apart (UDP_SEGMENT); without, each is a message of its own in one sendmmsg.
 * Allocates nothing.
 * Source: udp(7) (UDP_SEGMENT), sendmsg(2), sendmmsg(2).
 */
import type { Arena } from './arena.ts';
import { bind, errno } from './ffi.ts';

const sendmsg = bind<(fd: number, message: number, flags: number) => number>(
  'int64_t sendmsg(int fd, uintptr_t message, int flags)',
);
const sendmmsg = bind<(fd: number, messages: number, count: number, flags: number) => number>(
  'int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)',
);

const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const MESSAGE_SIZE = 64;
const CONTROL_ROOM = 24;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/** UDP_MAX_SEGMENTS of kernels before 6.7. */
export const BURST_CAPACITY = 64;
/** A datagram's payload over IPv4 at most, with some room; the burst is one datagram until it is taken apart. */
export const BURST_BYTES = 65_000;

export class DatagramSender {
  /** errno of the last send that failed. */
  error = 0;

  readonly #arena: Arena;
  readonly #messages: number;
  readonly #vectors: number;
  readonly #control: number;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#messages = arena.reserve(BURST_CAPACITY * MESSAGE_SIZE);
    this.#vectors = arena.reserve(BURST_CAPACITY * 16);
    this.#control = arena.reserve(CONTROL_ROOM);
    arena.setSize(this.#control, 18);
    arena.data.setInt32(this.#control + 8, SOL_UDP, true);
    arena.data.setInt32(this.#control + 12, UDP_SEGMENT, true);
    for (let index = 0; index < BURST_CAPACITY; index++) {
      const message = this.#messages + index * MESSAGE_SIZE;
      arena.setPointer(message + 16, arena.address + this.#vectors + index * 16);
      arena.setSize(message + 24, 1);
    }
  }

  /**
   * @param name offset of the destination's socket address; @param offset where the datagrams begin
   * @returns whether the kernel took all of them; else `error` says why not
   */
  send(
    fd: number,
    name: number,
    nameLength: number,
    offset: number,
    length: number,
    datagramSize: number,
    segmented: boolean,
  ): boolean {
    if (length <= datagramSize || segmented)
      return this.#sendOne(fd, name, nameLength, offset, length, datagramSize);
    return this.#sendMany(fd, name, nameLength, offset, length, datagramSize);
  }

  #sendOne(
    fd: number,
    name: number,
    nameLength: number,
    offset: number,
    length: number,
    datagramSize: number,
  ): boolean {
    const arena = this.#arena;
    this.#address(0, name, nameLength, offset, length);
    if (length > datagramSize) {
      arena.data.setUint16(this.#control + 16, datagramSize, true);
      arena.setPointer(this.#messages + 32, arena.address + this.#control);
      arena.setSize(this.#messages + 40, CONTROL_ROOM);
    }
    if (sendmsg(fd, arena.address + this.#messages, MSG_DONTWAIT_NOSIGNAL) >= 0) return true;
    this.error = errno();
    return false;
  }

  #sendMany(
    fd: number,
    name: number,
    nameLength: number,
    offset: number,
    length: number,
    datagramSize: number,
  ): boolean {
    let count = 0;
    for (let at = 0; at < length; at += datagramSize) {
      this.#address(count++, name, nameLength, offset + at, Math.min(datagramSize, length - at));
    }
    const messages = this.#arena.address + this.#messages;
    for (let sent = 0; sent < count; ) {
      const taken = sendmmsg(fd, messages + sent * MESSAGE_SIZE, count - sent, MSG_DONTWAIT_NOSIGNAL);
      if (taken <= 0) {
        this.error = errno();
        return false;
      }
      sent += taken;
    }
    return true;
  }

  #address(index: number, name: number, nameLength: number, offset: number, length: number): void {
    const arena = this.#arena;
    const message = this.#messages + index * MESSAGE_SIZE;
    const vector = this.#vectors + index * 16;
    arena.setPointer(message, arena.address + name);
    arena.data.setUint32(message + 8, nameLength, true);
    arena.setPointer(message + 32, 0);
    arena.setSize(message + 40, 0);
    arena.setPointer(vector, arena.address + offset);
    arena.setSize(vector + 8, length);
  }
}
