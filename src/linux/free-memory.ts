/**
 * Gives memory that the C library has freed and still holds back to the machine.
 *
 * Contract: takes milliseconds, and no packet waits for it: only threads that allocate at that moment do.
 * Source: malloc_trim(3).
 */
import { bind } from './ffi.ts';

const mallocTrim = bind<(keep: number) => number>('int malloc_trim(size_t keep)');

export function returnFreeMemory(): void {
  mallocTrim(0);
}
