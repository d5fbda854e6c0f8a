/**
 * Runs a command of the operator that brings a link up or hangs it up.
 *
 * Contract: without a shell, in a session of its own, bounded in time and in what is kept of its output. It has ended when
 * the program itself has: what it leaves running behind it (a pppd, a DHCP client) lives on and may go on writing. When
 * it takes too long, it and all that it started are killed. Never throws: the answer is what went wrong, if anything.
 */
import { type ChildProcess, spawn } from 'node:child_process';

export type DialCommand = {
  /** An absolute path, and arguments. */
  readonly words: readonly string[];
  readonly timeoutMillis: number;
  /** Added to the daemon's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Kills the command when it is aborted. */
  readonly signal?: AbortSignal;
};

/** @returns undefined when the command ended with status 0 in time */
export function runDialCommand({
  words,
  timeoutMillis,
  environment,
  signal,
}: DialCommand): Promise<string | undefined> {
  const [program = '', ...args] = words;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group, so that all of it can be killed.
    detached: true,
    env: { ...process.env, ...environment, LC_ALL: 'C' },
  });
  const said = keepOutput(child);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child);
  }, timeoutMillis);
  const abort = () => killGroup(child);
  signal?.addEventListener('abort', abort);
  const ended = (outcome: string | undefined) => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    resolve(outcome === undefined ? undefined : [`\`${words.join(' ')}\` ${outcome}`, ...said()].join(': '));
  };
  child.on('error', (error) =>
    ended(`cannot be run (${(error as NodeJS.ErrnoException).code ?? error.message})`),
  );
  // Not `close`: that comes when the last process that holds the pipes is gone.
  child.on('exit', (status, signal) => {
    // What it said last may still be in the pipes.
    setImmediate(() => ended(judge(status, signal, late ? timeoutMillis : undefined)));
  });
  return promise;
}

/** A message of some lines, as chat or ModemManager print it. */
const KEPT_CHARACTERS = 1000;

function judge(
  status: number | null,
  signal: NodeJS.Signals | null,
  lateMillis: number | undefined,
): string | undefined {
  if (lateMillis !== undefined) return `did not end within ${lateMillis / 1000} s and was killed`;
  if (status === 0) return undefined;
  return signal === null ? `ended with status ${status}` : `was ended by ${signal}`;
}

/** @returns what gives the end of the output: nothing or one text */
function keepOutput(child: ChildProcess): () => string[] {
  let kept = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      kept = (kept + text).slice(-KEPT_CHARACTERS);
    });
    // What writes on in the background must not keep the daemon from ending.
    (stream as { unref?: () => void } | null)?.unref?.();
  }
  return () =>
    [
      kept
        .trim()
        .replace(/\s*\n\s*/g, ' / ')
        .slice(-KEPT_CHARACTERS),
    ].filter(Boolean);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended at this moment.
  }
}
