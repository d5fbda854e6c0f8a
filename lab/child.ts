/**
 * A program that runs beside the test until it is told to stop.
 *
 * Contract: its output is kept (`output`) and can be waited for (`waitFor`); `stop` ends exactly this process, by
 * its id, politely first. `killNow` works without waiting, for signal handlers and process exit.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export type ExitStatus = { readonly status: number | null; readonly signal: NodeJS.Signals | null };

export type SpawnOptions = {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
};

/** How long a program may take over a polite end before it is killed. */
const GRACE_MILLIS = 3_000;

/** Time for the rest of its output to be read after a program has ended. */
const LAST_WORDS_MILLIS = 300;

/** Characters; a program that talks for hours must not fill the memory. */
const KEPT_OUTPUT = 1 << 20;

export class Child {
  readonly pid: number;
  /** Resolves when the program has ended, however it did. */
  readonly exited: Promise<ExitStatus>;
  readonly #process: ChildProcess;
  readonly #commandLine: string;
  readonly #listeners = new Set<() => void>();
  #output = '';
  #exit: ExitStatus | undefined;

  private constructor(process: ChildProcess, pid: number, commandLine: string) {
    this.#process = process;
    this.#commandLine = commandLine;
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      process.once('close', (status, signal) => {
        this.#exit = { status, signal };
        resolve(this.#exit);
        this.#wakeListeners();
      });
    });
    process.once('exit', () => releaseOutput(process));
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-KEPT_OUTPUT);
        this.#wakeListeners();
      });
    }
    process.stdin?.on('error', () => {}); // The program has ended: `exited` tells.
  }

  static start(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<Child> {
    return new Promise((resolve, reject) => {
      const process = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
      process.once('error', reject);
      process.once('spawn', () => resolve(new Child(process, process.pid!, [program, ...args].join(' '))));
    });
  }

  /** The last of what was written, standard output and error as they came. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  write(text: string): void {
    this.#process.stdin?.write(text);
  }

  closeInput(): void {
    this.#process.stdin?.end();
  }

  /** Waits until the output matches. @returns the match; throws when the program ends or time is up before */
  async waitFor(pattern: RegExp, timeoutMillis = 30_000): Promise<RegExpMatchArray> {
    const deadline = performance.now() + timeoutMillis;
    for (;;) {
      const match = this.#output.match(pattern);
      if (match !== null) return match;
      const left = deadline - performance.now();
      if (!this.running || left <= 0) {
        const reason = this.running ? `said nothing like ${pattern} within ${timeoutMillis} ms` : 'has ended';
        throw new Error(`${this.#commandLine}: ${reason}\n${this.#output}`);
      }
      await this.#nextChange(left);
    }
  }

  /** Calls for every further line on standard output. */
  onLine(listener: (line: string) => void): void {
    let rest = '';
    this.#process.stdout?.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) listener(line);
    });
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) this.#process.kill(name);
  }

  /** Asks the program to end, insists after a while. */
  async stop(): Promise<ExitStatus> {
    this.signal('SIGTERM');
    this.signal('SIGCONT'); // A stopped program would not hear the first signal.
    const timer = setTimeout(() => this.signal('SIGKILL'), GRACE_MILLIS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  killNow(): void {
    this.signal('SIGKILL');
  }

  async #nextChange(timeoutMillis: number): Promise<void> {
    const timeout = new AbortController();
    const change = new Promise<void>((resolve) => this.#listeners.add(resolve));
    await Promise.race([change, sleep(timeoutMillis, undefined, { signal: timeout.signal }).catch(() => {})]);
    timeout.abort();
  }

  #wakeListeners(): void {
    for (const wake of this.#listeners) wake();
    this.#listeners.clear();
  }
}

/** What the program itself has started may hold its output open for ever, and `close` would never come. */
function releaseOutput(process: ChildProcess): void {
  const timer = setTimeout(() => {
    process.stdout?.destroy();
    process.stderr?.destroy();
  }, LAST_WORDS_MILLIS);
  process.once('close', () => clearTimeout(timer));
}
