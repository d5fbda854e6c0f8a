import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { root } from './root.ts';
import { testLevels } from './test-levels.ts';

test('every test file of the project is in one level, once', () => {
  const files = testLevels().flatMap((level) => level.files);
  const all = globSync('**/*.test.ts', { cwd: root, exclude: ['node_modules/**'] });
  assert.deepEqual(files.toSorted(), all.toSorted());
});

test('what runs beside others is there, and laboratory', () => {
  const patient = testLevels().find(({ name, concurrency }) => name === 'lab' && concurrency > 1);
  assert.ok((patient?.files.length ?? 0) >= 15);
});
