/**
 * Small inner packets of one drain that share payloads, lane by lane.
 *
 * Contract: `add` copies a packet behind those of its lane, if `hasRoom`; else the lane is taken first. A packet that has stayed
 * alone comes out as it went in, its checksum open if it was. Nothing stays when the drain ends. Allocates nothing per packet.
 * Source: RFC 9347, 2.2.
 */
import type { Arena } from '../linux/arena.ts';
import { AGGFRAG_HEADER_LENGTH, blockRoom } from '../tunnel/aggfrag/format.ts';
import { AggfragPayload } from '../tunnel/aggfrag/payload.ts';
import { LANES } from '../tunnel/esp/packet-number.ts';
import { finishTransport } from '../tunnel/offload/finish-transport.ts';
import { NO_CLASS } from '../tunnel/schedule/traffic-classes.ts';

/** Sealed payloads are no longer than this: longer ones could not wait for their turn at the far side. */
const LONGEST_SEALED = 2_048;
/** Copying pays for packets up to this; longer ones are sealed where they lie (bytes). */
const SMALL = 400;
/** Sealing uses some bytes behind a payload. */
const STRIDE = LONGEST_SEALED + 64;

export const SMALL_PACKETS_BYTES = LANES * STRIDE + 64;

export class SmallPackets {
  /** Set by `take`: what is to be sealed, and whether it is a payload of several packets. */
  offset = 0;
  length = 0;
  several = false;
  unfinished = false;
  /** In how many lanes something waits. */
  lanes = 0;

  readonly #data: DataView;
  readonly #payloads: readonly AggfragPayload[];
  readonly #classes = new Int32Array(LANES).fill(NO_CLASS);
  /** Whether the checksum of a lane's only packet is open. */
  readonly #unfinished = new Uint8Array(LANES);

  constructor(arena: Arena) {
    const base = arena.reserve(LANES * STRIDE, 64);
    this.#data = arena.data;
    this.#payloads = Array.from(
      { length: LANES },
      (_, lane) => new AggfragPayload(arena.bytes, arena.data, base + lane * STRIDE),
    );
  }

  /** Whether two packets of this length go into one of the size limit. */
  fits(length: number, sizeLimit: number): boolean {
    return length <= SMALL && 2 * length <= roomOf(sizeLimit);
  }

  packets(lane: number): number {
    return this.#payload(lane).packets;
  }

  classOf(lane: number): number {
    return this.#classes[lane] as number;
  }

  hasRoom(lane: number, length: number, trafficClass: number): boolean {
    const payload = this.#payload(lane);
    return payload.packets === 0 || (payload.room >= length && this.classOf(lane) === trafficClass);
  }

  /** @param unfinished whether its checksum is open, which only the first of a lane's may be */
  add(
    lane: number,
    from: number,
    length: number,
    unfinished: boolean,
    trafficClass: number,
    sizeLimit: number,
  ): void {
    const payload = this.#payload(lane);
    if (payload.packets === 0) {
      payload.begin(0, roomOf(sizeLimit));
      this.lanes++;
      this.#classes[lane] = trafficClass;
      this.#unfinished[lane] = unfinished ? 1 : 0;
    } else if (this.#unfinished[lane] === 1) {
      finishTransport(this.#data, payload.at + AGGFRAG_HEADER_LENGTH, payload.at + payload.length);
      this.#unfinished[lane] = 0;
    }
    payload.lay(from, length);
  }

  /** Empties the lane. */
  take(lane: number): void {
    const payload = this.#payload(lane);
    const header = payload.packets > 1 ? 0 : AGGFRAG_HEADER_LENGTH;
    this.several = payload.packets > 1;
    this.offset = payload.at + header;
    this.length = payload.length - header;
    this.unfinished = this.#unfinished[lane] === 1;
    payload.packets = 0;
    this.lanes--;
  }

  #payload(lane: number): AggfragPayload {
    return this.#payloads[lane] as AggfragPayload;
  }
}

function roomOf(sizeLimit: number): number {
  return blockRoom(Math.min(LONGEST_SEALED, sizeLimit));
}
