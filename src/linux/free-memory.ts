/**
 * What the C library does with memory that was freed: how much of it the process keeps.
 *
 * Contract: holds for all threads. Giving back takes milliseconds, and no packet waits for it: only threads that allocate at that
 * moment do.
 * Source: mallopt(3), malloc_trim(3).
 */

import { bind } from './ffi.ts';

const mallocTrim = bind<(keep: number) => number>('int malloc_trim(size_t keep)');
const setOption = bind<(option: number, value: number) => number>('int mallopt(int param, int value)');

const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
/**
 * Larger pieces get a mapping of their own (bytes). A TLS connection holds buffers of 64 and 16 KB and uses a tenth: what it does not use
 * then takes no memory, and what it had is given back with it.
 */
const OWN_MAPPING = 16_384;
/** So much at the end of the heap is kept at the most (bytes). */
const KEPT = 131_072;

export function returnFreeMemory(): void {
  mallocTrim(0);
}

/**
 * For a process that has its start behind it. V8's compilers take and free pieces of some ten kilobytes by the thousand: with these
 * settings each of them is asked of the kernel and given back, which doubles what a start costs.
 */
export function keepLittleFreeMemory(): void {
  setOption(M_MMAP_THRESHOLD, OWN_MAPPING);
  setOption(M_TRIM_THRESHOLD, KEPT);
  returnFreeMemory();
}
