/** The files of the gateway: the identity can be used by nobody else, the state directory has room. Reads only. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { BackstayError, errorCatalogue } from '../../errors.ts';
import { readIdentity } from '../identity.ts';
import { type Check, ok, problem, warning } from './check.ts';

export function checkIdentity(path: string): Check {
  try {
    return ok('identity', readIdentity(path).fingerprint);
  } catch (error) {
    if (!(error instanceof BackstayError)) throw error;
    return problem('identity', `${path}: ${error.message}`, error.hint ?? errorCatalogue[error.code].remedy);
  }
}

/** The journal needs the most; below this it can't keep what a bad day writes. */
const enoughBytes = 64 * 1024 * 1024;

export function checkStateDirectory(path: string): Check {
  const place = existsSync(path) ? path : dirname(path);
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(place);
    const found = `${path}, ${Math.floor((bavail * bsize) / 1024 / 1024)} MiB free`;
    if (bavail * bsize >= enoughBytes) return ok('state directory', found);
    return warning('state directory', found, 'Make room on this file system.');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return problem('state directory', why, `Let the daemon's user write to ${place}.`);
  }
}
