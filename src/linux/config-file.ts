/**
 * The configuration file on disk.
 *
 * Contract: gives the checked configuration, or throws: BS_CONFIG_UNREADABLE when there is no text to check (with the
 * path as place), BS_CONFIG_INVALID with every mistake on a line of its own. Reads at most what a configuration may
 * have, so a wrong path such as a disk image does no harm. Everything the program knows about the content is in src/config.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { type CheckedConfig, type Config, checkConfig, formatMistake } from '../config/index.ts';
import { BackstayError } from '../errors.ts';

/** Checks without throwing for mistakes; unreadable files throw. */
export function checkConfigFile(path: string): CheckedConfig {
  return checkConfig(readConfigText(path), path);
}

export function loadConfigFile(path: string): Config {
  const checked = checkConfigFile(path);
  if (checked.ok) return checked.config;
  const { mistakes } = checked;
  const count = mistakes.length === 1 ? 'one mistake' : `${mistakes.length} mistakes`;
  const lines = mistakes.map((mistake) => `  ${formatMistake(mistake)}`);
  throw new BackstayError('BS_CONFIG_INVALID', `${count}:\n${lines.join('\n')}\n`, { place: path });
}

/** 1 MiB of characters and the three bytes of a byte order mark fit; one byte more tells that there is more. */
const maximumBytes = 4 * 1_048_576 + 4;

function readConfigText(path: string): string {
  const bytes = readBytes(path);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw unreadable(path, `the file is not UTF-8 text (line ${firstWrongLine(bytes)})`, cause);
  }
}

function readBytes(path: string): Uint8Array {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw unreadable(path, reasonOf(cause), cause);
  }
  try {
    return readUpTo(file, path);
  } catch (cause) {
    throw cause instanceof BackstayError ? cause : unreadable(path, reasonOf(cause), cause);
  } finally {
    closeSync(file);
  }
}

/** In pieces, because a pipe (`backstay check <(generate)`) has no size. */
function readUpTo(file: number, path: string): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let total = 0; ; ) {
    const piece = new Uint8Array(65_536);
    const count = readSync(file, piece);
    if (count === 0) return Buffer.concat(pieces);
    total += count;
    if (total > maximumBytes) throw unreadable(path, 'the file is larger than any configuration');
    pieces.push(piece.subarray(0, count));
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read the file',
  EISDIR: 'this is a directory, not a file',
  ENOTDIR: 'a part of the path is not a directory',
  ELOOP: 'the path goes round in circles through symbolic links',
  ENAMETOOLONG: 'the path is too long',
};

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  return (code && reasons[code]) ?? (cause instanceof Error ? cause.message : String(cause));
}

function unreadable(path: string, message: string, cause?: unknown): BackstayError {
  return new BackstayError('BS_CONFIG_UNREADABLE', `${message}.`, { place: path, cause });
}

function firstWrongLine(bytes: Uint8Array): number {
  const [valid = ''] = new TextDecoder().decode(bytes).split('\ufffd', 1);
  return valid.split('\n').length;
}
