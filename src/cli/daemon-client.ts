/**
 * The command's end of the API: requests to the daemon's Unix socket.
 *
 * Throws BS_DAEMON_UNREACHABLE when nobody answers, and the daemon's own error when it refuses.
 */

import { type IncomingMessage, request } from 'node:http';
import type { ErrorDocument } from '../api/routes.ts';
import { BackstayError, errorCatalogue } from '../errors.ts';
import type { JournalEntry } from '../journal/journal.ts';

export const defaultSocketPath = '/run/backstay/backstay.sock';

/** A daemon that is alive answers in milliseconds; one that was stopped never does. */
const answerTimeoutMillis = 5_000;

/** The JSON document at `path`, which includes the query. */
export async function getDocument<T>(socketPath: string, path: string): Promise<T> {
  const answer = await ask(socketPath, path);
  return parse(await readText(answer), socketPath) as T;
}

/** Asks the daemon to do something. @param withinMillis how long that may take */
export async function postDocument<T>(
  socketPath: string,
  path: string,
  withinMillis = answerTimeoutMillis,
): Promise<T> {
  const answer = await ask(socketPath, path, { method: 'POST', timeout: withinMillis });
  return parse(await readText(answer), socketPath) as T;
}

/** The entries of the event stream, until the daemon ends it or `signal` does. */
export async function* streamEntries(
  socketPath: string,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<JournalEntry> {
  const answer = await ask(socketPath, path);
  answer.setTimeout(0);
  signal.addEventListener('abort', () => answer.destroy());
  let rest = '';
  try {
    for await (const chunk of answer) {
      const messages = (rest + chunk).split('\n\n');
      rest = messages.pop() ?? '';
      for (const message of messages) {
        const data = /^data: (.*)$/m.exec(message)?.[1];
        if (data !== undefined) yield parse(data, socketPath) as JournalEntry;
      }
    }
  } catch (cause) {
    if (!signal.aborted) throw unreachable(socketPath, 'The daemon broke the connection off.', cause);
  }
}

function ask(
  socketPath: string,
  path: string,
  how: { readonly method: 'GET' | 'POST'; readonly timeout: number } = {
    method: 'GET',
    timeout: answerTimeoutMillis,
  },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false, ...how }, (answer) => {
      answer.setEncoding('utf8');
      if (answer.statusCode === 200) return resolve(answer);
      readText(answer).then((text) => reject(refusal(text, answer.statusCode, socketPath)), reject);
    });
    asked.on('timeout', () => {
      const seconds = how.timeout / 1000;
      asked.destroy(
        unreachable(socketPath, `No answer within ${seconds} s; the daemon may be stopped or hung.`),
      );
    });
    asked.on('error', (error) => {
      reject(error instanceof BackstayError ? error : connectionError(socketPath, error));
    });
    asked.end();
  });
}

async function readText(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += chunk;
  return text;
}

function connectionError(socketPath: string, error: NodeJS.ErrnoException): BackstayError {
  switch (error.code) {
    case 'ENOENT':
      return unreachable(socketPath, 'There is no such socket: the daemon is not running.', error);
    case 'ECONNREFUSED':
      return unreachable(socketPath, 'Nobody listens on it: the daemon is not running any more.', error);
    case 'EACCES':
      return new BackstayError('BS_DAEMON_UNREACHABLE', 'This user may not use the socket.', {
        place: socketPath,
        hint: 'Run the command as root, or as a member of the group that owns the socket.',
        cause: error,
      });
    default:
      return unreachable(socketPath, `The connection failed (${error.code ?? error.message}).`, error);
  }
}

function refusal(text: string, status: number | undefined, socketPath: string): BackstayError {
  try {
    const { error } = JSON.parse(text) as ErrorDocument;
    const code = Object.hasOwn(errorCatalogue, error.code) ? error.code : 'BS_INTERNAL';
    return new BackstayError(code, error.message, { place: error.place ?? socketPath });
  } catch {
    return unreachable(socketPath, `What answers there is not this daemon (HTTP status ${status}).`);
  }
}

function parse(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreachable(socketPath, 'What answers there is not this daemon.', cause);
  }
}

function unreachable(place: string, message: string, cause?: unknown): BackstayError {
  return new BackstayError('BS_DAEMON_UNREACHABLE', message, { place, cause });
}
