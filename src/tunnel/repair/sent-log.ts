/**
 * What a tunnel sent and may have to send again: bursts, by their numbers, until the far side's reports cover them.
 *
 * One mechanism for two things: what a report says is missing, and what was on a path that died, is wanted again.
 *
 * Contract: knows numbers and places, not bytes: a burst is a row of packets of one size (the last may be shorter) at a
 * position of the sent memory, which only grows; what lies before `oldest` was overwritten. Bursts are added in ascending
 * order of numbers. `peek` finds a row of packets that is wanted, `take` says that it is sent. Times are µs. Allocates
 * only while it grows.
 * Source: S4.2, S4.6; design, "Scheduling, order, repair".
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

/** Packets of a burst: their marks are the bits of two words. */
export const LOG_BURST_PACKETS = 64;
const WORD = 32;

/** As many as a tunnel has paths. */
const REPORTED_PATHS = 32;
const FIRST_CAPACITY = 16;
/** At full speed in bursts of 23 packets this is more than the sent memory holds. */
const LAST_CAPACITY = 16_384;
/** What is older is of no use to anybody (µs). */
const LONGEST_AGE = 1_000_000;

export class SentLog {
  /** What `peek` found: the first number, how many packets, where, of what size, and how many bytes in all. */
  number = DOUBLE_ZERO;
  packets = 0;
  position = DOUBLE_ZERO;
  /** The path that it went over the first time. */
  path = 0;
  size = 0;
  bytes = 0;

  #capacity = FIRST_CAPACITY;
  #numbers = new Float64Array(FIRST_CAPACITY);
  #positions = new Float64Array(FIRST_CAPACITY);
  #sentAt = new Float64Array(FIRST_CAPACITY);
  #resentAt = new Float64Array(FIRST_CAPACITY);
  #counts = new Int32Array(FIRST_CAPACITY);
  #sizes = new Int32Array(FIRST_CAPACITY);
  #lengths = new Int32Array(FIRST_CAPACITY);
  #paths = new Int32Array(FIRST_CAPACITY);
  /** Two words for each burst: packets that are wanted, and packets that were sent again. */
  #wanted = new Int32Array(2 * FIRST_CAPACITY);
  #resent = new Int32Array(2 * FIRST_CAPACITY);
  #first = 0;
  #count = 0;
  readonly #reportedPaths = new Int32Array(REPORTED_PATHS).fill(-1);
  readonly #reportedNewest = new Float64Array(REPORTED_PATHS);
  readonly #dead = new Uint8Array(REPORTED_PATHS);
  #nextReported = 0;
  #wantedCount = 0;
  /** No burst before this one, counted from the first, has a packet that is wanted. */
  #scanFrom = 0;

  /** Packets that are wanted again. */
  get wanted(): number {
    return this.#wantedCount;
  }

  /** The oldest number that is kept; 0 when nothing is. */
  get oldest(): number {
    return this.#count === 0 ? 0 : (this.#numbers[this.#first] as number);
  }

