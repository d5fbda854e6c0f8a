/**
 * ESP security associations: one direction of a tunnel under one key (RFC 4301, 4.1).
 *
 * Contract: `OutboundAssociation.seal` makes a datagram from an inner packet; an `InboundAssociation` turns it back in
 * place, together with those that came with it. Sequence numbers start at 1 and never repeat under a key: the nonce is
 * derived from them. Both work on one arena and allocate nothing per packet.
 * Source: RFC 4303, RFC 4106.
 */

import { AEAD_BLOCK_LENGTH, AEAD_CALLS, NONCE_LENGTH, PacketKey, Sealer } from '../linux/aead.ts';
import { RowOpener, RowSealer } from '../linux/aead-row.ts';
import type { Arena } from '../linux/arena.ts';
import { CallList } from '../linux/call-list.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import { ESP_PAYLOAD_OFFSET, ESP_TAG_LENGTH, ESP_TRAILER_LENGTH, paddingFor } from '../tunnel/esp/format.ts';
import { ivHigh, LANES, LAST_SEQUENCE, laneOf, orderOf } from '../tunnel/esp/packet-number.ts';
import { ReplayWindow } from '../tunnel/esp/replay-window.ts';

const TWO_32 = 0x1_0000_0000;
/** What of a block is set for each packet: behind the salt, and behind the SPI. */
const IV = 4;
const SEQUENCE = NONCE_LENGTH + 4;

/** What associations have in the arena. That of closed ones is used again, so that rekeying for years costs no memory. */
export class AssociationMemory {
  readonly arena: Arena;
  /** For the packets of all associations, a row at a time. */
  readonly opener: RowOpener;
  readonly sealer: RowSealer;
  readonly #blocks: number[] = [];
  readonly #calls: CallList[] = [];

  constructor(arena: Arena) {
    this.arena = arena;
    this.opener = new RowOpener(arena);
    this.sealer = new RowSealer(arena);
  }

  /** @returns the offset of a nonce with associated data behind it, of which salt and SPI are set */
  takeBlock(spi: number, salt: Uint8Array): number {
    const block = this.#blocks.pop() ?? this.arena.reserve(AEAD_BLOCK_LENGTH);
    this.arena.bytes.set(salt, block);
    this.arena.data.setUint32(block + NONCE_LENGTH, spi);
    return block;
  }

  giveBlock(block: number): void {
    this.#blocks.push(block);
  }

  takeCalls(): CallList {
    return this.#calls.pop() ?? new CallList(this.arena, AEAD_CALLS);
  }

  giveCalls(calls: CallList): void {
    calls.clear();
    this.#calls.push(calls);
  }
}

export class OutboundAssociation {
  readonly spi: number;
  readonly finishChecksums: boolean;
  /** Whether the peer understands AGGFRAG payloads. */
  readonly aggfrag: boolean;
  readonly packetLimit: number;
  /** The number of the newest packet. */
  sequence = DOUBLE_ZERO;
  /** The order number of the newest packet of each lane. */
  readonly #orders = new Float64Array(LANES);

  readonly #memory: AssociationMemory;
  readonly #key: PacketKey;
  readonly #calls: CallList;
  readonly #sealer: Sealer;
  readonly #block: number;
  #closed = false;

  constructor(
    memory: AssociationMemory,
    options: {
      spi: number;
      key: Uint8Array;
      salt: Uint8Array;
      finishChecksums: boolean;
      aggfrag?: boolean | undefined;
      packetLimit: number;
    },
  ) {
    this.spi = options.spi + DOUBLE_ZERO;
    this.finishChecksums = options.finishChecksums;
    this.aggfrag = options.aggfrag ?? false;
    this.packetLimit = options.packetLimit;
    this.#memory = memory;
    this.#block = memory.takeBlock(options.spi, options.salt);
    this.#calls = memory.takeCalls();
    this.#key = new PacketKey(options.key, 'seal', this.#block);
    this.#sealer = new Sealer(this.#key, this.#calls);
    // A double from now on. Code that adds integers to it is given up at a zero with a sign, each time anew.
    this.sequence = 0;
  }

  /**
   * Seals `length` bytes at `input` into a datagram at `out`. Up to 5 bytes behind the input are used and restored.
   * @returns the datagram's length; 0 when libcrypto failed, the association is closed or its numbers are used up
   */
  seal(input: number, length: number, following: number, lane: number, out: number): number {
    // Its calls may be another association's by now.
    if (this.#closed || this.sequence >= LAST_SEQUENCE) return 0;
    const { data, address } = this.#memory.arena;
    this.#number(lane, out, this.#block);
    const end = input + length;
    const kept = data.getUint32(end);
    const keptToo = data.getUint32(end + 4);
    const plain = length + writeTrailer(data, end, length, following);
    const sealed = this.#sealer.seal(
      address + this.#block,
      address + this.#block + NONCE_LENGTH,
      address + input,
      plain,
      address + out + ESP_PAYLOAD_OFFSET,
    );
    data.setUint32(end, kept);
    data.setUint32(end + 4, keptToo);
    return sealed ? ESP_PAYLOAD_OFFSET + plain + ESP_TAG_LENGTH : 0;
  }

