/**
 * The packet worker's clock: monotonic whole microseconds.
 *
 * Contract: never goes back and ignores changes of the wall clock (CLOCK_MONOTONIC). Allocates nothing. It is libc's
 * `clock_gettime`, which comes the way that every other call of the worker comes: `performance.now()` is code of its own
 * that is cold after a sleep.
 * Source: clock_gettime(2).
 */
import { Arena } from './arena.ts';
import { bind } from './ffi.ts';

const clockGettime = bind<(clock: number, time: number) => number>(
  'int clock_gettime(int clock, uintptr_t time)',
);
const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;

/** `struct timespec`: seconds and nanoseconds, eight bytes each; the low halves are enough for 136 years. */
const arena = new Arena(4096);
const time = arena.reserve(16);
const { data } = arena;
const timeAddress = arena.address + time;
clockGettime(CLOCK_MONOTONIC, timeAddress);
const firstSecond = data.getUint32(time, true);

/**
 * The clock begins here, above what V8 keeps as a small integer: compiled code learns at once what kind of number a time
 * is, and need not be given up after 36 minutes.
 */
const BEGIN = 2 ** 32;

export function monotonicMicros(): number {
  clockGettime(CLOCK_MONOTONIC, timeAddress);
  const seconds = data.getUint32(time, true) - firstSecond;
  return BEGIN + seconds * 1_000_000 + ((data.getUint32(time + 8, true) / 1000) | 0);
}

/** The wall clock, as the kernel stamps packets with it: milliseconds since 1970, with their fractions. */
export function wallMillis(): number {
  clockGettime(CLOCK_REALTIME, timeAddress);
  return data.getUint32(time, true) * 1000 + data.getUint32(time + 8, true) / 1e6;
}

/**
 * What to add to the clock's milliseconds to compare them with another thread's: the origin of `performance`, which is
 * common to all threads, seen from this clock.
 */
export const clockOriginMillis = performance.timeOrigin + performance.now() - monotonicMicros() / 1000;
