/**
 * A payload that inner packets are laid into, one behind the other, up to its size.
 *
 * Contract: works on the caller's memory. `begin` before anything is laid; `lay` copies as much of a packet as there is room
 * for and says how much; what is left of it begins the next payload, which must be sealed under the next number. Allocates
 * nothing.
 * Source: RFC 9347, 2.2.
 */
import { AGGFRAG_HEADER_LENGTH, writeAggfragHeader } from './format.ts';

export class AggfragPayload {
  /** Where it lies. */
  readonly at: number;
  /** With its header. */
  length = 0;
  /** Packets of which it has something. */
  packets = 0;

  readonly #bytes: Uint8Array;
  readonly #data: DataView;
  #end = 0;

  constructor(bytes: Uint8Array, data: DataView, at: number) {
    this.#bytes = bytes;
    this.#data = data;
    this.at = at;
  }

  /** @param rest bytes of a packet of which an earlier payload has the beginning. @param room bytes of blocks */
  begin(rest: number, room: number): void {
    writeAggfragHeader(this.#data, this.at, rest);
    this.length = AGGFRAG_HEADER_LENGTH;
    this.packets = 0;
    this.#end = AGGFRAG_HEADER_LENGTH + room;
  }

  get room(): number {
    return this.#end - this.length;
  }

  /** @returns how many bytes it took */
  lay(from: number, length: number): number {
    const taken = Math.min(length, this.room);
    this.#bytes.copyWithin(this.at + this.length, from, from + taken);
    this.length += taken;
    this.packets++;
    return taken;
  }
}
