/** The lines that the house's scripts print while they test, and the last one with the sums. */

import { formatMillis } from '../src/journal/quantity.ts';
import type { FileResult } from './test-file.ts';

/** One line per file; a file with failures brings them along. */
export function showResult(result: FileResult): void {
  const mark = result.failed > 0 ? 'FAILED' : 'ok    ';
  const skipped = result.skipped === 0 ? '' : `, ${result.skipped} skipped`;
  const counts = `${result.passed} passed${result.failed === 0 ? '' : `, ${result.failed} failed`}${skipped}`;
  console.log(`${mark} ${result.file}: ${counts} (${formatMillis(result.millis)})`);
  for (const failure of result.failures) console.log(failure.replaceAll(/^/gm, '       '));
}

/** Prints the sums, the last line in its fixed form, and returns the exit status. */
export function showSums(results: readonly FileResult[], millis: number): number {
  const sum = (key: 'passed' | 'failed' | 'skipped') =>
    results.reduce((total, result) => total + result[key], 0);
  const failing = results.filter((result) => result.failed > 0).map((result) => result.file);
  const unsteady = results.filter((result) => result.isUnsteady).map((result) => result.file);
  if (unsteady.length > 0) console.log(`\nunsteady, passed when run again: ${unsteady.join(', ')}`);
  if (failing.length > 0) console.log(`\nwith failures: ${failing.join(', ')}`);
  console.log(`\n${results.length} files in ${formatMillis(millis)}, ${sum('skipped')} tests skipped`);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  return sum('failed') > 0 || sum('passed') === 0 ? 1 : 0;
}
