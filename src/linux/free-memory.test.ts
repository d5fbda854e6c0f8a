import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { bind } from './ffi.ts';
import { keepLittleFreeMemory, returnFreeMemory } from './free-memory.ts';

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

it('gives back what objects took that nobody holds any more', async () => {
  let row: object[] | undefined = Array.from({ length: 200_000 }, (_, index) => ({ index }));
  const held = new WeakRef(row);
  assert.equal(row.length, 200_000);
  row = undefined;
  const before = process.memoryUsage().heapUsed;
  // A reference that was read is held until the task ends.
  await setImmediate();
  returnFreeMemory();
  assert.equal(held.deref(), undefined);
  assert.ok(process.memoryUsage().heapUsed < before - 200_000 * 12);
});
