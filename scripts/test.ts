/**
 * `./run test [unit|lab|vm] [pattern]`: the checks and every test, or one level, or the files whose path contains the
 * pattern. The last line is `N passed, N failed`; the exit status is 0 only when something passed and nothing failed.
 */

import { runChecks } from './checks.ts';
import { runLevel } from './run-level.ts';
import { showResult, showSums } from './show-result.ts';
import { endRunningFiles, type FileResult } from './test-file.ts';
import { testLevels } from './test-levels.ts';

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
for (const level of testLevels(pattern)) {
  if (level.files.length === 0 || (isLevel && level.name !== word)) continue;
  const sideBySide = level.concurrency > 1 ? `, ${level.concurrency} at a time` : '';
  console.log(`\n${level.name}: ${level.files.length} files${sideBySide}`);
  results.push(...(await runLevel(level, showResult)));
}
process.exitCode = showSums(results, performance.now() - begin);
