import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runLevel } from './run-level.ts';
import type { FileResult } from './test-file.ts';
import type { Level } from './test-levels.ts';

const level: Level = {
  name: 'lab',
  files: ['a', 'b', 'c'],
  concurrency: 2,
  timeoutMillis: 1_000,
  asksAgain: true,
};

/** Runs files whose outcomes are given in order: the number of tests that fail. */
async function runWith(outcomes: Record<string, number[]>, changes: Partial<Level> = {}) {
  const shown: string[] = [];
  let running = 0;
  let beside = 0;
  const results = await runLevel(
    { ...level, ...changes },
    ({ file, failed }) => shown.push(`${file}${failed}`),
    async (file): Promise<FileResult> => {
      beside = Math.max(beside, running++);
      await new Promise(setImmediate);
      running--;
      return { file, passed: 1, failed: outcomes[file]?.shift() ?? 0, skipped: 0, millis: 1, failures: [] };
    },
  );
  return { results: results.sort((a, b) => a.file.localeCompare(b.file)), shown, beside };
}

describe('a level of tests', () => {
  it('runs every file once, as many at a time as it says', async () => {
    const { results, shown, beside } = await runWith({});
    assert.deepEqual(shown.sort(), ['a0', 'b0', 'c0']);
    assert.deepEqual([beside, results.some(({ isUnsteady }) => isUnsteady)], [1, false]);
  });

  it('asks a file again that failed, after all others, and names it unsteady', async () => {
    const { results, shown } = await runWith({ a: [2, 0] });
    assert.deepEqual(shown.slice(1).sort(), ['a0', 'b0', 'c0']);
    assert.deepEqual([shown[0], shown[3]], ['a2', 'a0']);
    assert.deepEqual([results[0]?.failed, results[0]?.isUnsteady], [0, true]);
  });

  it('believes a file that fails twice', async () => {
    const { results, shown } = await runWith({ b: [1, 3] });
    assert.deepEqual([shown.length, results[1]?.failed, results[1]?.isUnsteady], [4, 3, false]);
  });

  it('believes the first failure where nothing excuses it', async () => {
    const { results, shown } = await runWith({ b: [1, 0] }, { asksAgain: false });
    assert.deepEqual([shown.length, results[1]?.failed], [3, 1]);
  });
});
