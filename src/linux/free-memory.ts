/**
 * What becomes of memory that is free: how much of it the process keeps.
 *
 * Contract: no packet waits for what is done here: of the C library's memory only threads that allocate at that moment do, and objects are
 * the calling thread's own.
 * Source: mallopt(3), malloc_trim(3).
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

/**
 * Gives back what this thread's unused objects take, and what the C library holds. V8 by itself collects when
 * objects are made, and keeps what a crowd of callers left for as long as nobody else calls.
 *
 * With 25 MB of objects 40 ms, and 70 to 100 where V8 has to give back the pages that it would keep for later (`thoroughly`).
 */
export function returnFreeMemory(thoroughly = true): void {
  collectGarbage(thoroughly ? 'last-resort' : 'regular');
  mallocTrim(0);
}

/**
 * For a process that has its start behind it. V8's compilers take and free pieces of some ten kilobytes by the thousand: with these
 * settings each of them is asked of the kernel and given back, which doubles what a start costs.
 */
export function keepLittleFreeMemory(): void {
  setOption(M_MMAP_THRESHOLD, OWN_MAPPING);
  setOption(M_TRIM_THRESHOLD, KEPT);
  mallocTrim(0);
}

/** V8 has it for those who ask by a flag; only contexts that are made afterwards see it. */
function collectGarbage(flavor: 'last-resort' | 'regular'): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  collect({ type: 'major', execution: 'sync', flavor });
}
