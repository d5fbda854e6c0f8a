/**
 * What the traffic filters have counted, asked of the kernel when somebody wants to know.
 *
 * Contract: nothing is asked without filters. However many readers there are, the kernel is asked at most once in
 * `HOLD_MILLIS`. What cannot be read is not known, which is no reason to show no status at all.
 */
import { BackstayError } from '../errors.ts';
import type { FilterCounts } from './filter-status.ts';

/** A run of nft(8) takes some 7 ms of a processor: 3 % of one for readers who never stop. */
const HOLD_MILLIS = 250;

const nothing: FilterCounts = new Map();

export class FilterCounter {
  readonly #ask: (() => Promise<FilterCounts>) | undefined;
  readonly #nowMillis: () => number;
  #answer = Promise.resolve(nothing);
  #askedAtMillis = Number.NEGATIVE_INFINITY;

  /** @param ask undefined when there are no filters */
  constructor(ask: (() => Promise<FilterCounts>) | undefined, nowMillis: () => number) {
    this.#ask = ask;
    this.#nowMillis = nowMillis;
  }

  read(): Promise<FilterCounts> {
    const nowMillis = this.#nowMillis();
    if (this.#ask === undefined || nowMillis - this.#askedAtMillis < HOLD_MILLIS) return this.#answer;
    this.#askedAtMillis = nowMillis;
    this.#answer = this.#ask().catch(unknown);
    return this.#answer;
  }
}

function unknown(error: unknown): FilterCounts {
  if (error instanceof BackstayError) return nothing;
  throw error;
}
