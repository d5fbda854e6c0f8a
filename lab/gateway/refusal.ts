/**
 * A start of the daemon that has to be refused: what it says, and that it changed nothing.
 *
 * Contract: `assertRefused` starts it and waits for its end. One line on standard error begins with the stable code and
 * ends with what to do; the exit status is the catalogue's; the machine's network is as it was.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type ErrorCode, errorCatalogue } from '../../src/errors.ts';
import type { Namespace } from '../namespace.ts';
import { machineState } from './machine-state.ts';

export const program = join(import.meta.dirname, '..', '..', 'bin', 'backstay');

/** A daemon that runs instead of refusing is ended after this. */
const PATIENCE_MILLIS = 10_000;

export type Outcome = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Runs words in the namespace to their end, whatever it is. */
export function attempt({ name }: Namespace, words: readonly string[]): Promise<Outcome> {
  const options = { timeout: PATIENCE_MILLIS, killSignal: 'SIGTERM' } as const;
  return new Promise((resolve) => {
    execFile('ip', ['netns', 'exec', name, ...words], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr });
    });
  });
}

export type Refusal = {
  readonly code: ErrorCode;
  /** Something that the line has to name. */
  readonly names?: RegExp;
  /** Words before the daemon's own, such as another user or mount namespace. */
  readonly under?: readonly string[];
};

export async function assertRefused(namespace: Namespace, config: string, refusal: Refusal): Promise<void> {
  const { code, names = /./, under = [] } = refusal;
  const before = await machineState(namespace);
  const { status, stdout, stderr } = await attempt(namespace, [...under, program, 'run', '--config', config]);
  const entry = errorCatalogue[code];
  assert.equal(status, entry.exitStatus, `exit status of: ${stderr}${stdout}`);
  assert.equal(stdout, '');
  // A configuration may have several mistakes: each on a line of its own below the first.
  const lines = stderr.trimEnd().split('\n');
  const [first = ''] = lines;
  assert.ok(first.startsWith(`${code} `), stderr);
  assert.ok(code === 'BS_CONFIG_INVALID' || lines.length === 1, stderr);
  assert.match(stderr, names);
  assert.ok(stderr.trimEnd().endsWith('.') && stderr.split(/[.:;] /).length >= 2, `what to do: ${stderr}`);
  assert.doesNotMatch(stderr, /undefined|\[object|\n\s+at /);
  assert.deepEqual(await machineState(namespace), before, 'nothing was changed');
}

/** Runs the words that follow in a mount namespace of their own, after these commands of a shell. */
export function withMounts(...commands: readonly string[]): string[] {
  return ['unshare', '--mount', 'sh', '-ec', [...commands, 'exec "$@"'].join('\n'), 'sh'];
}
