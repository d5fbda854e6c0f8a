/**
 * Whether a process is there and does something.
 *
 * Contract: one that has ended but was not yet collected by its parent (a zombie) is not alive. Source: proc(5).
 */
import { readFileSync } from 'node:fs';

export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== 'Z' && state !== 'X';
}

function stateOf(pid: number): string | undefined {
  try {
    // The program's name stands in parentheses before the state, and may contain anything.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').match(/.*\) (\w)/s)?.[1];
  } catch {
    return undefined;
  }
}
