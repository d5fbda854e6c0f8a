import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bind } from './ffi.ts';
import { keepLittleFreeMemory } from './free-memory.ts';

const malloc = bind<(size: number) => number>('uintptr_t malloc(size_t size)');
const free = bind<(address: number) => void>('void free(uintptr_t address)');
/** Where the C library's piece lies in a mapping of its own: right behind its head (malloc.c, mmapped chunks). */
const BEHIND_HEAD = 16;
const PAGE = 4_096;

/** Of so many that the holes of the heap are filled: they are used first. */
function haveOwnMappings(size: number): boolean {
  const pieces = Array.from({ length: 4_000 }, () => malloc(size));
  const own = pieces.filter((piece) => piece % PAGE === BEHIND_HEAD).length;
  for (const piece of pieces) free(piece);
  return own > pieces.length / 2;
}

it('gives buffers of TLS connections mappings of their own, once the start is over', () => {
  assert.equal(haveOwnMappings(17_000), false);
  keepLittleFreeMemory();
  assert.equal(haveOwnMappings(17_000), true);
  assert.equal(haveOwnMappings(8_000), false);
});
