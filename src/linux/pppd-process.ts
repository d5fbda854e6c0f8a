/**
 * A running pppd: started, found again by a later daemon, and ended.
 *
 * Contract: it lives in a session of its own and outlives the daemon, as its output goes to a file. It is recognised by its
 * command line, which names the link's options file, if it is root's or the daemon's user's, and then by its process id and start time together: a process id
 * alone may have been given to another program. Only such a process is ever signalled.
 * Source: proc(5), pppd(8) (SIGNALS).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How soon it is seen that a process which is not our child has ended. */
const WATCH_MILLIS = 500;
/** After SIGKILL; only a process stuck in a driver takes longer. */
const KILLED_MILLIS = 2_000;

export class PppdProcess {
  readonly pid: number;
  /** Its exit status; undefined when it was ended by a signal or is not our child. */
  readonly exited: Promise<number | undefined>;
  readonly #startTime: string;

  private constructor(pid: number, startTime: string, exited?: Promise<number | undefined>) {
    this.pid = pid;
    this.#startTime = startTime;
    this.exited = exited ?? this.#watch();
  }

  /** @returns undefined when it could not be started */
  static async start(program: string, options: string, log: string): Promise<PppdProcess | undefined> {
    const output = openSync(log, 'a', 0o600);
    const child = spawn(program, ['file', options], {
      stdio: ['ignore', output, output],
      detached: true,
      cwd: '/',
      env: { ...process.env, LC_ALL: 'C' },
    });
    closeSync(output);
    // The daemon may end before it does.
    child.unref();
    const exited = exitOf(child);
    const { pid } = child;
    if (pid === undefined) {
      await exited;
      return undefined;
    }
    return new PppdProcess(pid, startTimeOf(pid) ?? '', exited);
  }

  /** The pppd that was started with this options file, by whomever. */
  static find(options: string): PppdProcess | undefined {
    for (const entry of readdirSync('/proc')) {
      const pid = Number(entry);
      if (!Number.isInteger(pid)) continue;
      const startTime = startTimeOf(pid);
      const [program = '', ...args] = readProc(pid, 'cmdline')?.split('\0') ?? [];
      const isOurs = /(^|\/)pppd$/.test(program) && args[0] === 'file' && args[1] === options;
      // A child that has not become another program yet has the same command line.
      if (isOurs && startTime !== undefined && isTrusted(pid) && !isForked(pid, options))
        return new PppdProcess(pid, startTime);
    }
    return undefined;
  }

  get isAlive(): boolean {
    return this.#startTime !== '' && startTimeOf(this.pid) === this.#startTime;
  }

  /** Lets it say goodbye to the far side, then kills it. @returns whether it is gone */
  async end(withinMillis: number): Promise<boolean> {
    this.#signal('SIGTERM');
    if (await this.#isGoneWithin(Math.max(0, withinMillis - KILLED_MILLIS))) return true;
    this.#signal('SIGKILL');
    return this.#isGoneWithin(KILLED_MILLIS);
  }

  async #isGoneWithin(millis: number): Promise<boolean> {
    const deadline = performance.now() + millis;
    while (this.isAlive && performance.now() < deadline) await sleep(50);
    return !this.isAlive;
  }

  #signal(name: NodeJS.Signals): void {
    if (!this.isAlive) return;
    try {
      process.kill(this.pid, name);
    } catch {
      // It has ended at this moment.
    }
  }

  async #watch(): Promise<undefined> {
    while (this.isAlive) await sleep(WATCH_MILLIS, undefined, { ref: false });
  }
}

function exitOf(child: ChildProcess): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  child.on('error', () => resolve(undefined));
  child.on('exit', (status) => resolve(status ?? undefined));
  return promise;
}

/** Anybody may start a program with whatever command line. */
function isTrusted(pid: number): boolean {
  try {
    return [0, process.getuid?.()].includes(statSync(`/proc/${pid}`).uid);
  } catch {
    return false;
  }
}

function isForked(pid: number, options: string): boolean {
  const parent = Number(fieldsOf(pid)?.[1] ?? 0);
  return readProc(parent, 'cmdline')?.split('\0')[2] === options;
}

/** In clock ticks since boot. undefined for a process that is gone, or has ended and only waits for its parent. */
function startTimeOf(pid: number): string | undefined {
  const fields = fieldsOf(pid);
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19];
}

/** Of /proc/PID/stat, from the state on: what stands before may hold spaces. */
function fieldsOf(pid: number): string[] | undefined {
  const text = readProc(pid, 'stat');
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined;
  }
}
