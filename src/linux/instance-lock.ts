/**
 * One daemon per state directory, and one per network namespace: two would take each other's routes away.
 *
 * Contract: the locks are the kernel's and end with the process, however it ends. The file `lock` in the state directory also
 * has the holder's process id, for the message of the one who comes second. Nothing is deleted, so no start can
 * take a lock on a file that another is about to remove.
 * Source: flock(2), unix(7) (abstract names belong to the network namespace).
 * Throws: BS_ALREADY_RUNNING, BS_STATE_UNWRITABLE.
 */
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { BackstayError } from '../errors.ts';
import { bind } from './ffi.ts';

export type InstanceLock = { release(): void };

export async function lockInstance(stateDirectory: string): Promise<InstanceLock> {
  const file = lockDirectory(stateDirectory);
  try {
    const server = await lockNetwork();
    return {
      release() {
        server.close();
        closeSync(file);
      },
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Whether a daemon runs in this network namespace; nothing is locked. */
export function isDaemonRunning(): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(networkLockName, () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

const flock = bind<(fd: number, operation: number) => number>('int flock(int fd, int operation)');
const LOCK_EXCLUSIVE_NONBLOCKING = 2 | 4;

/** Abstract: it is no file, and every network namespace has its own. */
const networkLockName = '\0backstay-network';

function lockDirectory(stateDirectory: string): number {
  const path = `${stateDirectory}/lock`;
  const file = openLockFile(stateDirectory, path);
  if (flock(file, LOCK_EXCLUSIVE_NONBLOCKING) !== 0) {
    closeSync(file);
    const holder = readFileSync(path, 'utf8').trim();
    throw alreadyRunning(`Process ${holder || 'unknown'} works with ${stateDirectory}.`, path);
  }
  try {
    ftruncateSync(file, 0);
    writeSync(file, `${process.pid}\n`, 0);
    return file;
  } catch (cause) {
    closeSync(file);
    throw unwritable(path, cause);
  }
}

function openLockFile(stateDirectory: string, path: string): number {
  try {
    if (!existsSync(stateDirectory)) mkdirSync(stateDirectory, { mode: 0o700 });
    return openSync(path, 'a', 0o600);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function lockNetwork(): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer((connection) => connection.destroy());
  server.once('error', (cause: NodeJS.ErrnoException) => {
    const inUse = cause.code === 'EADDRINUSE';
    reject(inUse ? alreadyRunning('Another daemon works in this network namespace.') : cause);
  });
  server.listen(networkLockName, () => resolve(server.unref()));
  return promise;
}

function alreadyRunning(message: string, place?: string): BackstayError {
  const hint = "Stop it first (`systemctl stop backstay`); two daemons would take each other's routes away.";
  return new BackstayError('BS_ALREADY_RUNNING', message, place === undefined ? { hint } : { place, hint });
}

function unwritable(path: string, cause: unknown): BackstayError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new BackstayError('BS_STATE_UNWRITABLE', `${path} can't be written: ${why}.`, {
    place: path,
    cause,
  });
}