  /**
   * Puts a packet into the sealer's row, which has room and is of this association alone. When the row is run its header is put to
   * its place, and it becomes a datagram at `out`; until then it lies still. Its number is taken at once.
   * @returns where its header is to be written; 0 when the association is closed or its numbers are used up
   */
  enlist(
    headerLength: number,
    input: number,
    length: number,
    following: number,
    lane: number,
    out: number,
  ): number {
    if (this.#closed || this.sequence >= LAST_SEQUENCE) return 0;
    const { arena, sealer } = this.#memory;
    const trailer = paddingFor(length) + ESP_TRAILER_LENGTH;
    const block = sealer.add(this.#key, headerLength, input, length, trailer, out + ESP_PAYLOAD_OFFSET);
    this.#number(lane, out, block);
    writeTrailer(arena.data, sealer.trailer, length, following);
    return sealer.header;
  }

  /** A second time does nothing: its memory may belong to another association by then. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#key.close();
    this.#memory.giveCalls(this.#calls);
    this.#memory.giveBlock(this.#block);
  }

  /** Gives the packet the next number: in the header, the IV, the nonce and the associated data. */
  #number(lane: number, out: number, block: number): void {
    const data = this.#memory.arena.data;
    this.sequence += 1;
    const order = (this.#orders[lane] as number) + 1;
    this.#orders[lane] = order;
    const low = this.sequence >>> 0;
    const high = ivHigh(lane, order, this.sequence);
    data.setUint32(out, this.spi);
    data.setUint32(out + 4, low);
    data.setUint32(out + 8, high);
    data.setUint32(out + 12, low);
    data.setUint32(block + IV, high);
    data.setUint32(block + IV + 4, low);
    data.setUint32(block + SEQUENCE, Math.floor(this.sequence / TWO_32));
    data.setUint32(block + SEQUENCE + 4, low);
  }
}

/** Writes what ESP puts behind a payload: padding, its length, the next header. @returns how many bytes it is */
function writeTrailer(data: DataView, at: number, payload: number, following: number): number {
  const padding = paddingFor(payload);
  for (let index = 0; index < padding; index++) data.setUint8(at + index, index + 1);
  data.setUint8(at + padding, padding);
  data.setUint8(at + padding + 1, following);
  return padding + ESP_TRAILER_LENGTH;
}

/** Why a packet was refused, or that it was opened. */
export const opened = 0;
export const replayed = 1;
export const notAuthentic = 2;

export class InboundAssociation {
  readonly spi: number;
  readonly tunnel: number;
  readonly window = new ReplayWindow();
  /** The numbers of the packet accepted last; its order number is modulo 2^16. */
  sequence = DOUBLE_ZERO;
  lane = 0;
  order = 0;

  readonly #memory: AssociationMemory;
  readonly #key: PacketKey;
  readonly #block: number;
  #closed = false;

  constructor(
    memory: AssociationMemory,
    options: { tunnel: number; spi: number; key: Uint8Array; salt: Uint8Array },
  ) {
    this.spi = options.spi + DOUBLE_ZERO;
    this.tunnel = options.tunnel;
    this.#memory = memory;
    this.#block = memory.takeBlock(options.spi, options.salt);
    this.#key = new PacketKey(options.key, 'open', this.#block);
  }

  /**
   * Puts the datagram into the opener's row, which has room and is of this association alone.
   * @returns whether it did; false when its number was used, which costs no decryption, or the association is closed
   */
  enlist(offset: number, length: number): boolean {
    if (this.#closed) return false;
    const { arena, opener } = this.#memory;
    const { data } = arena;
    const low = data.getInt32(offset + 4);
    const sequence = this.window.locate(low >>> 0);
    if (!this.window.isFresh(sequence)) return false;
    const block = opener.add(
      this.#key,
      offset + ESP_PAYLOAD_OFFSET,
      length - ESP_PAYLOAD_OFFSET - ESP_TAG_LENGTH,
    );
    data.setInt32(block + IV, data.getInt32(offset + 8));
    data.setInt32(block + IV + 4, data.getInt32(offset + 12));
    data.setUint32(block + SEQUENCE, Math.floor(sequence / TWO_32));
    data.setInt32(block + SEQUENCE + 4, low);
    return true;
  }

  /**
   * Takes a datagram that was enlisted and that the opener has worked on; in the row's order. Its payload and trailer begin
   * `ESP_PAYLOAD_OFFSET` behind `offset`, in place.
   * @param place in the row. @returns `opened`, `replayed` or `notAuthentic`
   */
  accept(place: number, offset: number): number {
    const { arena, opener } = this.#memory;
    const { data } = arena;
    if (!opener.isAuthentic(place)) return notAuthentic;
    // With this high half it was found authentic; what the row brought before may suggest another by now.
    const block = opener.block(place);
    const sequence = data.getUint32(block + SEQUENCE) * TWO_32 + data.getUint32(block + SEQUENCE + 4);
    // The same number may be in the row twice.
    if (!this.window.isFresh(sequence)) return replayed;
    this.window.accept(sequence);
    const high = data.getUint32(offset + 8);
    this.sequence = sequence;
    this.lane = laneOf(high, data.getUint32(offset + 12), sequence);
    this.order = orderOf(high);
    return opened;
  }

  /** A second time does nothing: its memory may belong to another association by then. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#key.close();
    this.#memory.giveBlock(this.#block);
  }
}
