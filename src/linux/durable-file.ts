/**
 * Writing a small file of the state directory so that after a crash there is the old content or the new, never less.
 *
 * Contract: the new content is on the disk before it gets the file's name (write, fsync, rename, fsync of the directory).
 * Throws: BS_STATE_UNWRITABLE, and the old file is then still there.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BackstayError } from '../errors.ts';

export function writeDurableFile(path: string, content: string): void {
  const draft = `${path}.new`;
  try {
    // Not recursive: below a missing parent something else is wrong, such as a file system that isn't mounted.
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { mode: 0o700 });
    writeAndSync(draft, content);
    renameSync(draft, path);
    syncDirectory(dirname(path));
  } catch (cause) {
    rmSync(draft, { force: true });
    throw unwritable(path, cause);
  }
}

/** The same without holding up the caller; no two of the same file at once. */
export async function saveDurableFile(path: string, content: string): Promise<void> {
  const draft = `${path}.new`;
  try {
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { mode: 0o700 });
    await writeFile(draft, content, { mode: 0o600, flush: true });
    await rename(draft, path);
    syncDirectory(dirname(path));
  } catch (cause) {
    rmSync(draft, { force: true });
    throw unwritable(path, cause);
  }
}

/** A file that isn't there is fine. */
export function removeDurableFile(path: string): void {
  try {
    rmSync(path, { force: true });
    syncDirectory(dirname(path));
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function writeAndSync(path: string, content: string): void {
  const file = openSync(path, 'w', 0o600);
  try {
    const bytes = Buffer.from(content);
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function unwritable(path: string, cause: unknown): BackstayError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BackstayError('BS_STATE_UNWRITABLE', `${path} can't be written: ${why}.`, {
    place: path,
    cause,
  });
}
