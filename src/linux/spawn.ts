/**
 * Starts a program without copying this process (posix_spawn(3)).
 *
 * Node.js forks, and the kernel then copies the page tables of a process that has 150 MB: 17 ms in which the main thread does nothing else,
 * for a program that runs for two. A daemon runs half a dozen of them whenever something changes in the network.
 *
 * Contract: the program gets three files as its standard streams and keeps open a pipe, which therefore ends with it; signals are as
 * for a new process. Throws what posix_spawn refuses as a `SpawnError` with the name of the error. Whoever starts a program reaps it.
 */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Arena } from './arena.ts';
import { bind, errno, errnoName } from './ffi.ts';

type Pointer = number;

const posixSpawn = bind<
  (
    pid: Pointer,
    path: string,
    actions: Pointer,
    attributes: Pointer,
    args: readonly (string | null)[],
    environment: readonly (string | null)[],
  ) => number
>(
  'int posix_spawn(uintptr_t pid, const char *path, uintptr_t actions, uintptr_t attributes, const char **args, const char **environment)',
);
const actionsInit = bind<(actions: Pointer) => number>(
  'int posix_spawn_file_actions_init(uintptr_t actions)',
);
const actionsDup = bind<(actions: Pointer, from: number, to: number) => number>(
  'int posix_spawn_file_actions_adddup2(uintptr_t actions, int from, int to)',
);
const actionsDestroy = bind<(actions: Pointer) => number>(
  'int posix_spawn_file_actions_destroy(uintptr_t actions)',
);
const attributesInit = bind<(attributes: Pointer) => number>(
  'int posix_spawnattr_init(uintptr_t attributes)',
);
const setFlags = bind<(attributes: Pointer, flags: number) => number>(
  'int posix_spawnattr_setflags(uintptr_t attributes, short flags)',
);
const setMask = bind<(attributes: Pointer, mask: Pointer) => number>(
  'int posix_spawnattr_setsigmask(uintptr_t attributes, uintptr_t mask)',
);
const setDefaults = bind<(attributes: Pointer, mask: Pointer) => number>(
  'int posix_spawnattr_setsigdefault(uintptr_t attributes, uintptr_t mask)',
);
const emptySet = bind<(mask: Pointer) => number>('int sigemptyset(uintptr_t mask)');
const fullSet = bind<(mask: Pointer) => number>('int sigfillset(uintptr_t mask)');
const makePipe = bind<(ends: Pointer, flags: number) => number>('int pipe2(uintptr_t ends, int flags)');
const waitFor = bind<(pid: number, status: Pointer, options: number) => number>(
  'int waitpid(int pid, uintptr_t status, int options)',
);
const makeMemoryFile = bind<(name: string, flags: number) => number>(
  'int memfd_create(const char *name, unsigned int flags)',
);

const SET_SIGNAL_DEFAULTS = 0x04;
const SET_SIGNAL_MASK = 0x08;
const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
const WNOHANG = 1;
/** Room for what the C library keeps in its structures: 80, 336 and 128 bytes. */
const STRUCTURE_BYTES = 512;
/** Where a program finds the pipe that ends with it. */
const LIFELINE = 3;

/** Used within one call that nothing interrupts. */
const arena = new Arena(8 * STRUCTURE_BYTES);
const at = () => arena.address + arena.reserve(STRUCTURE_BYTES);
const [actions, attributes, noSignals, allSignals, result] = [at(), at(), at(), at(), at()];

attributesInit(attributes);
emptySet(noSignals);
fullSet(allSignals);
setMask(attributes, noSignals);
// Node.js ignores SIGPIPE, and what is ignored would be inherited.
setDefaults(attributes, allSignals);
setFlags(attributes, SET_SIGNAL_DEFAULTS | SET_SIGNAL_MASK);

export type StandardFiles = { readonly stdin: number; readonly stdout: number; readonly stderr: number };

export type Ended = { readonly status: number } | { readonly signal: number };

export class SpawnError extends Error {
  /** Such as `ENOENT`. */
  readonly code: string;

  constructor(path: string, error: number) {
    super(`${path} can't be started (${errnoName(error)})`);
    this.code = errnoName(error);
  }
}

/** A file in memory, which nobody else has. */
export function memoryFile(name: string): number {
  const fd = makeMemoryFile(name, MFD_CLOEXEC);
  if (fd < 0) throw new SpawnError(name, errno());
  return fd;
}

/**
 * @param path of the program; @param args the first is its name
 * @returns its process id, and what ends when it has ended
 */
export function spawnProgram(
  path: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  { stdin, stdout, stderr }: StandardFiles,
): { readonly pid: number; readonly lifeline: Socket } {
  if (makePipe(result, O_CLOEXEC) !== 0) throw new SpawnError(path, errno());
  const [ours, theirs] = [readInt(0), readInt(4)];
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  actionsInit(actions);
  for (const [to, from] of [stdin, stdout, stderr].entries()) actionsDup(actions, from, to);
  actionsDup(actions, theirs, LIFELINE);
  const error = posixSpawn(result, path, actions, attributes, [...args, null], [...variables, null]);
  const pid = readInt(0);
  actionsDestroy(actions);
  closeSync(theirs);
  if (error !== 0) {
    closeSync(ours);
    throw new SpawnError(path, error);
  }
  return { pid, lifeline: new Socket({ fd: ours, readable: true, writable: false }) };
}

/** @returns its exit status, or the signal that ended it; undefined while it runs */
export function reap(pid: number): Ended | undefined {
  const found = waitFor(pid, result, WNOHANG);
  if (found === 0) return undefined;
  if (found !== pid) throw new SpawnError(`process ${pid}`, errno());
  const word = readInt(0);
  const signal = word & 0x7f;
  return signal === 0 ? { status: (word >>> 8) & 0xff } : { signal };
}

function readInt(offset: number): number {
  return arena.data.getInt32(result - arena.address + offset, true);
}
