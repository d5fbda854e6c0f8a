/**
 * Memory for packets that wait for others: copies of what lies in the receive buffers, which are soon used again.
 *
 * Contract: a packet has a slot, 1 and up. `release` may come before what the slot holds was handed to the kernel; the
 * slot is used again only after `settle`, which comes after that. Bounded; shared by all tunnels of a worker.
 */
import type { Arena } from '../linux/arena.ts';

/** Inner packets are no longer than this on all but jumbo links; longer ones do not wait. */
const SLOT_LENGTH = 2_048;

/** 32 MiB: what 1 Gbit/s brings while a path dies and what was on it comes again. What was never needed is never touched. */
export const HOLD_SLOTS = 16_384;

export function holdArenaBytes(slots: number): number {
  return slots * SLOT_LENGTH + 64;
}

export class HoldMemory {
  readonly #arena: Arena;
  readonly #base: number;
  readonly #lengths: Int32Array;
  readonly #kinds: Uint8Array;
  /** Free slots, the last used on top, and behind them those that wait for `settle`. */
  readonly #free: Int32Array;
  #freeCount: number;
  readonly #released: Int32Array;
  #releasedCount = 0;

  constructor(arena: Arena, slots: number) {
    this.#arena = arena;
    this.#base = arena.reserve(slots * SLOT_LENGTH, 64);
    this.#lengths = new Int32Array(slots + 1);
    this.#kinds = new Uint8Array(slots + 1);
    this.#free = Int32Array.from({ length: slots }, (_, index) => slots - index);
    this.#released = new Int32Array(slots);
    this.#freeCount = slots;
  }

  /** Copies a packet. @returns its slot; 0 when there is no room for it */
  keep(start: number, length: number, kind: number): number {
    if (length > SLOT_LENGTH || this.#freeCount === 0) return 0;
    const slot = this.#free[--this.#freeCount] as number;
    this.#arena.bytes.copyWithin(this.offset(slot), start, start + length);
    this.#lengths[slot] = length;
    this.#kinds[slot] = kind;
    return slot;
  }

  offset(slot: number): number {
    return this.#base + (slot - 1) * SLOT_LENGTH;
  }

  length(slot: number): number {
    return this.#lengths[slot] as number;
  }

  /** What the caller said of it. */
  kind(slot: number): number {
    return this.#kinds[slot] as number;
  }

  release(slot: number): void {
    this.#released[this.#releasedCount++] = slot;
  }

  settle(): void {
    while (this.#releasedCount > 0) {
      this.#free[this.#freeCount++] = this.#released[--this.#releasedCount] as number;
    }
  }
}
