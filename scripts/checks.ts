/** What is checked without running the program: types, lint and format, dead code. Each is one program's verdict. */

import { spawn } from 'node:child_process';
import { root } from './root.ts';
import type { FileResult } from './test-file.ts';

type Check = { readonly name: string; readonly words: readonly string[] };

const checks: readonly Check[] = [
  { name: 'types', words: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'] },
  {
    name: 'lint and format',
    words: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
  },
  { name: 'dead code', words: ['node_modules/knip/bin/knip.js', '--no-progress'] },
];

/** One after the other; each counts as one test. */
export async function runChecks(show: (result: FileResult) => void): Promise<FileResult[]> {
  const results: FileResult[] = [];
  for (const check of checks) {
    const result = await runCheck(check);
    show(result);
    results.push(result);
  }
  return results;
}

function runCheck({ name, words }: Check): Promise<FileResult> {
  const begin = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => keep(Buffer.from(error.message)));
    child.on('close', (code) => {
      const passed = code === 0 ? 1 : 0;
      const failures = passed ? [] : [output.trimEnd()];
      resolve({
        file: name,
        passed,
        failed: 1 - passed,
        skipped: 0,
        millis: performance.now() - begin,
        failures,
      });
    });
  });
}
