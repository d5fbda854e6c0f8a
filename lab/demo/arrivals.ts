/**
 * When the bytes of one transfer came in, as far as a person would feel it: how much, how fast, and the longest stall.
 *
 * Contract: pure; times are milliseconds of one monotonic clock. A stall is the time between two reads that follow one
 * another, counted between the first and the last byte; waiting for the first byte is none.
 */
export type ArrivalSummary = {
  readonly bytes: number;
  /** From the first to the last byte. */
  readonly elapsedMillis: number;
  readonly longestStallMillis: number;
  /** How many bytes had come in when the longest stall began. */
  readonly longestStallAtBytes: number;
  readonly reads: number;
};

export class Arrivals {
  #bytes = 0;
  #reads = 0;
  #firstAt = 0;
  #lastAt = 0;
  #longestStall = 0;
  #longestStallAtBytes = 0;

  /** A read at `now` brought `bytes`. */
  note(now: number, bytes: number): void {
    if (bytes === 0) return;
    if (this.#reads === 0) this.#firstAt = now;
    else if (now - this.#lastAt > this.#longestStall) {
      this.#longestStall = now - this.#lastAt;
      this.#longestStallAtBytes = this.#bytes;
    }
    this.#lastAt = now;
    this.#bytes += bytes;
    this.#reads++;
  }

  get summary(): ArrivalSummary {
    return {
      bytes: this.#bytes,
      elapsedMillis: this.#lastAt - this.#firstAt,
      longestStallMillis: this.#longestStall,
      longestStallAtBytes: this.#longestStallAtBytes,
      reads: this.#reads,
    };
  }
}
