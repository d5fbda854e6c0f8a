/**
 * Files that hold a secret: a password, a community, headers of a request.
 *
 * Contract: a file that others can reach is refused, so that a secret that may be known is noticed; nothing of the contents is
 * ever in a message. Throws: BS_SECRET_MISSING, BS_SECRET_UNREADABLE, BS_SECRET_EXPOSED, BS_SECRET_INVALID.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { BackstayError, type ErrorCode } from '../errors.ts';

/** A wrong path (a device, a log) is not read whole. */
const maxFileBytes = 64 * 1024;

/** The whole text, UTF-8. */
export function readSecretFile(path: string): string {
  const file = openSecret(path);
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw failure('BS_SECRET_INVALID', path, 'It is not a regular file.');
    if ((status.mode & 0o077) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
      throw failure('BS_SECRET_EXPOSED', path, `Its mode is ${mode}.`);
    }
    if (status.size > maxFileBytes) throw failure('BS_SECRET_INVALID', path, 'It is too large.');
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (cause) {
    if (cause instanceof BackstayError) throw cause;
    throw failure('BS_SECRET_INVALID', path, 'It is not text in UTF-8.', cause);
  } finally {
    closeSync(file);
  }
}

/** The only line of the file, without its end. @param least characters */
export function readSecretLine(path: string, least: number): string {
  const [line = '', ...more] = readSecretFile(path)
    .replace(/\r?\n$/, '')
    .split('\n');
  if (more.length > 0) throw failure('BS_SECRET_INVALID', path, 'It has more than one line.');
  if ([...line].length < least)
    throw failure(
      'BS_SECRET_INVALID',
      path,
      `It has ${[...line].length} characters, at least ${least} are needed.`,
    );
  return line;
}

/** Never overwrites a file, and no other user can read it, not even for a moment. Throws BS_SECRET_UNWRITABLE. */
export function createSecretFile(path: string, content: string): void {
  let file: number;
  try {
    file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (cause) {
    const isThere = systemCode(cause) === 'EEXIST';
    const why = isThere
      ? 'There is a file already; it was left as it is.'
      : `It cannot be made (${systemCode(cause)}).`;
    throw failure('BS_SECRET_UNWRITABLE', path, why, cause);
  }
  try {
    writeSync(file, content);
    fsyncSync(file);
  } catch (cause) {
    rmSync(path, { force: true });
    throw failure('BS_SECRET_UNWRITABLE', path, `It cannot be written (${systemCode(cause)}).`, cause);
  } finally {
    closeSync(file);
  }
}

function openSecret(path: string): number {
  try {
    // A FIFO in its place must not stop the daemon: hence O_NONBLOCK.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw failure('BS_SECRET_MISSING', path, 'There is no such file.', cause);
    throw failure('BS_SECRET_UNREADABLE', path, `It cannot be opened (${code}).`, cause);
  }
}

function systemCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

function failure(code: ErrorCode, place: string, message: string, cause?: unknown): BackstayError {
  return new BackstayError(code, message, { place, ...(cause !== undefined && { cause }) });
}
