/**
 * Running one program to its end and keeping what it said.
 *
 * Contract: a non-zero exit status, a signal or a timeout throws `CommandFailed`, which carries the whole command line
 * and its output. `runSync` exists for cleaning up in places where nothing can be awaited (signals, process exit).
 */
import { type SpawnSyncOptionsWithStringEncoding, spawn, spawnSync } from 'node:child_process';

export type RunOptions = {
  /** Written to the program's standard input, which is otherwise empty. */
  readonly input?: string;
  readonly timeoutMillis?: number;
};

export type CommandOutput = { readonly stdout: string; readonly stderr: string };

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly output: CommandOutput;

  constructor(commandLine: string, reason: string, output: CommandOutput) {
    super(`${commandLine}: ${reason}\n${output.stderr}${output.stdout}`.trimEnd());
    this.output = output;
  }
}

/** No command of the laboratory other than a measurement needs more; a hanging one must not hang the run. */
const DEFAULT_TIMEOUT_MILLIS = 60_000;

export function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandOutput> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    const fail = (reason: string) => reject(new CommandFailed(commandLine(program, args), reason, said));
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.stderr += text;
    });
    child.stdin.on('error', () => {}); // A program may end without reading its input: its exit status decides.
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => fail(error.message));
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0) resolve(said);
      else fail(signal === null ? `exit status ${status}` : `ended by ${signal}`);
    });
  });
}

/** @returns what it said on standard output; a failure is not told */
export function runSync(program: string, args: readonly string[]): string {
  const options: SpawnSyncOptionsWithStringEncoding = {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: DEFAULT_TIMEOUT_MILLIS,
    encoding: 'utf8',
  };
  return spawnSync(program, [...args], options).stdout ?? ''; // null when the program is not there
}

function commandLine(program: string, args: readonly string[]): string {
  return [program, ...args].join(' ');
}
