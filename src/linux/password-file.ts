/**
 * A file that holds one password in one line.
 *
 * Contract: a file that belongs to somebody else or that others can read is refused, so that a password that may have leaked is
 * noticed. Throws: BS_PASSWORD_UNUSABLE; the message never holds anything of the file's contents.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { BackstayError } from '../errors.ts';

/** pppd takes 255 bytes; the rest is for the end of the line. */
const MOST_BYTES = 255;

export function readPasswordFile(path: string): string {
  const file = openExisting(path);
  try {
    const { mode, uid } = checkRegular(path, file);
    if ((mode & 0o077) !== 0)
      throw unusable(
        path,
        `Its mode is ${(mode & 0o7777).toString(8).padStart(4, '0')}, others can reach it.`,
      );
    if (uid !== process.getuid?.())
      throw unusable(path, `It belongs to user ${uid}, not to that of the daemon.`);
    const bytes = Buffer.alloc(MOST_BYTES + 3);
    const text = bytes.toString('latin1', 0, readSync(file, bytes));
    const password = text.replace(/\r?\n$/, '');
    if (password === '') throw unusable(path, 'It is empty.');
    if (password.length > MOST_BYTES) throw unusable(path, `It holds more than ${MOST_BYTES} bytes.`);
    if (/[^\x20-\x7e]/.test(password))
      throw unusable(path, 'It must hold one line of printable ASCII characters.');
    return password;
  } finally {
    closeSync(file);
  }
}

function openExisting(path: string): number {
  try {
    // A FIFO in place of the file must not stop the daemon: hence O_NONBLOCK.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw unusable(
      path,
      code === 'ENOENT' ? 'There is no such file.' : `It cannot be opened (${code}).`,
      cause,
    );
  }
}

function checkRegular(path: string, file: number) {
  const status = fstatSync(file);
  if (!status.isFile()) throw unusable(path, 'It is not a regular file.');
  return status;
}

function unusable(path: string, message: string, cause?: unknown): BackstayError {
  return new BackstayError('BS_PASSWORD_UNUSABLE', message, { place: path, cause });
}
