/**
 * A modem at a serial line: takes AT commands, and joins a call to the program that answers at the far end.
 *
 * Contract: the serial line is the symbolic link `device`. A call ends as a call of phones does: by either side, or by `drop`,
 * which loses the carrier. What the next calls come to is `outcome`. The far end's program has the line as its standard input
 * and output (`pppd notty`).
 * Source: ITU-T V.250 (commands, result codes).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, symlinkSync } from 'node:fs';
import { PseudoTerminal } from './pseudo-terminal.ts';

export type Outcome =
  | 'connect'
  | 'busy'
  | 'no-carrier'
  | 'no-dialtone'
  | 'no-answer'
  /** Dials and never says anything more. */
  | 'ringing'
  /** Answers no command at all. */
  | 'silent'
  /** Connects, and at the far end nobody speaks PPP. */
  | 'mute';

const results: Readonly<Record<Outcome, string>> = {
  connect: 'CONNECT 115200',
  busy: 'BUSY',
  'no-carrier': 'NO CARRIER',
  'no-dialtone': 'NO DIALTONE',
  'no-answer': 'NO ANSWER',
  ringing: 'RINGING',
  silent: '',
  mute: 'CONNECT 115200',
};

export class Modem {
  readonly device: string;
  outcome: Outcome = 'connect';
  /** What was commanded since the start, such as `ATZ`, `ATDT0123`. */
  readonly commands: string[] = [];
  readonly #answer: readonly [string, ...string[]];
  #line: PseudoTerminal | undefined;
  #call: ChildProcess | undefined;
  #typed = '';
  #connected = false;
  #closed = false;

  /** @param answer the program that answers calls, and its arguments */
  constructor(device: string, answer: readonly [string, ...string[]]) {
    this.device = device;
    this.#answer = answer;
    this.#attach();
  }

  get calls(): readonly string[] {
    return this.commands.filter((command) => command.startsWith('ATD'));
  }

  get isInCall(): boolean {
    return this.#connected;
  }

  /** The carrier is lost. */
  drop(): void {
    this.#line?.close();
  }

  /** The modem is unplugged. */
  close(): void {
    this.#closed = true;
    this.drop();
    rmSync(this.device, { force: true });
  }

  #attach(): void {
    const line = new PseudoTerminal(
      (bytes) => this.#heard(bytes),
      () => this.#detached(line),
    );
    this.#line = line;
    this.#typed = '';
    rmSync(this.device, { force: true });
    symlinkSync(line.path, this.device);
  }

  #detached(line: PseudoTerminal): void {
    if (line !== this.#line) return;
    this.#connected = false;
    this.#call?.stdin?.end();
    this.#call?.kill('SIGHUP');
    this.#call = undefined;
    if (!this.#closed) this.#attach();
  }

  #heard(bytes: Buffer): void {
    if (this.#connected) {
      this.#call?.stdin?.write(bytes);
      return;
    }
    this.#typed += bytes.toString('latin1');
    for (;;) {
      const end = this.#typed.search(/[\r\n]/);
      if (end < 0) return;
      const command = this.#typed.slice(0, end).trim().toUpperCase();
      this.#typed = this.#typed.slice(end + 1);
      if (command !== '') this.#obey(command);
    }
  }

  #obey(command: string): void {
    this.commands.push(command);
    if (this.outcome === 'silent') return;
    // Echoed, as modems do after ATZ.
    this.#say(command);
    if (!command.startsWith('AT')) return this.#say('ERROR');
    if (!command.startsWith('ATD')) return this.#say(command === 'ATX9' ? 'ERROR' : 'OK');
    this.#say('RINGING');
    this.#say(results[this.outcome]);
    if (this.outcome === 'connect') this.#join();
    if (this.outcome === 'mute') this.#connected = true;
  }

  #say(words: string): void {
    this.#line?.write(`\r\n${words}\r\n`);
  }

  #join(): void {
    const [program, ...args] = this.#answer;
    const call = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    const line = this.#line;
    this.#call = call;
    this.#connected = true;
    call.stdin.on('error', () => {});
    call.stdout.on('data', (bytes: Buffer) => line?.write(bytes));
    call.on('error', () => line?.close());
    call.on('exit', () => {
      if (this.#call === call) line?.close();
    });
  }
}
