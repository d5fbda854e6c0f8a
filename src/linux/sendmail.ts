/**
 * A mail by the system's sendmail, which every mail server of Unix brings.
 *
 * Contract: taken when sendmail ended with status 0 in time; then the system's mail server has it. One that takes too long is killed
 * with all that it started. The message goes through its standard input, so that it is in no list of processes. Throws: BS_ALARM_UNDELIVERED.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { BackstayError } from '../errors.ts';

export type Mail = {
  readonly program: string;
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body. */
  readonly message: string;
  readonly timeoutMillis: number;
  /** Kills it. */
  readonly stopped: AbortSignal;
};

/** What it said is cut to this. */
const KEPT_CHARACTERS = 300;
/** For the end of it, after the program has ended. */
const LAST_WORDS_MILLIS = 500;

export function sendMail(mail: Mail): Promise<void> {
  const { program, from, to, message, timeoutMillis, stopped } = mail;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // -i: a line with a single dot is no end. --: what follows are addresses.
  const child = spawn(program, ['-i', '-f', from, '--', ...to], {
    stdio: ['pipe', 'ignore', 'pipe'],
    // Its own process group, so that all of it can be killed.
    detached: true,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_CHARACTERS);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child.pid);
  }, timeoutMillis);
  const stop = () => killGroup(child.pid);
  stopped.addEventListener('abort', stop);
  child.on('error', (error: NodeJS.ErrnoException) =>
    reject(undelivered(`sendmail cannot be run (${error.code ?? error.message})`)),
  );
  child.on('exit', (status, signal) => {
    const why = late
      ? `sendmail did not end within ${timeoutMillis / 1000} s`
      : `sendmail ended with ${status ?? signal}`;
    if (status === 0) return resolve();
    void lastWords(child.stderr).then(() =>
      reject(undelivered([why, said.trim().replace(/\s+/g, ' ')].filter(Boolean).join(': '))),
    );
  });
  // One that ends before it has read everything is judged by its status.
  child.stdin.on('error', () => {});
  child.stdin.end(message);
  return promise.finally(() => {
    clearTimeout(timer);
    stopped.removeEventListener('abort', stop);
    child.stderr.destroy();
  });
}

/** What it said last may still be in the pipe, which somebody else may hold open for ever. */
async function lastWords(stream: Readable): Promise<void> {
  if (stream.readableEnded) return;
  await once(stream, 'end', { signal: AbortSignal.timeout(LAST_WORDS_MILLIS) }).catch(() => {});
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended at this moment.
  }
}

function undelivered(message: string): BackstayError {
  return new BackstayError('BS_ALARM_UNDELIVERED', message);
}
