/** An object per packet is a gigabyte of garbage per minute: the packet path allocates nothing for a packet. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Bytes of heap; the smallest object has 16. What the compiler writes down meanwhile comes to one or two per packet. */
const LIMIT = 8;

test('a packet costs no heap: cut, sealed, opened, merged, sent and received', () => {
  const program = fileURLToPath(new URL('../../test/fixtures/allocation-run.ts', import.meta.url));
  const young = ['--min-semi-space-size=64', '--max-semi-space-size=64'];
  const output = execFileSync(process.execPath, ['--expose-gc', '--trace-gc', ...young, program], {
    encoding: 'utf8',
  });
  assert.doesNotMatch(output, /Scavenge/, 'the young generation was not full, or the figures mean nothing');
  const figures = JSON.parse(output.slice(output.lastIndexOf('{'))) as Record<string, number>;
  assert.deepEqual(Object.keys(figures), ['early', 'late', 'whole']);
  for (const [stage, bytes] of Object.entries(figures)) {
    assert.ok(bytes < LIMIT, `${stage}: ${bytes.toFixed(1)} bytes of heap per packet`);
  }
});
