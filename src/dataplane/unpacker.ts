/**
 * Takes the inner packets out of AGGFRAG payloads, checks them as others are checked, and gives them to the writer.
 *
 * Contract: `take` gets the payloads of a lane in their order; `settle` follows when the writer was flushed. What is handed to the
 * writer lies still until then. Allocates nothing per packet.
 * Source: RFC 9347, 2.2.
 */
import type { Arena } from '../linux/arena.ts';
import { type Assembly, Reassembly } from '../tunnel/aggfrag/reassembly.ts';
import { count, tunnelSlot } from './counters.ts';
import type { TunWriter } from './tun-writer.ts';
import type { TunnelPlane } from './tunnel-plane.ts';

/** What an ESP packet for the device has: one inner packet, its checksum complete or open, or several and pieces. */
export const payloadKind = { whole: 0, unfinished: 1, aggfrag: 2 } as const;

/**
 * Packets being put together, of all tunnels of a worker: as many as lanes that are cut at the same moment, and as many as may wait for
 * the device. The oldest gives way.
 */
const SLOTS = 256;
export const UNPACKER_ARENA_BYTES = Reassembly.room(SLOTS) + 64;

export class Unpacker {
  readonly #arena: Arena;
  readonly #writer: TunWriter;
  readonly #reassembly: Reassembly;

  constructor(arena: Arena, writer: TunWriter) {
    this.#arena = arena;
    this.#writer = writer;
    const base = arena.reserve(Reassembly.room(SLOTS), 64);
    this.#reassembly = new Reassembly(arena.bytes, arena.data, base, SLOTS);
  }

  /** @returns how many packets it handed over */
  take(
    tunnel: TunnelPlane,
    lane: number,
    spi: number,
    sequence: number,
    start: number,
    length: number,
  ): number {
    const reassembly = this.#reassembly;
    const { counters } = tunnel;
    count(counters, tunnelSlot.aggregatesReceived);
    reassembly.load(tunnel.assemblies[lane] as Assembly, spi, sequence, start, length);
    let handed = 0;
    while (reassembly.next()) {
      if (this.#hand(tunnel, reassembly.offset, reassembly.length)) handed++;
    }
    if (reassembly.malformed) count(counters, tunnelSlot.refusedMalformedInner);
    if (reassembly.incomplete > 0) count(counters, tunnelSlot.innerIncomplete, reassembly.incomplete);
    // What was put together and waits with the writer must not be overwritten by what is begun after it.
    if (reassembly.begun >= SLOTS / 2) {
      this.#writer.flush();
      reassembly.begun = 0;
    }
    return handed;
  }

  settle(): void {
    this.#reassembly.begun = 0;
  }

  #hand(tunnel: TunnelPlane, offset: number, length: number): boolean {
    if (!tunnel.innerSources.allows(this.#arena.data, offset)) {
      count(tunnel.counters, tunnelSlot.refusedForeignSource);
      return false;
    }
    count(tunnel.counters, tunnelSlot.innerReceivedPackets);
    count(tunnel.counters, tunnelSlot.innerReceivedBytes, length);
    this.#writer.add(tunnel, offset, length, false);
    return true;
  }
}
