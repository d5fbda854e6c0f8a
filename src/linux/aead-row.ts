/**
 * AES-256-GCM for rows of packets: all of libcrypto's calls for a row are made in one crossing of FFI.
 *
 * Contract: one opener and one sealer serve all keys of a thread. `add` gives a packet the next place in the row and says
 * where its nonce and associated data are to be written, one behind the other; they hold already what is the same for all
 * packets of the key. `run` works through the row in the order of `add`. Packets, blocks and keys' blocks are offsets in the
 * arena. Allocates nothing per packet.
 *
 * Source: as `aead.ts`. Why rows: docs/decisions/0009.
 */
import {
  AEAD_BLOCK_LENGTH,
  ASSOCIATED_DATA_LENGTH,
  aeadFunctions,
  EVP_CTRL_AEAD_GET_TAG,
  EVP_CTRL_AEAD_SET_TAG,
  NONCE_LENGTH,
  type PacketKey,
  SUCCESS,
  TAG_LENGTH,
} from './aead.ts';
import type { Arena } from './arena.ts';
import { CallList } from './call-list.ts';
import { symbolAddress } from './ffi.ts';

/** Packets in a row: as many as the kernel merges into one datagram, or takes apart. */
export const ROW_CAPACITY = 64;

/** Where in a call the context is, and what changes from packet to packet; see the manual pages of the functions. */
const CONTEXT = 0;
const UPDATE_OUT = 1;
const UPDATE_INPUT = 3;
const UPDATE_LENGTH = 4;
const CONTROL_DATA = 3;
const FINAL_OUT = 1;
const COPY_TO = 0;
const COPY_FROM = 1;
const COPY_LENGTH = 2;

/** Calls per packet to be opened, in their order: nonce, associated data, data, tag, end. */
const OPEN_CALLS = 5;
const OPEN = { update: 2, tag: 3, final: 4 } as const;
const OPEN_STRIDE = 32;

export class RowOpener {
  /** Packets in the row. */
  count = 0;

  readonly #arena: Arena;
  readonly #calls: CallList;
  readonly #blocks: number;
  /** By place, the serial number of the key that it is set up for. */
  readonly #keys = new Int32Array(ROW_CAPACITY);
  readonly #refused = new Uint8Array(ROW_CAPACITY);

  constructor(arena: Arena) {
    const { decryptInit, decryptUpdate, control, decryptFinal, lengthAddress } = aeadFunctions();
    const calls = new CallList(arena, ROW_CAPACITY * OPEN_CALLS);
    this.#arena = arena;
    this.#calls = calls;
    this.#blocks = arena.reserve(ROW_CAPACITY * OPEN_STRIDE, 64);
    for (let place = 0; place < ROW_CAPACITY; place++) {
      const nonce = arena.address + this.block(place);
      calls.add(decryptInit, SUCCESS, 0, 0, 0, 0, nonce);
      calls.add(decryptUpdate, SUCCESS, 0, 0, lengthAddress, nonce + NONCE_LENGTH, ASSOCIATED_DATA_LENGTH);
      calls.add(decryptUpdate, SUCCESS, 0, 0, lengthAddress);
      calls.add(control, SUCCESS, 0, EVP_CTRL_AEAD_SET_TAG, TAG_LENGTH);
      calls.add(decryptFinal, SUCCESS, 0, 0, lengthAddress);
    }
  }

  get isFull(): boolean {
    return this.count === ROW_CAPACITY;
  }

  /**
   * @param data where `length` bytes lie that are decrypted in place; the tag lies behind them
   * @returns where nonce and associated data are to be written
   */
  add(key: PacketKey, data: number, length: number): number {
    const place = this.count++;
    if (this.#keys[place] !== key.serial) this.#setUp(place, key);
    const calls = this.#calls;
    const first = place * OPEN_CALLS;
    const address = this.#arena.address + data;
    calls.set(first + OPEN.update, UPDATE_OUT, address);
    calls.set(first + OPEN.update, UPDATE_INPUT, address);
    calls.set(first + OPEN.update, UPDATE_LENGTH, length);
    calls.set(first + OPEN.tag, CONTROL_DATA, address + length);
    calls.set(first + OPEN.final, FINAL_OUT, address + length);
    this.#refused[place] = 0;
    return this.block(place);
  }

  run(): void {
    const calls = this.#calls;
    const end = this.count * OPEN_CALLS;
    for (let at = calls.run(0, end); at < end; at = calls.run(at, end)) {
      const place = (at / OPEN_CALLS) | 0;
      this.#refused[place] = 1;
      at = (place + 1) * OPEN_CALLS;
    }
  }

  /** Of the last run. The bytes of a packet that is not are garbage and must not be used. */
  isAuthentic(place: number): boolean {
    return this.#refused[place] === 0;
  }

  clear(): void {
    this.count = 0;
  }

  /** Where the nonce and the associated data of a packet in the row are. */
  block(place: number): number {
    return this.#blocks + place * OPEN_STRIDE;
  }

  #setUp(place: number, key: PacketKey): void {
    const first = place * OPEN_CALLS;
    for (let call = first; call < first + OPEN_CALLS; call++)
      this.#calls.setPointer(call, CONTEXT, key.context);
    this.#arena.bytes.copyWithin(this.block(place), key.block, key.block + AEAD_BLOCK_LENGTH);
    this.#keys[place] = key.serial;
  }
}

