/**
 * Runs a program of the system: bounded in time and output, without a shell, in the C locale.
 *
 * Contract: `runProgram` answers what the program printed, or throws; `tryProgram` also answers when the program ended with
 * an error status, for callers that can make sense of it. A child that is too slow or too talkative is killed.
 * Throws: BS_PROGRAM_MISSING, BS_PROGRAM_FAILED (with the end of what the program said).
 */
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { BackstayError } from '../errors.ts';
import { findProgram } from './find-program.ts';
import { type Ended, memoryFile, reap, SpawnError, type StandardFiles, spawnProgram } from './spawn.ts';

export type ProgramOptions = {
  /** What the program reads from its standard input. */
  readonly input?: string;
};

export type ProgramResult = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** ip(8) takes milliseconds; 10 s means that the kernel or the machine hangs. */
const timeoutMillis = 10_000;
/** How often a program that takes longer than usual is looked after. */
const lookMillis = 250;
/** A process that closes its files ends at once, but for those that close them for another reason. */
const nearEndMillis = 5;

/** A full table of the internet's routes, about a million, does not fit: nothing here asks for it. */
const maxOutputBytes = 64 * 1024 * 1024;

const saidAtMost = 2000;

export async function runProgram(
  name: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const result = await tryProgram(name, args, options);
  if (result.status === 0) return result.stdout;
  throw programFailed(commandLine(name, args), result.stderr.trim() || `exit status ${result.status}`);
}

export async function tryProgram(
  name: string,
  args: readonly string[],
  { input = '' }: ProgramOptions = {},
): Promise<ProgramResult> {
  const files = openFiles(name, args);
  try {
    // By position: the program reads from where the file stands, its beginning.
    writeAll(files.stdin, Buffer.from(input));
    const { ended, cutShort } = await run(name, args, files);
    const stderr = textOf(files.stderr);
    if (cutShort === undefined && 'status' in ended)
      return { status: ended.status, stdout: textOf(files.stdout), stderr };
    const why = cutShort ?? ('signal' in ended ? `ended by signal ${ended.signal}` : '');
    throw programFailed(commandLine(name, args), [why, stderr.trim()].filter(Boolean).join(': '));
  } finally {
    for (const fd of Object.values(files)) closeSync(fd);
  }
}

/** A process with too many files open has none for the program. */
function openFiles(name: string, args: readonly string[]): StandardFiles {
  const opened: number[] = [];
  try {
    for (const file of ['input', 'output', 'errors']) opened.push(memoryFile(file));
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw programFailed(commandLine(name, args), String(error), error);
  }
  const [stdin, stdout, stderr] = opened as [number, number, number];
  return { stdin, stdout, stderr };
}

/** @returns how it ended, and why it was killed if it was */
async function run(
  name: string,
  args: readonly string[],
  files: StandardFiles,
): Promise<{ ended: Ended; cutShort: string | undefined }> {
  const { pid, lifeline } = start(name, args, files);
  const begin = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  let cutShort: string | undefined;
  const reaped = () => {
    try {
      const ended = reap(pid);
      if (ended !== undefined) resolve(ended);
      return ended !== undefined;
    } catch (error) {
      // Somebody else has reaped it: how it ended nobody knows.
      reject(programFailed(commandLine(name, args), String(error), error));
      return true;
    }
  };
  const look = setInterval(() => {
    // What it started may keep the lifeline open, or it may have closed it itself.
    if (reaped()) return;
    if (performance.now() - begin > timeoutMillis) cutShort = `no answer within ${timeoutMillis / 1000} s`;
    else if (sizeOf(files.stdout) + sizeOf(files.stderr) > maxOutputBytes) cutShort = 'it says too much';
    if (cutShort !== undefined) process.kill(pid, 'SIGKILL');
  }, lookMillis);
  let nearEnd: NodeJS.Timeout | undefined;
  const reapSoon = () => {
    if (!reaped()) nearEnd = setTimeout(reapSoon, nearEndMillis);
  };
  lifeline.once('close', reapSoon).resume();
  try {
    return { ended: await promise, cutShort };
  } finally {
    clearInterval(look);
    clearTimeout(nearEnd);
    lifeline.off('close', reapSoon).destroy();
  }
}

function start(name: string, args: readonly string[], files: StandardFiles): ReturnType<typeof spawnProgram> {
  const path = name.includes('/') ? name : (findProgram(name) ?? name);
  try {
    return spawnProgram(path, [name, ...args], environment(), files);
  } catch (error) {
    if (!(error instanceof SpawnError)) throw error;
    if (error.code !== 'ENOENT' && error.code !== 'EACCES')
      throw programFailed(commandLine(name, args), error.message, error);
    throw new BackstayError('BS_PROGRAM_MISSING', `The program ${name} can't be run (${error.code}).`, {
      cause: error,
    });
  }
}

/** `su` without `-` leaves root without the directories that have ip and nft on Debian. */
function environment(): NodeJS.ProcessEnv {
  const path = [process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(':');
  return { ...process.env, PATH: path, LC_ALL: 'C' };
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written, null, written);
}

function sizeOf(fd: number): number {
  return fstatSync(fd).size;
}

function textOf(fd: number): string {
  const bytes = Buffer.allocUnsafe(Math.min(sizeOf(fd), maxOutputBytes));
  let length = 0;
  for (let count = -1; count !== 0 && length < bytes.length; length += count)
    count = readSync(fd, bytes, length, bytes.length - length, length);
  return bytes.toString('utf8', 0, length);
}

function programFailed(command: string, said: string, cause?: unknown): BackstayError {
  const message = `\`${command}\` failed: ${said.slice(-saidAtMost)}`;
  return new BackstayError('BS_PROGRAM_FAILED', message, cause === undefined ? {} : { cause });
}

function commandLine(name: string, args: readonly string[]): string {
  return [name, ...args].join(' ');
}
