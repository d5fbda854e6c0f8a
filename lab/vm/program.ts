/**
 * Runs one of the machine's programs for the virtual machine's part of the laboratory.
 *
 * Contract: resolves to the program's standard output as bytes; a program that is missing or fails rejects with a
 * message that names it, what it said, and for a missing one the file that lists the packages to install.
 */
import { spawn } from 'node:child_process';
import { VmError } from './vm-error.ts';

export type ProgramOptions = {
  readonly cwd?: string;
  readonly input?: string;
  readonly timeoutMillis?: number;
};

/** Long enough for unpacking a 70 MB package on a busy machine of two cores. */
const defaultTimeoutMillis = 120_000;

export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Buffer> {
  const child = spawn(program, [...args], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMillis ?? defaultTimeoutMillis,
    killSignal: 'SIGKILL',
  });
  const output: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  // A program that does not read its input closes the pipe; its exit status tells what matters.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const ending = Promise.withResolvers<string | undefined>();
  child.on('error', (error: NodeJS.ErrnoException) => ending.reject(spawnFailure(program, error)));
  child.on('close', (status, signal) =>
    ending.resolve(status === 0 ? undefined : `exit status ${status ?? signal}`),
  );
  const failure = await ending.promise;
  if (failure === undefined) return Buffer.concat(output);
  const said = Buffer.concat(complaints).toString().trim().slice(-2000);
  throw new VmError(`${program} ${args.join(' ')}: ${failure}: ${said}`);
}

/** The error for a program that could not be started at all. */
export function spawnFailure(program: string, error: NodeJS.ErrnoException): VmError {
  if (error.code !== 'ENOENT') return new VmError(`${program} could not be started: ${error.message}`, error);
  return new VmError(
    `${program} is not installed. The packages that this laboratory needs are in lab/vm/packages.txt: ` +
      'xargs apt-get install -y --no-install-recommends < lab/vm/packages.txt',
    error,
  );
}
