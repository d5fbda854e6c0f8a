/**
 * Reads a file of another program.
 *
 * Contract: the whole text, UTF-8. Throws: BS_IMPORT_MISSING, BS_IMPORT_UNREADABLE, BS_IMPORT_NOT_TEXT,
 * BS_IMPORT_TOO_LONG.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { BackstayError, type ErrorCode } from '../errors.ts';

/** A wrong path (a device, a log) is not read whole. */
const maxFileBytes = 256 * 1024;

export function readImportFile(path: string): string {
  const file = open(path);
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw failure('BS_IMPORT_UNREADABLE', path, 'It is not a regular file.');
    if (status.size > maxFileBytes)
      throw failure('BS_IMPORT_TOO_LONG', path, `It has more than ${maxFileBytes / 1024} KiB.`);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (cause) {
    if (cause instanceof BackstayError) throw cause;
    throw failure('BS_IMPORT_NOT_TEXT', path, 'It is not text in UTF-8.', cause);
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    // A FIFO in its place must not stop the command: hence O_NONBLOCK.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw failure('BS_IMPORT_MISSING', path, 'There is no such file.', cause);
    throw failure('BS_IMPORT_UNREADABLE', path, `It cannot be opened (${code}).`, cause);
  }
}

function failure(code: ErrorCode, place: string, message: string, cause?: unknown): BackstayError {
  return new BackstayError(code, message, { place, ...(cause !== undefined && { cause }) });
}
