/**
 * Memory for packets that were sent: they are sealed into it, sent from it, and kept until it comes round again.
 *
 * Contract: `reserve` gives room for one burst, `keep` says how much of it was used. A position counts the bytes that were
 * ever kept, so it never repeats; what lies before `oldest` was overwritten. Shared by all tunnels of a worker.
 *
 * It is gone through in rounds. A round ends with the memory; that of a worker that sends little ends sooner: in the end it would go
 * through all of the memory as well, and have all of it in use for the few kilobytes that anybody can still ask for.
 */
import type { Arena } from '../linux/arena.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';

/** A tenth of a second at 2.5 Gbit/s. */
export const SENT_MEMORY_BYTES = 32 * 1024 * 1024;

/** No round is shorter. */
const SHORTEST_ROUND = 2 * 1024 * 1024;
/**
 * A round ends early only when so little was sent in the last so many µs: who asks for a packet again does so within that time, and
 * what he may ask for lies at the end of the round, which is overwritten last.
 */
const CALM_BYTES = SHORTEST_ROUND / 8;
const CALM_MICROS = 1_000_000;

export class SentMemory {
  readonly #base: number;
  readonly #size: number;
  readonly #burst: number;
  /** The position of the next burst. */
  #head = DOUBLE_ZERO;
  /** Positions before this one are overwritten, or will be by the burst at hand. */
  #oldest = DOUBLE_ZERO;
  /** The positions at which this round and the one before began. */
  #round = DOUBLE_ZERO;
  #roundBefore = DOUBLE_ZERO;
  /** Positions of two moments, the later one at most `CALM_MICROS` ago and the earlier one at least. */
  #earlier = DOUBLE_ZERO;
  #later = DOUBLE_ZERO;
  #laterAt = DOUBLE_ZERO;

  /** @param burst the longest burst */
  constructor(arena: Arena, size: number, burst: number) {
    this.#base = arena.reserve(size, 64);
    this.#size = size;
    this.#burst = burst;
  }

  get oldest(): number {
    return this.#oldest;
  }

  /** @param now µs. @returns where in the arena the next burst may be written */
  reserve(now: number): number {
    const used = this.#head - this.#round;
    if (used + this.#burst > this.#size || this.#isEnough(used, now)) this.#beginRound();
    // The round before is overwritten from its beginning on.
    const overwritten = this.#roundBefore + (this.#head - this.#round) + this.#burst;
    this.#oldest = Math.max(this.#oldest, Math.min(overwritten, this.#round));
    return this.offset(this.#head);
  }

  /** Keeps so many bytes of what was reserved. @returns their position */
  keep(bytes: number): number {
    const position = this.#head;
    this.#head += bytes;
    return position;
  }

  /** Where in the arena this position lies, which is not before `oldest`. */
  offset(position: number): number {
    const round = position >= this.#round ? this.#round : this.#roundBefore;
    // An integer to V8, as positions are not: all that is sealed here is found from it.
    return this.#base + ((position - round) | 0);
  }

  #isEnough(used: number, now: number): boolean {
    if (now - this.#laterAt >= CALM_MICROS) {
      this.#earlier = this.#later;
      this.#later = this.#head;
      this.#laterAt = now;
    }
    return used >= SHORTEST_ROUND && this.#head - this.#earlier <= CALM_BYTES;
  }

  #beginRound(): void {
    this.#roundBefore = this.#round;
    this.#round = this.#head;
    this.#oldest = Math.max(this.#oldest, this.#roundBefore);
  }
}
