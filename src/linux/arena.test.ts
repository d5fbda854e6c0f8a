import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { Arena } from './arena.ts';

const MEBIBYTE = 1 << 20;

it('takes no memory once it is emptied, and reads as zeros', () => {
  const arena = new Arena(64 * MEBIBYTE);
  arena.bytes.fill(7);
  const full = residentBytes();
  arena.empty();
  assert.ok(residentBytes() < full - 60 * MEBIBYTE);
  assert.deepEqual([arena.bytes[0], arena.bytes.at(-1)], [0, 0]);
});

function residentBytes(): number {
  const [, pages = '0'] = readFileSync('/proc/self/statm', 'utf8').split(' ');
  return Number(pages) * 4096;
}
