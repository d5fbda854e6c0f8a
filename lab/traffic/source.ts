/**
 * The traffic source as a benchmark holds it: a process in a namespace that sends prebuilt frames at a pace.
 *
 * Contract: `run` resolves when the time is over, with what was really sent. One run at a time.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from '../child.ts';
import type { Namespace } from '../namespace.ts';
import { packFrames } from './frame-file.ts';

export type SourceReport = {
  /** Frames that the kernel took. */
  readonly sent: number;
  readonly refused: number;
  readonly seconds: number;
};

export class TrafficSource {
  readonly #child: Child;
  readonly #answers: ((report: SourceReport) => void)[] = [];

  private constructor(child: Child) {
    this.#child = child;
    child.onLine((line) => this.#answers.shift()?.(JSON.parse(line) as SourceReport));
  }

  /** @param file where the frames are put for the process; the caller removes it */
  static async open(
    namespace: Namespace,
    options: {
      readonly interfaceName: string;
      readonly file: string;
      readonly frames: readonly Uint8Array[];
    },
  ): Promise<TrafficSource> {
    writeFileSync(options.file, packFrames(options.frames));
    const program = join(import.meta.dirname, 'source-main.ts');
    const child = await namespace.spawn(process.execPath, [program, options.interfaceName, options.file]);
    await child.waitFor(/ready/);
    return new TrafficSource(child);
  }

  run(packetsPerSecond: number, seconds: number): Promise<SourceReport> {
    return new Promise((resolve, reject) => {
      this.#answers.push(resolve);
      void this.#child.exited.then(() =>
        reject(new Error(`the traffic source has ended: ${this.#child.output}`)),
      );
      this.#child.write(`${packetsPerSecond} ${seconds}\n`);
    });
  }

  async close(): Promise<void> {
    this.#child.closeInput();
    await this.#child.exited;
  }
}
