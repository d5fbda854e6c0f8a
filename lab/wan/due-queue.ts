/**
 * Frames on their way, ordered by when they are due; equal times keep the order of arrival.
 *
 * Contract: pure; a fixed number of places, each a small integer that stands for a frame's memory. `push` is cheap
 * when times mostly increase (it looks backwards from the end). Allocates nothing after construction.
 */
export class DueQueue {
  readonly #due: Float64Array;
  readonly #place: Int32Array;
  readonly #mask: number;
  #head = 0;
  #length = 0;

  /** @param capacity a power of two */
  constructor(capacity: number) {
    if ((capacity & (capacity - 1)) !== 0) throw new RangeError('capacity must be a power of two');
    this.#due = new Float64Array(capacity);
    this.#place = new Int32Array(capacity);
    this.#mask = capacity - 1;
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length > this.#mask;
  }

  /** When the first frame is due; Infinity when there is none. */
  get nextDue(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : this.#due[this.#head]!;
  }

  push(due: number, place: number): void {
    if (this.isFull) throw new RangeError('the queue is full');
    let index = this.#length++;
    for (; index > 0; index--) {
      const before = (this.#head + index - 1) & this.#mask;
      if (this.#due[before]! <= due) break;
      const here = (before + 1) & this.#mask;
      this.#due[here] = this.#due[before]!;
      this.#place[here] = this.#place[before]!;
    }
    const at = (this.#head + index) & this.#mask;
    this.#due[at] = due;
    this.#place[at] = place;
  }

  /** Takes the first frame out. @returns its place, or -1 when there is none */
  shift(): number {
    if (this.#length === 0) return -1;
    const place = this.#place[this.#head]!;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length--;
    return place;
  }
}
