/**
 * Receives many datagrams in one system call, merged ones included.
 *
 * Contract: `receive(fd)` fills up to `capacity` slots; slot i then has `length(i)` bytes at `offset(i)`, which are
 * datagrams of `datagramSize(i)` bytes each (the last may be shorter) from the address at `sender(i)`. A slot is valid
 * until the next call. Allocates nothing.
 * Source: recvmmsg(2), udp(7) (UDP_GRO).
 */
import type { Arena } from './arena.ts';
import { bind } from './ffi.ts';
import { SOCKET_ADDRESS_LENGTH } from './socket-address.ts';

const recvmmsg = bind<
  (fd: number, messages: number, count: number, flags: number, timeout: number) => number
>('int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)');

const MSG_DONTWAIT = 0x40;
const MESSAGE_SIZE = 64;
const NAME_LENGTH = 8;
const CONTROL_LENGTH = 40;
const FLAGS = 48;
const RECEIVED_LENGTH = 56;
const CONTROL_ROOM = 64;
/** Behind cmsghdr {length u64, level i32, type i32}. */
const CONTROL_DATA = 16;
const SOL_UDP = 17;
const UDP_GRO = 104;
const MSG_TRUNC = 0x20;

/** The longest a merged datagram gets, and a little. */
const SLOT_LENGTH = 65_536;
/**
 * Under load a slot holds 64 KiB, so few fill a wake-up; under a stream of small foreign datagrams more of them make
 * the system call cheaper per datagram.
 */
export const RECEIVE_SLOTS = 32;
/** Free room before each slot, so that headers and vectors can be kept aligned. */
const SLOT_STRIDE = SLOT_LENGTH + 64;

export const RECEIVER_ARENA_BYTES =
  RECEIVE_SLOTS * (SLOT_STRIDE + MESSAGE_SIZE + 16 + CONTROL_ROOM + SOCKET_ADDRESS_LENGTH + 12) + 4096;

export class DatagramReceiver {
  readonly #arena: Arena;
  readonly #messages: number;
  readonly #slots: number;
  readonly #controls: number;
  readonly #names: number;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#messages = arena.reserve(RECEIVE_SLOTS * MESSAGE_SIZE);
    const vectors = arena.reserve(RECEIVE_SLOTS * 16);
    this.#controls = arena.reserve(RECEIVE_SLOTS * CONTROL_ROOM);
    this.#names = arena.reserve(RECEIVE_SLOTS * 32);
    this.#slots = arena.reserve(RECEIVE_SLOTS * SLOT_STRIDE, 4096);
    for (let slot = 0; slot < RECEIVE_SLOTS; slot++) {
      const message = this.#messages + slot * MESSAGE_SIZE;
      const vector = vectors + slot * 16;
      arena.setPointer(vector, arena.address + this.offset(slot));
      arena.setSize(vector + 8, SLOT_LENGTH);
      arena.setPointer(message, arena.address + this.sender(slot));
      arena.setPointer(message + 16, arena.address + vector);
      arena.setSize(message + 24, 1);
      arena.setPointer(message + 32, arena.address + this.#controls + slot * CONTROL_ROOM);
      this.#rearm(slot);
    }
  }

  /** @param most 1 to `RECEIVE_SLOTS`. @returns how many slots were filled; 0 when nothing waits; -1 with errno set after another error */
  receive(fd: number, most = RECEIVE_SLOTS): number {
    return recvmmsg(fd, this.#arena.address + this.#messages, most, MSG_DONTWAIT, 0);
  }

  /** Makes the first `count` slots ready for the next call; the kernel overwrote their lengths. */
  rearm(count: number): void {
    for (let slot = 0; slot < count; slot++) this.#rearm(slot);
  }

  offset(slot: number): number {
    return this.#slots + slot * SLOT_STRIDE;
  }

  length(slot: number): number {
    return this.#arena.data.getUint32(this.#messages + slot * MESSAGE_SIZE + RECEIVED_LENGTH, true);
  }

  /** Whether the kernel cut the datagram off. */
  truncated(slot: number): boolean {
    return (this.#arena.data.getUint32(this.#messages + slot * MESSAGE_SIZE + FLAGS, true) & MSG_TRUNC) !== 0;
  }

  /** The size of each merged datagram; the whole length when nothing was merged. */
  datagramSize(slot: number): number {
    const data = this.#arena.data;
    const message = this.#messages + slot * MESSAGE_SIZE;
    const control = this.#controls + slot * CONTROL_ROOM;
    const merged =
      data.getUint32(message + CONTROL_LENGTH, true) > CONTROL_DATA &&
      data.getInt32(control + 8, true) === SOL_UDP &&
      data.getInt32(control + 12, true) === UDP_GRO;
    const size = merged ? data.getInt32(control + CONTROL_DATA, true) : 0;
    return size > 0 ? size : this.length(slot);
  }

  /** Offset of the sender's socket address. */
  sender(slot: number): number {
    return this.#names + slot * 32;
  }

  #rearm(slot: number): void {
    const message = this.#messages + slot * MESSAGE_SIZE;
    this.#arena.data.setUint32(message + NAME_LENGTH, SOCKET_ADDRESS_LENGTH, true);
    this.#arena.setSize(message + CONTROL_LENGTH, CONTROL_ROOM);
    this.#arena.data.setUint32(message + FLAGS, 0, true);
  }
}
