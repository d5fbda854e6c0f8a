/**
 * Keeps the rounds of the links' probes over restarts.
 *
 * Contract: `load` before the first round, `close` after the last one. Writes seldom, one after the other, and holds nobody up; what can't be
 * read or written is told and stops nothing. A daemon that is killed loses what came since the last writing.
 */
import { BackstayError } from '../errors.ts';
import { readRoundRecord, writeRoundRecord } from '../linux/round-record.ts';
import { monotonicMillis } from './context.ts';
import type { LinkProbes } from './link-probes.ts';

/** Some hundred kilobytes for each link: little enough for a flash disk, and a kill costs no more than this. */
const SAVE_MILLIS = 300_000;

export class RoundKeeper {
  readonly #state: string;
  readonly #probes: Pick<LinkProbes, 'record' | 'restore'>;
  readonly #trouble: (problems: readonly string[]) => void;
  readonly #saveMillis: number;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(
    stateDirectory: string,
    probes: Pick<LinkProbes, 'record' | 'restore'>,
    trouble: (problems: readonly string[]) => void,
    saveMillis = SAVE_MILLIS,
  ) {
    this.#state = stateDirectory;
    this.#probes = probes;
    this.#trouble = trouble;
    this.#saveMillis = saveMillis;
  }

  load(): void {
    try {
      this.#probes.restore(readRoundRecord(this.#state, monotonicMillis()));
    } catch (error) {
      this.#tell(error);
    }
    this.#timer = setInterval(() => this.#save(), this.#saveMillis);
    this.#timer.unref();
  }

  /** Nothing is written by a daemon that had not loaded. */
  async close(): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#save();
    await this.#saving;
  }

  #save(): void {
    this.#saving = this.#saving.then(async () => {
      const links = this.#probes.record();
      if (links.every(({ rounds }) => rounds.length === 0)) return;
      try {
        await writeRoundRecord(this.#state, links, monotonicMillis());
        this.#trouble([]);
      } catch (error) {
        this.#tell(error);
      }
    });
  }

  #tell(error: unknown): void {
    const line = error instanceof BackstayError ? error.line : `BS_INTERNAL ${String(error)}`;
    this.#trouble([line]);
  }
}
