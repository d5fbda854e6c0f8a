/** How long a process has run on a processor. Source: proc(5), /proc/PID/stat. */
import { readFileSync } from 'node:fs';

/** The kernel counts in hundredths of a second whatever its own clock does (USER_HZ). */
const TICK_MILLIS = 10;
/** Of the fields behind the program's name: time in the program, and in the kernel for it. */
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

/** All threads together. */
export function processorMillis(pid: number): number {
  // The name stands in parentheses and may contain anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
  return (Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])) * TICK_MILLIS;
}
