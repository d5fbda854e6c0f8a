/**
 * `./run test [unit|lab|vm] [pattern]`: the checks and every test, or one level, or the files whose path contains the
 * pattern. The last line is `N passed, N failed`; the exit status is 0 only when something passed and nothing failed.
 */

import { join } from 'node:path';
import { runChecks } from './checks.ts';
import { root } from './root.ts';
import { showResult, showSums } from './show-result.ts';
import { endRunningFiles, type FileResult, runTestFile } from './test-file.ts';
import { type Level, testLevels } from './test-levels.ts';

const begin = performance.now();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    endRunningFiles();
    process.exit(130);
  });

const [word = '', ...rest] = process.argv.slice(2);
const names = testLevels().map((level) => level.name);
const isLevel = names.includes(word);
const pattern = isLevel ? rest[0] : word;
const results: FileResult[] = word === '' ? await runChecks(showResult) : [];
for (const level of testLevels(pattern))
  if (!isLevel || level.name === word) results.push(...(await runLevel(level)));
process.exitCode = showSums(results, performance.now() - begin);

async function runLevel(level: Level): Promise<FileResult[]> {
  if (level.files.length === 0) return [];
  const sideBySide = level.concurrency > 1 ? `, ${level.concurrency} at a time` : '';
  console.log(`\n${level.name}: ${level.files.length} files${sideBySide}`);
  const waiting = [...level.files];
  const done: FileResult[] = [];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runTestFile(join(root, file), level.timeoutMillis);
      done.push({ ...result, file });
      showResult({ ...result, file });
    }
  };
  await Promise.all(Array.from({ length: level.concurrency }, work));
  return done;
}
