/**
 * The keepalive log: a text file of bounded size, and one older one beside it.
 *
 * Contract: never throws. What the disk does not take is lost and counted, and the next line that it takes says how many; `trouble`
 * hears once why, and once that it works again. A file that somebody moves away is made anew. Source: S1.11.
 */
import { appendFileSync, mkdirSync, renameSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';

/** About 8,000 lines: a day of a link that fails every minute. */
const defaultMaxBytes = 1024 * 1024;

export type KeepaliveTrouble = (reason: string | undefined) => void;

export class KeepaliveLog {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #trouble: KeepaliveTrouble;
  #lost = 0;
  #isFailing = false;

  /** @param trouble why lines are lost; undefined: they no longer are */
  constructor(path: string, trouble: KeepaliveTrouble, maxBytes: number = defaultMaxBytes) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#trouble = trouble;
  }

  /** @param text one line, without its end. @returns why it is lost, if it is */
  write(at: string, text: string): string | undefined {
    const lost = this.#lost === 0 ? '' : `${at} ${this.#lost} lines before this one could not be written\n`;
    try {
      this.#append(`${lost}${at} ${text}\n`);
    } catch (error) {
      this.#lost += 1;
      return this.#failed((error as NodeJS.ErrnoException).code ?? String(error));
    }
    this.#lost = 0;
    if (this.#isFailing) this.#trouble(undefined);
    this.#isFailing = false;
    return undefined;
  }

  #failed(reason: string): string {
    if (!this.#isFailing) this.#trouble(reason);
    this.#isFailing = true;
    return reason;
  }

  #append(lines: string): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o750 });
    const sizeBytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    if (sizeBytes > 0 && sizeBytes + Buffer.byteLength(lines) > this.#maxBytes)
      renameSync(this.#path, `${this.#path}.1`);
    const before = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    try {
      appendFileSync(this.#path, lines, { mode: 0o640 });
    } catch (error) {
      cutBack(this.#path, before);
      throw error;
    }
  }
}

/** A full disk may take half a line. */
function cutBack(path: string, sizeBytes: number): void {
  try {
    truncateSync(path, sizeBytes);
  } catch {
    // Then half a line stays, and a person sees that it is one.
  }
}
