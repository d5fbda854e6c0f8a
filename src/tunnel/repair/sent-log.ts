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
import { RecordRing } from '../record-ring.ts';

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

/** The fields of a burst. */
const NUMBER = 0;
const POSITION = 1;
const SENT_AT = 2;
const RESENT_AT = 3;
const COUNT = 4;
const SIZE = 5;
const LENGTH = 6;
const PATH = 7;
/** Two words each: packets that are wanted, and packets that were sent again. */
const WANTED = 8;
const RESENT = 10;
const FIELDS = 12;

export class SentLog {
  /** What `peek` found: the first number, how many packets, where, of what size, and how many bytes in all. */
  number = DOUBLE_ZERO;
  packets = 0;
  position = DOUBLE_ZERO;
  /** The path that it went over the first time. */
  path = 0;
  size = 0;
  bytes = 0;

  readonly #bursts = new RecordRing(FIELDS, FIRST_CAPACITY, LAST_CAPACITY);
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
    return this.#bursts.count === 0 ? 0 : this.#field(0, NUMBER);
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
    const bursts = this.#bursts;
    if (bursts.isFull) this.#drop();
    const at = bursts.append();
    const { values } = bursts;
    values[at + NUMBER] = number;
    values[at + POSITION] = position;
    values[at + SENT_AT] = now;
    values[at + RESENT_AT] = 0;
    values[at + COUNT] = packets;
    values[at + SIZE] = size;
    values[at + LENGTH] = bytes;
    values[at + PATH] = path;
    for (let word = WANTED; word < FIELDS; word++) values[at + word] = 0;
  }

  /** Everything before this number came, or is given up. */
  complete(before: number): void {
    while (this.#bursts.count > 0 && this.#field(0, NUMBER) + this.#field(0, COUNT) <= before) this.#drop();
  }

  /** What lies before this position was overwritten, and what is older than a second helps nobody. */
  expire(oldestPosition: number, now: number): void {
    while (this.#bursts.count > 0) {
      const young = now - this.#field(0, SENT_AT) < LONGEST_AGE;
      if (young && this.#field(0, POSITION) >= oldestPosition) return;
      this.#drop();
    }
  }

  /** Nothing can be sent again: new keys, which count from 1. */
  clear(): void {
    while (this.#bursts.count > 0) this.#drop();
    this.#reportedNewest.fill(0);
  }

  /**
   * So many packets from this number on did not come. Those that are still under way are let be: links deliver in order.
   * @param again what was sent again before this time (µs) and is still missing was lost once more
   */
  missing(number: number, packets: number, again: number, now: number): void {
    const end = number + packets;
    for (let index = this.#find(number); index < this.#bursts.count; index++) {
      const first = this.#field(index, NUMBER);
      if (first >= end) return;
      const from = Math.max(0, number - first);
      const arrived = this.#newestOver(this.#field(index, PATH)) + 1 - first;
      const to = Math.min(this.#field(index, COUNT), end - first, arrived);
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

  /**
   * The path carries again, or was never dead: what was sent over it is under way until something later arrives, and not wanted
   * for the path's sake any more.
   */
  pathLives(path: number): void {
    const slot = this.#reportedPaths.indexOf(path);
    if (slot >= 0) this.#dead[slot] = 0;
    for (let index = 0; index < this.#bursts.count && this.#wantedCount > 0; index++) {
      if (this.#field(index, PATH) === path)
        this.#unwant(index, this.#newestOver(path) + 1, Number.POSITIVE_INFINITY);
    }
  }

  /** So many packets from this number on came. */
  arrived(number: number, packets: number): void {
    const end = number + packets;
    for (let index = this.#find(number); index < this.#bursts.count && this.#wantedCount > 0; index++) {
      if (this.#field(index, NUMBER) >= end) return;
      this.#unwant(index, number, end);
    }
  }

  /** What was sent over this path and is not known to have come is in question: the path died. */
  pathDied(path: number, now: number): void {
    const slot = this.#reportedPaths.indexOf(path);
    const after = slot < 0 ? 0 : (this.#reportedNewest[slot] as number);
    if (slot >= 0) this.#dead[slot] = 1;
    for (let index = 0; index < this.#bursts.count; index++) {
      if (this.#field(index, PATH) !== path) continue;
      const from = Math.max(0, after + 1 - this.#field(index, NUMBER));
      const to = this.#field(index, COUNT);
      if (from < to) this.#want(index, from, to, 0, now);
    }
  }

  /** Finds the oldest row of packets that is wanted. @returns whether there is one */
  peek(): boolean {
    if (this.#wantedCount === 0) return false;
    for (; this.#scanFrom < this.#bursts.count; this.#scanFrom++) {
      if (this.#field(this.#scanFrom, WANTED) === 0 && this.#field(this.#scanFrom, WANTED + 1) === 0)
        continue;
      this.#describe(this.#scanFrom);
      return true;
    }
    return false;
  }

  /** The row that `peek` found is sent now. */
  take(now: number): void {
    const at = this.#bursts.at(this.#scanFrom);
    const from = this.number - this.#field(this.#scanFrom, NUMBER);
    for (let bit = from; bit < from + this.packets; bit++) {
      this.#clearBit(at + WANTED, bit);
      this.#setBit(at + RESENT, bit);
    }
    this.#wantedCount -= this.packets;
    this.#bursts.values[at + RESENT_AT] = now;
  }

  /** The newest number that came over a path; over one that died or is not known any more nothing is under way. */
  #newestOver(path: number): number {
    const slot = this.#reportedPaths.indexOf(path);
    const gone = slot < 0 || this.#dead[slot] === 1;
    return gone ? Number.POSITIVE_INFINITY : (this.#reportedNewest[slot] as number);
  }

  #describe(index: number): void {
    const wanted = this.#bursts.at(index) + WANTED;
    const count = this.#field(index, COUNT);
    let from = 0;
    while (!this.#isSet(wanted, from)) from++;
    let to = from;
    while (to < count && this.#isSet(wanted, to)) to++;
    const size = this.#field(index, SIZE);
    this.number = this.#field(index, NUMBER) + from;
    this.packets = to - from;
    this.position = this.#field(index, POSITION) + from * size;
    this.path = this.#field(index, PATH);
    this.size = size;
    this.bytes = Math.min(this.#field(index, LENGTH), to * size) - from * size;
  }

  #want(index: number, from: number, to: number, again: number, now: number): void {
    if (now - this.#field(index, SENT_AT) >= LONGEST_AGE) return;
    const at = this.#bursts.at(index);
    const retry = this.#field(index, RESENT_AT) < again;
    for (let bit = from; bit < to; bit++) {
      if (this.#isSet(at + WANTED, bit)) continue;
      if (this.#isSet(at + RESENT, bit) && !retry) continue;
      this.#setBit(at + WANTED, bit);
      this.#wantedCount++;
      if (index < this.#scanFrom) this.#scanFrom = index;
    }
  }

  /** Those of a burst's packets that have numbers from `number` and before `end` are not wanted. */
  #unwant(index: number, number: number, end: number): void {
    const at = this.#bursts.at(index);
    if (this.#field(index, WANTED) === 0 && this.#field(index, WANTED + 1) === 0) return;
    const first = this.#field(index, NUMBER);
    const to = Math.min(this.#field(index, COUNT), end - first);
    for (let bit = Math.max(0, number - first); bit < to; bit++) {
      if (!this.#isSet(at + WANTED, bit)) continue;
      this.#clearBit(at + WANTED, bit);
      this.#wantedCount--;
    }
  }

  /** The index of the first burst that ends behind this number. */
  #find(number: number): number {
    let low = 0;
    let high = this.#bursts.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#field(middle, NUMBER) + this.#field(middle, COUNT) > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #drop(): void {
    for (let word = WANTED; word < WANTED + 2; word++) {
      for (let bits = this.#field(0, word) | 0; bits !== 0; bits &= bits - 1) this.#wantedCount--;
    }
    this.#bursts.dropFirst();
    if (this.#scanFrom > 0) this.#scanFrom--;
  }

  #field(index: number, field: number): number {
    return this.#bursts.values[this.#bursts.at(index) + field] as number;
  }

  /** @param words where in the ring's values the burst's two words are */
  #isSet(words: number, bit: number): boolean {
    return ((this.#bursts.values[words + (bit >>> 5)] as number) & (1 << (bit % WORD))) !== 0;
  }

  #setBit(words: number, bit: number): void {
    const word = words + (bit >>> 5);
    this.#bursts.values[word] = (this.#bursts.values[word] as number) | (1 << (bit % WORD));
  }

  #clearBit(words: number, bit: number): void {
    const word = words + (bit >>> 5);
    this.#bursts.values[word] = (this.#bursts.values[word] as number) & ~(1 << (bit % WORD));
  }
}
