/**
 * The memory of a daemon as the kernel sees it.
 *
 * Contract: bytes. `resident` is what counts against the machine; `anonymous` leaves out what is only mapped from files
 * (the runtime's own program), and is what a leak would grow: heap, buffers and stacks of all threads.
 * Source: proc(5), /proc/PID/status.
 */
import { readFileSync } from 'node:fs';

export type Memory = { readonly resident: number; readonly anonymous: number };

/** @returns undefined when the process has ended */
export function memoryOf(pid: number): Memory | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return { resident: kibibytes(text, 'VmRSS'), anonymous: kibibytes(text, 'RssAnon') };
  } catch {
    return undefined;
  }
}

function kibibytes(text: string, field: string): number {
  return Number(text.match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'))?.[1] ?? 0) * 1024;
}
