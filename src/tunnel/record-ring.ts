/**
 * A ring of records, each a row of numbers, one behind the other in one array: to look at a record touches one or two
 * cache lines, where an array for each field would touch as many as there are fields.
 *
 * Contract: records are added at the end and taken from either end. `at(index)` is where in `values` the record's first
 * field lies, index 0 being the oldest; it holds until the next `append`. Grows by doubling up to its last capacity, and
 * allocates only then.
 */
export class RecordRing {
  /** The fields of all records. */
  values: Float64Array;
  /** How many records there are. */
  count = 0;

  readonly #width: number;
  readonly #lastCapacity: number;
  #capacity: number;
  #first = 0;

  /** @param width fields of a record; @param capacity at first, and @param lastCapacity at most: powers of two */
  constructor(width: number, capacity: number, lastCapacity: number) {
    this.#width = width;
    this.#capacity = capacity;
    this.#lastCapacity = lastCapacity;
    this.values = new Float64Array(width * capacity);
  }

  /** Whether another record needs one of those that are there to go. */
  get isFull(): boolean {
    return this.count === this.#lastCapacity;
  }

  at(index: number): number {
    return ((this.#first + index) & (this.#capacity - 1)) * this.#width;
  }

  /** A record behind the others, with what was there before in its fields. Not when it is full. @returns as `at` */
  append(): number {
    if (this.count === this.#capacity) this.#grow();
    return this.at(this.count++);
  }

  /** Takes away the oldest ones. */
  dropFirst(records = 1): void {
    this.#first = (this.#first + records) & (this.#capacity - 1);
    this.count -= records;
  }

  /** Takes away the newest one. */
  dropLast(): void {
    this.count--;
  }

  clear(): void {
    this.count = 0;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.values.length);
    const first = this.#first * this.#width;
    larger.set(this.values.subarray(first));
    larger.set(this.values.subarray(0, first), this.values.length - first);
    this.values = larger;
    this.#first = 0;
    this.#capacity *= 2;
  }
}
