/**
 * Memory for packets that were sent: they are sealed into it, sent from it, and kept until it comes round again.
 *
 * Contract: `reserve` gives room for one burst, `keep` says how much of it was used. A position counts the bytes that were
 * ever kept, so it never repeats; what lies before `oldest` was overwritten. Shared by all tunnels of a worker.
 */
import type { Arena } from '../linux/arena.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';

/** A tenth of a second at 2.5 Gbit/s. It is gone through from one end to the other, so in time all of it takes memory. */
export const SENT_MEMORY_BYTES = 32 * 1024 * 1024;

export class SentMemory {
  readonly #base: number;
  readonly #size: number;
  readonly #burst: number;
  /** The position of the next burst. */
  #head = DOUBLE_ZERO;
  /** Positions before this one are overwritten, or will be by the burst at hand. */
  #oldest = DOUBLE_ZERO;

  /** @param burst the longest burst */
  constructor(arena: Arena, size: number, burst: number) {
    this.#base = arena.reserve(size, 64);
    this.#size = size;
    this.#burst = burst;
  }

  get oldest(): number {
    return this.#oldest;
  }

  /** @returns where in the arena the next burst may be written */
  reserve(): number {
    const left = this.#size - (this.#head % this.#size);
    if (left < this.#burst) this.#head += left;
    const oldest = this.#head + this.#burst - this.#size;
    if (oldest > this.#oldest) this.#oldest = oldest;
    return this.offset(this.#head);
  }

  /** Keeps so many bytes of what was reserved. @returns their position */
  keep(bytes: number): number {
    const position = this.#head;
    this.#head += bytes;
    return position;
  }

  /** Where in the arena this position lies. */
  offset(position: number): number {
    // An integer to V8, as positions are not: all that is sealed here is found from it.
    return this.#base + ((position % this.#size) | 0);
  }
}
