/**
 * Runs one test file in a process of its own and counts what it says.
 *
 * Contract: never hangs and never throws. A file that crashes, does not end in time, or holds no test at all counts as
 * one failure more, whatever it reported before. Its processes are ended by their group.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './root.ts';
import type { TestLine } from './test-reporter.ts';

export type FileResult = {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly millis: number;
  /** For each failure its name and what is known about it. */
  readonly failures: readonly string[];
  /** It failed, and passed when it was run again. */
  readonly isUnsteady?: boolean;
};

const reporter = fileURLToPath(new URL('./test-reporter.ts', import.meta.url));
/** Hundreds of processes start from the same sources: what one has compiled the next need not, a tenth to a fifth of the time. */
const compileCache = join(root, 'node_modules', '.cache', 'tests');
/** Of what a failing file printed, the end that is shown. */
const shownOutputChars = 6_000;
/** After the polite signal: time to remove namespaces. */
const graceMillis = 10_000;
/** A process that left the group may hold the output open for ever. */
const outputMillis = 1_000;
const running = new Set<ChildProcess>();

export async function runTestFile(file: string, timeoutMillis: number): Promise<FileResult> {
  const directory = mkdtempSync(join(tmpdir(), 'bs-test-report-'));
  const report = join(directory, 'lines');
  const begin = performance.now();
  try {
    const ended = await runProcess(file, report, timeoutMillis);
    return count(file, readLines(report), ended, performance.now() - begin);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Ends the test files that run now, when the run itself is ended. */
export function endRunningFiles(): void {
  for (const child of running) endGroup(child, 'SIGTERM');
}

type Ended = { how: 'well' | 'with failures' | 'badly'; reason: string; output: string };

function runProcess(file: string, report: string, timeoutMillis: number): Promise<Ended> {
  const words = [`--test-reporter=${reporter}`, `--test-reporter-destination=${report}`, file];
  // The file has to report to this runner, also when this runner is itself under test.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  env['NODE_COMPILE_CACHE'] ??= compileCache;
  const child = spawn(process.execPath, words, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-shownOutputChars);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      endGroup(child, 'SIGTERM');
      setTimeout(() => endGroup(child, 'SIGKILL'), graceMillis).unref();
    }, timeoutMillis);
    const finish = (reason: string, how: Ended['how']) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ how, reason, output });
    };
    child.on('error', (error) => finish(`it could not be started: ${error.message}`, 'badly'));
    child.on('exit', (code, signal) => {
      // What a test left behind must not hold its output open, nor run on beside the next file.
      endGroup(child, 'SIGKILL');
      const verdict = () => {
        if (late) finish(`it did not end within ${timeoutMillis / 1000} s`, 'badly');
        else if (signal !== null) finish(`it was ended by ${signal}`, 'badly');
        else if (code === 0) finish('', 'well');
        else finish(`it ended with exit status ${code}`, code === 1 ? 'with failures' : 'badly');
      };
      child.on('close', verdict);
      setTimeout(verdict, outputMillis).unref();
    });
  });
}

function count(file: string, lines: readonly TestLine[], ended: Ended, millis: number): FileResult {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  for (const line of lines) {
    tally[line.outcome] += 1;
    if (line.outcome === 'failed') failures.push(`${line.name}\n${line.error}`);
  }
  const broken = ended.how === 'badly' || (ended.how === 'with failures' && tally.failed === 0);
  if (broken) failures.push(`the file: ${ended.reason}`);
  else if (lines.length === 0) failures.push('the file: it holds no test');
  if (failures.length > 0 && ended.output !== '') failures.push(`printed:\n${ended.output.trimEnd()}`);
  const extra = broken || lines.length === 0 ? 1 : 0;
  return { file, ...tally, failed: tally.failed + extra, millis, failures };
}

function readLines(report: string): TestLine[] {
  try {
    const text = readFileSync(report, 'utf8');
    // A file that was killed may have cut its last line.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TestLine);
  } catch {
    return [];
  }
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}
