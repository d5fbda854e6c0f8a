/**
 * Takes AGGFRAG payloads apart: whole inner packets as they lie, those that were cut put together again.
 *
 * A piece goes on only in the payload of the next sequence number, and only as long as both agree on how much is missing; else what
 * there is of the packet is dropped. So a payload that is lost costs the packets of which it had a piece, and no others.
 *
 * Contract: payloads of one lane come in the order of their numbers; one that comes late may bring whole packets and disturbs
 * nothing. For each payload `load`, then `next` until it says false. A packet lies where it came, or in memory of which
 * there are `slots`: it stays until so many others were begun. Nothing beyond the payload is read; no packet is longer than
 * `LONGEST_INNER`; each is an IP packet of the length it says. Allocates nothing per packet.
 * Source: RFC 9347, 2.2.2, 2.2.3.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import { packetLength } from '../offload/ip-packet.ts';
import {
  AGGFRAG_HEADER_LENGTH,
  blockKind,
  blockLength,
  blockOffsetOf,
  LONGEST_INNER,
  NO_BLOCK,
} from './format.ts';

/** What a lane has of a packet whose end has not come. */
export class Assembly {
  spi = DOUBLE_ZERO;
  /** The number under which the rest has to come. */
  next = DOUBLE_ZERO;
  /** Bytes that are there; 0 when nothing is. */
  have = 0;
  slot = 0;
  ticket = DOUBLE_ZERO;
}

export class Reassembly {
  /** Set by `next`: where the packet lies and how long it is. */
  offset = 0;
  length = 0;
  /** Of the payload at hand: packets that stay incomplete, and whether it broke the rules. */
  incomplete = 0;
  malformed = false;
  /** How many packets were begun since the caller set it to 0: those from before may be overwritten soon. */
  begun = 0;

  readonly #bytes: Uint8Array;
  readonly #data: DataView;
  readonly #base: number;
  /** Whose each slot is: assemblies take them in turn, and never give them back. */
  readonly #tickets: Float64Array;
  #ticket = DOUBLE_ZERO;
  #assembly = new Assembly();
  #spi = DOUBLE_ZERO;
  #sequence = DOUBLE_ZERO;
  #at = 0;
  #end = 0;
  #late = false;
  /** A packet that the payload's beginning has completed. */
  #completed = false;

  /** @param base where there is room for so many packets */
  constructor(bytes: Uint8Array, data: DataView, base: number, slots: number) {
    this.#bytes = bytes;
    this.#data = data;
    this.#base = base;
    this.#tickets = new Float64Array(slots);
  }

  static room(slots: number): number {
    return slots * LONGEST_INNER;
  }

  get slots(): number {
    return this.#tickets.length;
  }

  /** @param start of a payload that `isAggfrag` */
  load(assembly: Assembly, spi: number, sequence: number, start: number, length: number): void {
    this.#assembly = assembly;
    this.#spi = spi;
    this.#sequence = sequence;
    this.#at = start + AGGFRAG_HEADER_LENGTH;
    this.#end = start + length;
    this.incomplete = 0;
    this.malformed = false;
    this.#completed = false;
    const rest = blockOffsetOf(this.#data, start);
    const begun = assembly.have > 0;
    this.#late = begun && assembly.spi === spi && sequence < assembly.next;
    if (begun && assembly.spi === spi && assembly.next === sequence) this.#goOn(rest);
    else if (begun && !this.#late) this.#giveUp();
    // The end of a packet whose beginning did not come.
    else if (!begun && rest > 0 && rest <= this.#end - this.#at) this.incomplete++;
    this.#at += rest;
  }

  next(): boolean {
    if (this.#completed) {
      this.#completed = false;
      return this.#takeCompleted();
    }
    if (this.#at >= this.#end || this.malformed) return false;
    const known = this.#end - this.#at;
    if (this.#data.getUint8(this.#at) >> 4 === blockKind.padding) {
      this.#at = this.#end;
      return false;
    }
    const length = blockLength(this.#data, this.#at, known);
    if (length === NO_BLOCK) return this.#refuse();
    if (length === 0 || length > known) {
      this.#begin(known);
      return false;
    }
    this.offset = this.#at;
    this.length = length;
    this.#at += length;
    return packetLength(this.#data, this.offset, this.offset + length) === length || this.#refuse();
  }

  /** The payload begins with more of the packet at hand. */
  #goOn(rest: number): void {
    const assembly = this.#assembly;
    const place = this.#base + assembly.slot * LONGEST_INNER;
    const whole = assembly.have + rest;
    const told = blockLength(this.#data, place, assembly.have);
    const isOurs = this.#tickets[assembly.slot] === assembly.ticket;
    if (rest === 0 || whole > LONGEST_INNER || !isOurs || (told !== 0 && told !== whole))
      return this.#giveUp();
    const taken = Math.min(rest, this.#end - this.#at);
    this.#bytes.copyWithin(place + assembly.have, this.#at, this.#at + taken);
    assembly.have += taken;
    assembly.next = this.#sequence + 1;
    this.#completed = taken === rest;
  }

  #takeCompleted(): boolean {
    const assembly = this.#assembly;
    this.offset = this.#base + assembly.slot * LONGEST_INNER;
    this.length = assembly.have;
    assembly.have = 0;
    if (packetLength(this.#data, this.offset, this.offset + this.length) === this.length) return true;
    // What follows it is told by the block offset alone, and may well be right.
    this.incomplete++;
    return this.next();
  }

  /** A packet whose end is in the payloads that follow. */
  #begin(known: number): void {
    if (this.#late) {
      this.incomplete++;
      return;
    }
    const assembly = this.#assembly;
    this.#ticket += 1;
    // An integer to V8, as tickets are not: the packet's offset comes from it, and with that all that is known of the packet.
    assembly.slot = (this.#ticket % this.#tickets.length) | 0;
    assembly.ticket = this.#ticket;
    this.#tickets[assembly.slot] = this.#ticket;
    this.begun++;
    this.#bytes.copyWithin(this.#base + assembly.slot * LONGEST_INNER, this.#at, this.#end);
    assembly.have = known;
    assembly.spi = this.#spi;
    assembly.next = this.#sequence + 1;
    this.#at = this.#end;
  }

  #giveUp(): void {
    this.#assembly.have = 0;
    this.incomplete++;
  }

  #refuse(): boolean {
    this.malformed = true;
    return false;
  }
}
