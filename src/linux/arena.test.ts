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

it('asks for large pages where it is large, and for none where it is not', () => {
  const small = new Arena(4096);
  const large = new Arena(4 * MEBIBYTE);
  assert.equal(large.address % (2 * MEBIBYTE), 0);
  assert.deepEqual([asksForLargePages(small.address), asksForLargePages(large.address)], [false, true]);
});

/** The mapping at this address has the flag `hg` (proc_pid_smaps(5)). */
function asksForLargePages(address: number): boolean {
  const start = address.toString(16).padStart(8, '0');
  const mapping = readFileSync('/proc/self/smaps', 'utf8').split(`\n${start}-`)[1] ?? '';
  return (/^VmFlags:(.*)$/m.exec(mapping)?.[1] ?? '').split(' ').includes('hg');
}
