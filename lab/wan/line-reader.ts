/**
 * Lines of a descriptor, for a program that sleeps in poll(2) instead of Node.js's event loop.
 *
 * Contract: `read` is called when the descriptor is readable, and then does not block.
 */
import { readSync } from 'node:fs';

export class LineReader {
  readonly #fd: number;
  readonly #chunk = Buffer.alloc(65_536);
  #rest = '';

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Reads what is there. @returns false at the end of the input */
  read(onLine: (line: string) => void): boolean {
    const length = readSync(this.#fd, this.#chunk);
    if (length === 0) return false;
    const lines = (this.#rest + this.#chunk.toString('utf8', 0, length)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    return true;
  }
}
