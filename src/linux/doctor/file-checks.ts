/** The files of the gateway: its secrets can be read by nobody else, the state directory has room. Reads only. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../../config/index.ts';
import { BackstayError, errorCatalogue } from '../../errors.ts';
import { readIdentity } from '../identity.ts';
import { readSecretFile } from '../secret-file.ts';
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

const sendmailPath = '/usr/sbin/sendmail';

/** What the receivers of alarms take; nothing when there are none. */
export function checkAlarms({ webhooks, snmp, mail }: Config['alarms']): Check[] {
  const secrets = [
    ...webhooks.map(({ headersFile }) => headersFile),
    ...snmp.flatMap((receiver) =>
      receiver.version === '2c'
        ? [receiver.communityFile]
        : [receiver.authentication?.passwordFile, receiver.privacy?.passwordFile],
    ),
  ];
  const checks = [...new Set(secrets)].filter((path) => path !== undefined).map(checkSecret);
  if (mail === undefined || existsSync(sendmailPath)) return checks;
  const remedy = 'Install a program that brings it, such as msmtp-mta, or take `mail` out of `alarms`.';
  return [...checks, problem('mail', `${sendmailPath} does not exist`, remedy)];
}

function checkSecret(path: string): Check {
  try {
    readSecretFile(path);
    return ok('secret', path);
  } catch (error) {
    if (!(error instanceof BackstayError)) throw error;
    return problem('secret', `${path}: ${error.message}`, errorCatalogue[error.code].remedy);
  }
}
