/**
 * The journal on disk: `journal.jsonl` in the state directory, one entry per line, and three older files beside it.
 *
 * Contract: never throws after it was opened, and opening throws nothing either. When the disk is full or broken the
 * entries stay in the journal's memory, one `diskTrouble` event says so, and what is missing is written as soon as
 * the disk takes it again. What an earlier run wrote is `history`; damaged lines in it are left out. Source: S1.11.
 */

import {
  appendFileSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { formatEntryLine, parseEntryLines } from '../journal/entry-line.ts';
import type { Journal, JournalEntry } from '../journal/journal.ts';

/** With four files 16 MiB: some 60,000 entries, and little enough for a small state partition. */
const defaultMaxFileBytes = 4 * 1024 * 1024;
const defaultFileCount = 4;
/** An operator who made room wants to see it soon, and a write that fails costs nothing. */
const defaultRetryMillis = 2_000;

type Options = { maxFileBytes?: number; fileCount?: number; retryMillis?: number };

export class JournalFile {
  /** What earlier runs wrote, oldest first; give it to the `Journal`. */
  readonly history: readonly JournalEntry[];
  /** Lines of the history that could not be read. */
  readonly damagedLines: number;

  readonly #path: string;
  readonly #options: Required<Options>;
  #fd: number | undefined;
  #sizeBytes = 0;
  #writtenSequence: number;
  #trouble = false;
  #retry: NodeJS.Timeout | undefined;
  #leave: (() => void) | undefined;

  constructor(path: string, options: Options = {}) {
    this.#path = path;
    this.#options = {
      maxFileBytes: options.maxFileBytes ?? defaultMaxFileBytes,
      fileCount: options.fileCount ?? defaultFileCount,
      retryMillis: options.retryMillis ?? defaultRetryMillis,
    };
    const { entries, damaged } = parseEntryLines(this.#readAll());
    this.history = entries;
    this.damagedLines = damaged;
    this.#writtenSequence = entries.at(-1)?.sequence ?? 0;
  }

  /** Writes every entry of `journal` from now on; `gateway` is the subject of a trouble with the disk. */
  follow(journal: Journal, gateway: string): void {
    this.#leave = journal.subscribe((entry) => this.#write(entry, journal, gateway));
  }

  close(): void {
    this.#leave?.();
    clearTimeout(this.#retry);
    this.#closeFile();
  }

  #write(entry: JournalEntry, journal: Journal, gateway: string): void {
    // While the disk is in trouble the journal keeps the entry, and the retry finds it there.
    if (this.#trouble) return;
    try {
      this.#append(entry);
    } catch (error) {
      this.#enterTrouble(error, journal, gateway);
    }
  }

  #append(entry: JournalEntry): void {
    const line = formatEntryLine(entry);
    const fd = this.#roomFor(Buffer.byteLength(line));
    appendWhole(fd, line, this.#sizeBytes);
    this.#sizeBytes += Buffer.byteLength(line);
    this.#writtenSequence = Math.max(this.#writtenSequence, entry.sequence);
  }

  #roomFor(bytes: number): number {
    if (this.#fd === undefined) this.#fd = this.#openFile();
    if (this.#sizeBytes > 0 && this.#sizeBytes + bytes > this.#options.maxFileBytes) {
      this.#closeFile();
      this.#rotate();
      this.#fd = this.#openFile();
    }
    return this.#fd;
  }

  #openFile(): number {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o750 });
    const fd = openSync(this.#path, 'a+', 0o640);
    try {
      this.#sizeBytes = fstatSync(fd).size;
      if (this.#sizeBytes > 0 && !endsLine(fd, this.#sizeBytes)) {
        appendFileSync(fd, '\n');
        this.#sizeBytes += 1;
      }
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  #closeFile(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      closeSync(fd);
    } catch {
      // The kernel has given the descriptor back whatever it says.
    }
  }

  #rotate(): void {
    for (let age = this.#options.fileCount - 1; age > 0; age -= 1) {
      const younger = age === 1 ? this.#path : `${this.#path}.${age - 1}`;
      try {
        renameSync(younger, `${this.#path}.${age}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  #enterTrouble(error: unknown, journal: Journal, gateway: string): void {
    this.#trouble = true;
    this.#closeFile();
    this.#retry = setInterval(() => this.#leaveTrouble(journal, gateway), this.#options.retryMillis);
    this.#retry.unref();
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    // Not inside the listener: every other listener hears the entry that failed first.
    queueMicrotask(() => {
      const subject = { type: 'gateway', name: gateway } as const;
      journal.record(
        { kind: 'diskTrouble', subject, evidence: { path: this.#path, reason } },
        new Date().toISOString(),
      );
    });
  }

  #leaveTrouble(journal: Journal, gateway: string): void {
    const missing = journal.since(this.#writtenSequence);
    const entriesLost = Math.max(0, journal.oldestSequence - this.#writtenSequence - 1);
    try {
      for (const entry of missing) this.#append(entry);
    } catch {
      this.#closeFile();
      return;
    }
    clearInterval(this.#retry);
    this.#trouble = false;
    const subject = { type: 'gateway', name: gateway } as const;
    const evidence = { path: this.#path, entriesWritten: missing.length, entriesLost };
    journal.record({ kind: 'diskRecovered', subject, evidence }, new Date().toISOString());
  }

  #readAll(): string {
    const texts: string[] = [];
    for (let age = this.#options.fileCount - 1; age >= 0; age -= 1) {
      try {
        texts.push(readFileSync(age === 0 ? this.#path : `${this.#path}.${age}`, 'utf8'));
      } catch {
        // Missing or unreadable: the history begins later. Writing will tell about a broken disk.
      }
    }
    return texts.join('\n');
  }
}

/** A full disk may take half a line: that half goes again. */
function appendWhole(fd: number, line: string, sizeBytes: number): void {
  try {
    appendFileSync(fd, line);
  } catch (error) {
    cutBack(fd, sizeBytes);
    throw error;
  }
}

function cutBack(fd: number, sizeBytes: number): void {
  try {
    ftruncateSync(fd, sizeBytes);
  } catch {
    // Then half a line stays, and whoever reads the file leaves it out.
  }
}

function endsLine(fd: number, sizeBytes: number): boolean {
  const last = Buffer.alloc(1);
  readSync(fd, last, 0, 1, sizeBytes - 1);
  return last[0] === 0x0a;
}
