/**
 * Runs the test files of one level, as many at a time as it allows.
 *
 * Contract: a file of the laboratory, or of what uses this machine's kernel, that failed is run once more when the others
 * are through, alone: it measures real time on a machine that may be doing something else. Both runs are shown with all they
 * said. The second one counts, and the sums name the file as unsteady, because somebody has to look at it. Others have no such
 * excuse.
 */
import { join } from 'node:path';
import { root } from './root.ts';
import { type FileResult, runTestFile } from './test-file.ts';
import type { Level } from './test-levels.ts';

type RunFile = (file: string, timeoutMillis: number) => Promise<FileResult>;

/** @param show is given each result as it comes; those that are asked again come twice */
export async function runLevel(
  level: Level,
  show: (result: FileResult) => void,
  run: RunFile = runOfProject,
): Promise<FileResult[]> {
  const waiting = [...level.files];
  const results: FileResult[] = [];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await run(file, level.timeoutMillis);
      results.push(result);
      show(result);
    }
  };
  await Promise.all(Array.from({ length: level.concurrency }, work));
  if (!level.asksAgain) return results;
  for (const [index, first] of results.entries()) {
    if (first.failed === 0) continue;
    const second = await run(first.file, level.timeoutMillis);
    show(second);
    results[index] = { ...second, isUnsteady: second.failed === 0 };
  }
  return results;
}

/** @param file relative to the project's directory */
async function runOfProject(file: string, timeoutMillis: number): Promise<FileResult> {
  return { ...(await runTestFile(join(root, file), timeoutMillis)), file };
}