  add(
    number: number,
    packets: number,
    size: number,
    bytes: number,
    position: number,
    path: number,
    now: number,
  ): void {
    if (this.#count === this.#capacity) this.#makeRoom();
    const at = (this.#first + this.#count) % this.#capacity;
    this.#numbers[at] = number;
    this.#counts[at] = packets;
    this.#sizes[at] = size;
    this.#lengths[at] = bytes;
    this.#positions[at] = position;
    this.#paths[at] = path;
    this.#sentAt[at] = now;
    this.#resentAt[at] = 0;
    for (let word = 2 * at; word < 2 * at + 2; word++) {
      this.#wanted[word] = 0;
      this.#resent[word] = 0;
    }
    this.#count++;
  }

  /** Everything before this number came, or is given up. */
  complete(before: number): void {
    while (this.#count > 0) {
      const at = this.#first;
      if ((this.#numbers[at] as number) + (this.#counts[at] as number) > before) return;
      this.#drop();
    }
  }

  /** What lies before this position was overwritten, and what is older than a second helps nobody. */
  expire(oldestPosition: number, now: number): void {
    while (this.#count > 0) {
      const at = this.#first;
      const young = now - (this.#sentAt[at] as number) < LONGEST_AGE;
      if (young && (this.#positions[at] as number) >= oldestPosition) return;
      this.#drop();
    }
  }

  /** Nothing can be sent again: new keys, which count from 1. */
  clear(): void {
    while (this.#count > 0) this.#drop();
    this.#reportedNewest.fill(0);
  }

  /**
   * So many packets from this number on did not come. Those that are still under way are let be: links deliver in order.
   * @param again what was sent again before this time (µs) and is still missing was lost once more
   */
  missing(number: number, packets: number, again: number, now: number): void {
    const end = number + packets;
    for (let index = this.#find(number); index < this.#count; index++) {
      const at = (this.#first + index) % this.#capacity;
      const first = this.#numbers[at] as number;
      if (first >= end) return;
      const from = Math.max(0, number - first);
      const arrived = this.#newestOver(this.#paths[at] as number) + 1 - first;
      const to = Math.min(this.#counts[at] as number, end - first, arrived);
      if (from < to) this.#want(index, from, to, again, now);
    }
  }

  /** The far side received this number over this path. */
  reported(path: number, newest: number): void {
    let slot = this.#reportedPaths.indexOf(path);
    if (slot < 0) {
      // Paths come and go; the oldest gives way, and what was on it counts as arrived.
      slot = this.#nextReported;
      this.#nextReported = (slot + 1) % REPORTED_PATHS;
      this.#reportedPaths[slot] = path;
      this.#reportedNewest[slot] = 0;
      this.#dead[slot] = 0;
    }
    if (newest > (this.#reportedNewest[slot] as number)) this.#reportedNewest[slot] = newest;
  }

  /** The path carries again: what is sent over it from now on is under way until something later arrives. */
  pathLives(path: number): void {
    const slot = this.#reportedPaths.indexOf(path);
    if (slot >= 0) this.#dead[slot] = 0;
  }

  /** What was sent over this path and is not known to have come is in question: the path died. */
  pathDied(path: number, now: number): void {
    const slot = this.#reportedPaths.indexOf(path);
    const after = slot < 0 ? 0 : (this.#reportedNewest[slot] as number);
    if (slot >= 0) this.#dead[slot] = 1;
    for (let index = 0; index < this.#count; index++) {
      const at = (this.#first + index) % this.#capacity;
      if (this.#paths[at] !== path) continue;
      const from = Math.max(0, after + 1 - (this.#numbers[at] as number));
      const to = this.#counts[at] as number;
      if (from < to) this.#want(index, from, to, 0, now);
    }
  }

  /** Finds the oldest row of packets that is wanted. @returns whether there is one */
  peek(): boolean {
    if (this.#wantedCount === 0) return false;
    for (; this.#scanFrom < this.#count; this.#scanFrom++) {
      const at = (this.#first + this.#scanFrom) % this.#capacity;
      if (this.#wanted[2 * at] === 0 && this.#wanted[2 * at + 1] === 0) continue;
      this.#describe(at);
      return true;
    }
    return false;
  }

  /** The row that `peek` found is sent now. */
  take(now: number): void {
    const at = (this.#first + this.#scanFrom) % this.#capacity;
    const from = this.number - (this.#numbers[at] as number);
    for (let bit = from; bit < from + this.packets; bit++) {
      this.#clearBit(this.#wanted, at, bit);
      this.#setBit(this.#resent, at, bit);
    }
    this.#wantedCount -= this.packets;
    this.#resentAt[at] = now;
  }

  /** The newest number that came over a path; over one that died or is not known any more nothing is under way. */
  #newestOver(path: number): number {
    const slot = this.#reportedPaths.indexOf(path);
    const gone = slot < 0 || this.#dead[slot] === 1;
    return gone ? Number.POSITIVE_INFINITY : (this.#reportedNewest[slot] as number);
  }

  #describe(at: number): void {
    const count = this.#counts[at] as number;
    let from = 0;
    while (!this.#isSet(this.#wanted, at, from)) from++;
    let to = from;
    while (to < count && this.#isSet(this.#wanted, at, to)) to++;
    const size = this.#sizes[at] as number;
    this.number = (this.#numbers[at] as number) + from;
    this.packets = to - from;
    this.position = (this.#positions[at] as number) + from * size;
    this.path = this.#paths[at] as number;
    this.size = size;
    this.bytes = Math.min(this.#lengths[at] as number, to * size) - from * size;
  }

  #want(index: number, from: number, to: number, again: number, now: number): void {
    const at = (this.#first + index) % this.#capacity;
    if (now - (this.#sentAt[at] as number) >= LONGEST_AGE) return;
    const retry = (this.#resentAt[at] as number) < again;
    for (let bit = from; bit < to; bit++) {
      if (this.#isSet(this.#wanted, at, bit)) continue;
      if (this.#isSet(this.#resent, at, bit) && !retry) continue;
      this.#setBit(this.#wanted, at, bit);
      this.#wantedCount++;
      if (index < this.#scanFrom) this.#scanFrom = index;
    }
  }

  /** The index of the first burst that ends behind this number. */
  #find(number: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = (this.#first + middle) % this.#capacity;
      if ((this.#numbers[at] as number) + (this.#counts[at] as number) > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #drop(): void {
    const at = this.#first;
    for (let word = 2 * at; word < 2 * at + 2; word++) {
      for (let bits = this.#wanted[word] as number; bits !== 0; bits &= bits - 1) this.#wantedCount--;
    }
    this.#first = (at + 1) % this.#capacity;
    this.#count--;
    if (this.#scanFrom > 0) this.#scanFrom--;
  }

  #isSet(words: Int32Array, at: number, bit: number): boolean {
    return ((words[2 * at + (bit >>> 5)] as number) & (1 << (bit % WORD))) !== 0;
  }

  #setBit(words: Int32Array, at: number, bit: number): void {
    const word = 2 * at + (bit >>> 5);
    words[word] = (words[word] as number) | (1 << (bit % WORD));
  }

  #clearBit(words: Int32Array, at: number, bit: number): void {
    const word = 2 * at + (bit >>> 5);
    words[word] = (words[word] as number) & ~(1 << (bit % WORD));
  }

  #makeRoom(): void {
    if (this.#capacity === LAST_CAPACITY) {
      this.#drop();
      return;
    }
    const capacity = 2 * this.#capacity;
    const from = this.#first;
    this.#numbers = rotated(this.#numbers, new Float64Array(capacity), from);
    this.#positions = rotated(this.#positions, new Float64Array(capacity), from);
    this.#sentAt = rotated(this.#sentAt, new Float64Array(capacity), from);
    this.#resentAt = rotated(this.#resentAt, new Float64Array(capacity), from);
    this.#counts = rotated(this.#counts, new Int32Array(capacity), from);
    this.#sizes = rotated(this.#sizes, new Int32Array(capacity), from);
    this.#lengths = rotated(this.#lengths, new Int32Array(capacity), from);
    this.#paths = rotated(this.#paths, new Int32Array(capacity), from);
    this.#wanted = rotated(this.#wanted, new Int32Array(2 * capacity), 2 * from);
    this.#resent = rotated(this.#resent, new Int32Array(2 * capacity), 2 * from);
    this.#first = 0;
    this.#capacity = capacity;
  }
}

/** A full ring in a larger one, from its first entry on. */
function rotated<Ring extends Int32Array | Float64Array>(ring: Ring, larger: Ring, first: number): Ring {
  larger.set(ring.subarray(first));
  larger.set(ring.subarray(0, first), ring.length - first);
  return larger;
}