/**
 * Calls per packet to be sealed: its header to its place, what lies behind it kept and the trailer put there, nonce, associated data,
 * data, end, tag, and what lay behind it put back.
 */
const SEAL_CALLS = 9;
const SEAL = {
  header: 0,
  keep: 1,
  trailer: 2,
  init: 3,
  associate: 4,
  update: 5,
  final: 6,
  tag: 7,
  restore: 8,
} as const;

/** What a packet in the sealer's row has: nonce and associated data, trailer, what its trailer covers, its header. */
const TRAILER = 24;
export const LONGEST_TRAILER = 8;
const KEPT = TRAILER + LONGEST_TRAILER;
const HEADER = 64;
/** IP and TCP with all options. */
export const LONGEST_HEADER = 128;
const SEAL_STRIDE = HEADER + LONGEST_HEADER;

/** What memmove returns is no result: the lower half of an address below 2 GiB. */
const ANY = 0;

/**
 * Seals packets that lie one behind the other without room between them: each header is put over the end of the packet before, and each
 * trailer over the beginning of the one behind, when it is their turn.
 */
export class RowSealer {
  /** Packets in the row. */
  count = 0;

  readonly #arena: Arena;
  readonly #calls: CallList;
  readonly #blocks: number;
  /** By place, the serial number of the key that it is set up for. */
  readonly #keys = new Int32Array(ROW_CAPACITY);

  constructor(arena: Arena) {
    const { encryptInit, encryptUpdate, encryptFinal, control, lengthAddress } = aeadFunctions();
    const copy = symbolAddress('memmove');
    const calls = new CallList(arena, ROW_CAPACITY * SEAL_CALLS);
    this.#arena = arena;
    this.#calls = calls;
    this.#blocks = arena.reserve(ROW_CAPACITY * SEAL_STRIDE, 64);
    for (let place = 0; place < ROW_CAPACITY; place++) {
      const nonce = arena.address + this.#block(place);
      calls.add(copy, ANY, 0, nonce + HEADER);
      calls.add(copy, ANY, nonce + KEPT, 0, LONGEST_TRAILER);
      calls.add(copy, ANY, 0, nonce + TRAILER);
      calls.add(encryptInit, SUCCESS, 0, 0, 0, 0, nonce);
      calls.add(encryptUpdate, SUCCESS, 0, 0, lengthAddress, nonce + NONCE_LENGTH, ASSOCIATED_DATA_LENGTH);
      calls.add(encryptUpdate, SUCCESS, 0, 0, lengthAddress);
      calls.add(encryptFinal, SUCCESS, 0, 0, lengthAddress);
      calls.add(control, SUCCESS, 0, EVP_CTRL_AEAD_GET_TAG, TAG_LENGTH);
      calls.add(copy, ANY, 0, nonce + KEPT, LONGEST_TRAILER);
    }
  }

  /**
   * @param at where the packet lies, its header to be; `length` bytes in all. @param trailerLength of what is sealed behind it
   * @param out where to: as many bytes, and the tag behind them. @returns where nonce and associated data are to be written
   */
  add(
    key: PacketKey,
    headerLength: number,
    at: number,
    length: number,
    trailerLength: number,
    out: number,
  ): number {
    const place = this.count++;
    if (this.#keys[place] !== key.serial) this.#setUp(place, key);
    const calls = this.#calls;
    const first = place * SEAL_CALLS;
    const origin = this.#arena.address;
    const behind = origin + at + length;
    const plain = length + trailerLength;
    const tag = origin + out + plain;
    calls.set(first + SEAL.header, COPY_TO, origin + at);
    calls.set(first + SEAL.header, COPY_LENGTH, headerLength);
    calls.set(first + SEAL.keep, COPY_FROM, behind);
    calls.set(first + SEAL.trailer, COPY_TO, behind);
    calls.set(first + SEAL.trailer, COPY_LENGTH, trailerLength);
    calls.set(first + SEAL.update, UPDATE_OUT, origin + out);
    calls.set(first + SEAL.update, UPDATE_INPUT, origin + at);
    calls.set(first + SEAL.update, UPDATE_LENGTH, plain);
    calls.set(first + SEAL.final, FINAL_OUT, tag);
    calls.set(first + SEAL.tag, CONTROL_DATA, tag);
    calls.set(first + SEAL.restore, COPY_TO, behind);
    return this.#block(place);
  }

  /** Where the trailer of the packet added last is to be written, `LONGEST_TRAILER` bytes at most. */
  get trailer(): number {
    return this.#block(this.count - 1) + TRAILER;
  }

  /** Where the header of the packet added last is to be written. */
  get header(): number {
    return this.#block(this.count - 1) + HEADER;
  }

  /** Seals the row and empties it. @returns false when libcrypto failed: none of it may be used */
  run(): boolean {
    const end = this.count * SEAL_CALLS;
    this.count = 0;
    return this.#calls.run(0, end) === end;
  }

  #block(place: number): number {
    return this.#blocks + place * SEAL_STRIDE;
  }

  #setUp(place: number, key: PacketKey): void {
    const first = place * SEAL_CALLS;
    for (let call = first + SEAL.init; call < first + SEAL.restore; call++)
      this.#calls.setPointer(call, CONTEXT, key.context);
    this.#arena.bytes.copyWithin(this.#block(place), key.block, key.block + AEAD_BLOCK_LENGTH);
    this.#keys[place] = key.serial;
  }
}
