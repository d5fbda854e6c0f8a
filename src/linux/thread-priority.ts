/**
 * How much of the processors a thread gets when others want them too.
 *
 * Contract: for the calling thread only, as on Linux each has a nice value of its own.
 * Source: setpriority(2), sched(7).
 */
import { readFileSync } from 'node:fs';
import { bind } from './ffi.ts';

const setpriority = bind<(which: number, who: number, nice: number) => number>(
  'int setpriority(int which, uint32_t who, int nice)',
);

const PRIO_PROCESS = 0;
/** The calling thread. */
const SELF = 0;
/** About ten times the share of a usual thread, and the processor at once when there is something to do. */
export const RAISED_NICE = -10;

/** What a thread of this process has. @param thread its number */
export function niceOf(thread: number): number {
  const text = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
  // The name, in brackets, may hold anything; the nice value is the 17th field behind it (proc_pid_stat(5)).
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16]);
}

/** @returns whether the kernel allowed it (CAP_SYS_NICE, or a limit RLIMIT_NICE of 30 and more) */
export function raiseThreadPriority(): boolean {
  return setpriority(PRIO_PROCESS, SELF, RAISED_NICE) === 0;
}
