/**
 * ESP security associations: one direction of a tunnel under one key (RFC 4301, 4.1).
 *
 * Contract: `OutboundAssociation.seal` makes a datagram from an inner packet; `InboundAssociation.open` turns it back in
 * place. Sequence numbers start at 1 and never repeat under a key: the nonce is derived from them. Both work on one
 * arena and allocate nothing per packet.
 * Source: RFC 4303, RFC 4106.
 */

import { AEAD_CALLS, ASSOCIATED_DATA_LENGTH, NONCE_LENGTH, Opener, Sealer } from '../linux/aead.ts';
import type { Arena } from '../linux/arena.ts';
import { CallList } from '../linux/call-list.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import { ESP_PAYLOAD_OFFSET, ESP_TAG_LENGTH, ESP_TRAILER_LENGTH, paddingFor } from '../tunnel/esp/format.ts';
import { ivHigh, LANES, LAST_SEQUENCE, laneOf, orderOf } from '../tunnel/esp/packet-number.ts';
import { ReplayWindow } from '../tunnel/esp/replay-window.ts';

const TWO_32 = 0x1_0000_0000;
const SALT_LENGTH = 4;

/** What an association keeps in the arena: its nonce with the associated data behind it, and its calls of libcrypto. */
type AssociationBlock = { readonly nonce: number; readonly calls: CallList };

/** Blocks of closed associations are used again, so that rekeying for years costs no memory. */
export class AssociationMemory {
  readonly arena: Arena;
  readonly #free: AssociationBlock[] = [];

  constructor(arena: Arena) {
    this.arena = arena;
  }

  take(): AssociationBlock {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const nonce = this.arena.reserve(NONCE_LENGTH + ASSOCIATED_DATA_LENGTH);
    return { nonce, calls: new CallList(this.arena, AEAD_CALLS) };
  }

  give(block: AssociationBlock): void {
    block.calls.clear();
    this.#free.push(block);
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
  readonly #sealer: Sealer;
  readonly #block: AssociationBlock;
  readonly #nonce: number;
  readonly #associated: number;
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
    this.#block = memory.take();
    this.#sealer = new Sealer(options.key, this.#block.calls);
    this.#nonce = this.#block.nonce;
    this.#associated = this.#nonce + NONCE_LENGTH;
    memory.arena.bytes.set(options.salt, this.#nonce);
    memory.arena.data.setUint32(this.#associated, options.spi);
  }

  /**
   * Seals `length` bytes at `input` into a datagram at `out`. Up to 5 bytes behind the input are used and restored.
   * @returns the datagram's length; 0 when libcrypto failed, the association is closed or its numbers are used up
   */
  seal(input: number, length: number, following: number, lane: number, out: number): number {
    // Its calls may be another association's by now.
    if (this.#closed || this.sequence >= LAST_SEQUENCE) return 0;
    const { data, address } = this.#memory.arena;
    this.#number(lane, out);
    const end = input + length;
    const kept = data.getUint32(end);
    const keptToo = data.getUint32(end + 4);
    const padding = paddingFor(length);
    for (let index = 0; index < padding; index++) data.setUint8(end + index, index + 1);
    data.setUint8(end + padding, padding);
    data.setUint8(end + padding + 1, following);
    const plain = length + padding + ESP_TRAILER_LENGTH;
    const sealed = this.#sealer.seal(
      address + this.#nonce,
      address + this.#associated,
      address + input,
      plain,
      address + out + ESP_PAYLOAD_OFFSET,
    );
    data.setUint32(end, kept);
    data.setUint32(end + 4, keptToo);
    return sealed ? ESP_PAYLOAD_OFFSET + plain + ESP_TAG_LENGTH : 0;
  }

  /** A second time does nothing: its memory may belong to another association by then. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sealer.close();
    this.#memory.give(this.#block);
  }

  /** Gives the packet the next number: in the header, the IV, the nonce and the associated data. */
  #number(lane: number, out: number): void {
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
    data.setUint32(this.#nonce + SALT_LENGTH, high);
    data.setUint32(this.#nonce + SALT_LENGTH + 4, low);
    data.setUint32(this.#associated + 4, Math.floor(this.sequence / TWO_32));
    data.setUint32(this.#associated + 8, low);
  }
}

/** Why a packet was refused, or that it was opened. */
export const opened = 0;
export const replayed = 1;
export const notAuthentic = 2;

export class InboundAssociation {
  readonly spi: number;
  readonly tunnel: number;
  readonly window = new ReplayWindow();
  /** The numbers of the packet opened last; its order number is modulo 2^16. */
  sequence = DOUBLE_ZERO;
  lane = 0;
  order = 0;

  readonly #memory: AssociationMemory;
  readonly #opener: Opener;
  readonly #block: AssociationBlock;
  readonly #nonce: number;
  readonly #associated: number;
  #closed = false;

  constructor(
    memory: AssociationMemory,
    options: { tunnel: number; spi: number; key: Uint8Array; salt: Uint8Array },
  ) {
    this.spi = options.spi + DOUBLE_ZERO;
    this.tunnel = options.tunnel;
    this.#memory = memory;
    this.#block = memory.take();
    this.#opener = new Opener(options.key, this.#block.calls);
    this.#nonce = this.#block.nonce;
    this.#associated = this.#nonce + NONCE_LENGTH;
    memory.arena.bytes.set(options.salt, this.#nonce);
    memory.arena.data.setUint32(this.#associated, options.spi);
  }

  /**
   * Opens the datagram in place; its payload and trailer then begin `ESP_PAYLOAD_OFFSET` behind `offset`.
   * @returns `opened`, `replayed` or `notAuthentic`
   */
  open(offset: number, length: number): number {
    if (this.#closed) return notAuthentic;
    const { data, address } = this.#memory.arena;
    const low = data.getUint32(offset + 4);
    const sequence = this.window.locate(low);
    if (!this.window.isFresh(sequence)) return replayed;
    const ivHighWord = data.getUint32(offset + 8);
    const ivLowWord = data.getUint32(offset + 12);
    data.setUint32(this.#nonce + SALT_LENGTH, ivHighWord);
    data.setUint32(this.#nonce + SALT_LENGTH + 4, ivLowWord);
    data.setUint32(this.#associated + 4, Math.floor(sequence / TWO_32));
    data.setUint32(this.#associated + 8, low);
    const authentic = this.#opener.open(
      address + this.#nonce,
      address + this.#associated,
      address + offset + ESP_PAYLOAD_OFFSET,
      length - ESP_PAYLOAD_OFFSET - ESP_TAG_LENGTH,
    );
    if (!authentic) return notAuthentic;
    this.window.accept(sequence);
    this.sequence = sequence;
    this.lane = laneOf(ivHighWord, ivLowWord, sequence);
    this.order = orderOf(ivHighWord);
    return opened;
  }

  /** A second time does nothing: its memory may belong to another association by then. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opener.close();
    this.#memory.give(this.#block);
  }
}
