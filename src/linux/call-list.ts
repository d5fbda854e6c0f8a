/**
 * Several C calls made in one crossing of FFI.
 *
 * Contract: a list is written once with its functions; before each run only the arguments that differ are set. Arguments
 * are integers or addresses. A run makes its calls in order and stops behind the first whose result (an `int`) is below
 * what `add` said it must be at least. Allocates nothing per run.
 *
 * Why: a crossing costs 36 ns and more, and sealing a packet takes five of libcrypto's functions (docs/decisions/0009).
 */
import type { Arena } from './arena.ts';
import {
  AT_LEAST,
  type CallRunner,
  FIRST_ARGUMENT,
  ffiRunner,
  nativeRunner,
  RECORD_SIZE,
  RESULT,
} from './call-runner.ts';

let native: CallRunner | undefined | 'not tried' = 'not tried';

export class CallList {
  readonly #arena: Arena;
  readonly #run: CallRunner;
  readonly #records: number;
  readonly #capacity: number;
  #count = 0;

  /** @param capacity calls at most; @param crossing 'each' makes every call a crossing of its own, for comparison */
  constructor(arena: Arena, capacity: number, crossing: 'one' | 'each' = 'one') {
    if (native === 'not tried') native = nativeRunner();
    this.#arena = arena;
    this.#capacity = capacity;
    this.#records = arena.reserve(capacity * RECORD_SIZE, RECORD_SIZE);
    this.#run = (crossing === 'one' ? native : undefined) ?? ffiRunner(arena.data, arena.address);
  }

  /**
   * Appends a call.
   * @param address of the function; @param atLeast below this result the run ends
   * @returns its number in the list
   */
  add(address: number, atLeast: number, ...given: readonly number[]): number {
    if (this.#count === this.#capacity) throw new RangeError('a call list is longer than its capacity');
    const call = this.#count++;
    const record = this.#records + call * RECORD_SIZE;
    this.#arena.setPointer(record, address);
    this.#arena.data.setInt32(record + AT_LEAST, atLeast, true);
    given.forEach((value, index) => {
      this.#arena.setPointer(record + FIRST_ARGUMENT + 8 * index, value);
    });
    return call;
  }

  /** Forgets its calls, so that it can be written anew. */
  clear(): void {
    const length = this.#count * RECORD_SIZE;
    this.#arena.bytes.fill(0, this.#records, this.#records + length);
    this.#count = 0;
  }

  /** @param value 0 to 2^32-1, as all addresses in an arena are */
  set(call: number, argument: number, value: number): void {
    const at = this.#records + call * RECORD_SIZE + FIRST_ARGUMENT + 8 * argument;
    this.#arena.data.setUint32(at, value, true);
  }

  /** As `set`, of any address. */
  setPointer(call: number, argument: number, address: number): void {
    this.#arena.setPointer(this.#records + call * RECORD_SIZE + FIRST_ARGUMENT + 8 * argument, address);
  }

  /** @returns whether all calls were made and gave what they must */
  runAll(): boolean {
    return this.run(0, this.#count) === this.#count;
  }

  /** Makes the calls from `first` up to, not including, `end`. @returns the first that gave less than it must, or `end` */
  run(first: number, end: number): number {
    const origin = this.#arena.address + this.#records;
    const stopped = this.#run(origin + first * RECORD_SIZE, origin + end * RECORD_SIZE);
    return ((stopped - origin) / RECORD_SIZE) | 0;
  }

  /** What a call returned in the last run; stale when the run ended before it. */
  result(call: number): number {
    return this.#arena.data.getInt32(this.#records + call * RECORD_SIZE + RESULT, true);
  }
}
