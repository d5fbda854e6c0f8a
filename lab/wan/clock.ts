/**
 * The emulator's time: reading the wall clock finely, and sleeping until a moment or until something happens.
 *
 * Contract: milliseconds. `Sleeper.sleep` returns after the time or when a watched descriptor is readable, about
 * 0.06 ms late. Source: ppoll(2), prctl(2) PR_SET_TIMERSLACK, sched(7).
 */
import { Arena } from '../../src/linux/arena.ts';
import { bind } from '../../src/linux/ffi.ts';

const poll = bind<(fds: number, count: number, timeout: number, mask: number) => number>(
  'int ppoll(uintptr_t fds, uint64_t count, uintptr_t timeout, uintptr_t mask)',
);
const readClock = bind<(clock: number, time: number) => number>(
  'int clock_gettime(int clock, uintptr_t time)',
);
const processControl = bind<(what: number, value: number) => number>(
  'int prctl(int what, unsigned long value)',
);
const systemCall = bind<(number: number, pid: number, attributes: number, flags: number) => number>(
  'long syscall(long number, long pid, uintptr_t attributes, long flags)',
);

const CLOCK_REALTIME = 0;
const PR_SET_TIMERSLACK = 29;
/** sched_setattr(2) has no function in older C libraries. */
const SYS_SCHED_SETATTR = process.arch === 'x64' ? 314 : 274;
const SCHED_ATTRIBUTES_SIZE = 48;
const SCHED_RR = 2;
const SCHED_DEADLINE = 6;
/** Threads start as ordinary ones; processor time that nobody has reserved may be used beyond the budget. */
const SCHED_FLAGS = 1 | 2;
/**
 * The share of a processor that the emulator is promised: twice what 400 Mbit/s need, and so that two laboratories
 * have room on two processors. The period bounds how long it waits when it has overdrawn.
 */
const BUDGET_NANOS = 700_000;
const PERIOD_NANOS = 1_000_000;
const POLLIN = 1;
const POLLERR = 8;
const MAX_WATCHED = 256;

export class Sleeper {
  readonly #arena = new Arena(MAX_WATCHED * 8 + 128);
  readonly #fds: number;
  readonly #time: number;
  readonly #attributes: number;
  #watched = 0;

  constructor() {
    this.#fds = this.#arena.reserve(MAX_WATCHED * 8);
    this.#time = this.#arena.reserve(16);
    this.#attributes = this.#arena.reserve(SCHED_ATTRIBUTES_SIZE);
  }

  /** @returns the number of the descriptor, for `hasError`; the first ones are watched by shorter counts */
  watch(fd: number): number {
    const offset = this.#fds + this.#watched * 8;
    this.#arena.data.setInt32(offset, fd, true);
    this.#arena.data.setInt16(offset + 4, POLLIN, true);
    return this.#watched++;
  }

  /** @param count how many of the watched descriptors may end the sleep; Infinity: all */
  sleep(millis: number, count: number): void {
    const seconds = Math.floor(millis / 1000);
    const { data, address } = this.#arena;
    if (Number.isFinite(millis)) {
      data.setUint32(this.#time, seconds, true);
      data.setUint32(this.#time + 8, Math.max(0, (millis - seconds * 1000) * 1e6), true);
    }
    const timeout = Number.isFinite(millis) ? address + this.#time : 0;
    poll(address + this.#fds, Math.min(count, this.#watched), timeout, 0);
  }

  isReadable(number: number): boolean {
    return this.#events(number) !== 0;
  }

  hasError(number: number): boolean {
    return (this.#events(number) & POLLERR) !== 0;
  }

  /** The wall clock as the kernel stamps frames with it. */
  wallMillis(): number {
    readClock(CLOCK_REALTIME, this.#arena.address + this.#time);
    const { data } = this.#arena;
    const seconds = data.getUint32(this.#time, true) + data.getUint32(this.#time + 4, true) * 0x1_0000_0000;
    return seconds * 1000 + data.getUint32(this.#time + 8, true) / 1e6;
  }

  /**
   * Wakes exactly, and before ordinary programs: they are what is measured, the emulator is their network. With a
   * deadline it was at most 14 ms late under full load; as SCHED_RR 75 ms, since the kernel lets ordinary programs have
   * their 50 ms a second in one piece; so that is only what remains when all deadlines are taken.
   */
  hurry(): void {
    processControl(PR_SET_TIMERSLACK, 1);
    if (!this.#schedule(SCHED_DEADLINE)) this.#schedule(SCHED_RR);
  }

  #schedule(policy: number): boolean {
    const { data, address, bytes } = this.#arena;
    const at = this.#attributes;
    bytes.fill(0, at, at + SCHED_ATTRIBUTES_SIZE); // struct sched_attr
    data.setUint32(at, SCHED_ATTRIBUTES_SIZE, true);
    data.setUint32(at + 4, policy, true);
    if (policy === SCHED_DEADLINE) {
      data.setUint32(at + 8, SCHED_FLAGS, true);
      data.setUint32(at + 24, BUDGET_NANOS, true);
      data.setUint32(at + 32, PERIOD_NANOS, true);
      data.setUint32(at + 40, PERIOD_NANOS, true);
    } else {
      data.setUint32(at + 20, 1, true);
    }
    return systemCall(SYS_SCHED_SETATTR, 0, address + at, 0) === 0;
  }

  #events(number: number): number {
    return this.#arena.data.getInt16(this.#fds + number * 8 + 6, true);
  }
}
