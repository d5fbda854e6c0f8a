/**
 * Runs a program of the system: bounded in time and output, without a shell, in the C locale.
 *
 * Contract: `runProgram` answers what the program printed, or throws; `tryProgram` also answers when the program ended with
 * an error status, for callers that can make sense of it. A child that is too slow or too talkative is killed.
 * Throws: BS_PROGRAM_MISSING, BS_PROGRAM_FAILED (with the end of what the program said).
 */
import { type ExecFileException, execFile } from 'node:child_process';
import { BackstayError } from '../errors.ts';

export type ProgramOptions = {
  /** What the program reads from its standard input. */
  readonly input?: string;
};

export type ProgramResult = { readonly status: number; readonly stdout: string; readonly stderr: string };

export async function runProgram(
  name: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const result = await tryProgram(name, args, options);
  if (result.status === 0) return result.stdout;
  throw programFailed(commandLine(name, args), result.stderr.trim() || `exit status ${result.status}`);
}

export function tryProgram(
  name: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>();
  const limits = { timeout: timeoutMillis, maxBuffer: maxOutputBytes, killSignal: 'SIGKILL' } as const;
  const child = execFile(name, args, { ...limits, env: environment() }, (error, stdout, stderr) => {
    if (error === null) resolve({ status: 0, stdout, stderr });
    else if (typeof error.code === 'number') resolve({ status: error.code, stdout, stderr });
    else reject(brokenRun(error, name, args, stderr));
  });
  // A child that ends before it has read everything is judged by its exit status, not by our broken pipe.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  return promise;
}

/** ip(8) takes milliseconds; 10 s means that the kernel or the machine hangs. */
const timeoutMillis = 10_000;

/** A full table of the internet's routes, about a million, does not fit: nothing here asks for it. */
const maxOutputBytes = 64 * 1024 * 1024;

const saidAtMost = 2000;

/** `su` without `-` leaves root without the directories that have ip and nft on Debian. */
function environment(): NodeJS.ProcessEnv {
  const path = [process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(':');
  return { ...process.env, PATH: path, LC_ALL: 'C' };
}

function brokenRun(
  error: ExecFileException,
  name: string,
  args: readonly string[],
  stderr: string,
): BackstayError {
  if (error.code === 'ENOENT' || error.code === 'EACCES') {
    return new BackstayError('BS_PROGRAM_MISSING', `The program ${name} can't be run (${error.code}).`, {
      cause: error,
    });
  }
  const why = error.killed === true ? `no answer within ${timeoutMillis / 1000} s` : error.message;
  return programFailed(commandLine(name, args), [why, stderr.trim()].filter(Boolean).join(': '), error);
}

function programFailed(command: string, said: string, cause?: unknown): BackstayError {
  const message = `\`${command}\` failed: ${said.slice(-saidAtMost)}`;
  return new BackstayError('BS_PROGRAM_FAILED', message, cause === undefined ? {} : { cause });
}

function commandLine(name: string, args: readonly string[]): string {
  return [name, ...args].join(' ');
}
