/**
 * The scope of one laboratory: whatever is made in it is removed with it.
 *
 * Contract: `await using lab = await Lab.open('tag')`. Removal happens in reverse order of making: at the end of the
 * scope, also after a failure; on SIGINT, SIGTERM and SIGHUP; and when the process exits. Only a SIGKILL leaves something
 * behind, and the next `open` sweeps that away (see sweep.ts), because every name carries the id of its process.
 */
import { requireLaboratory } from './requirements.ts';
import { sweepLeftovers } from './sweep.ts';

/** What has to be undone; `now` works without waiting and may be called after `gracefully` has begun. */
export type Removal = {
  readonly gracefully: () => Promise<void>;
  readonly now: () => void;
};

const openLabs = new Set<Lab>();
const FATAL_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Lab {
  readonly tag: string;
  readonly #removals: Removal[] = [];

  private constructor(tag: string) {
    this.tag = tag;
  }

  /** @param tag lower-case name of the test or benchmark; part of every name that is made */
  static async open(tag: string): Promise<Lab> {
    if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(tag)) throw new Error(`"${tag}" is no tag for a laboratory`);
    requireLaboratory();
    await sweepLeftovers();
    const lab = new Lab(tag);
    if (openLabs.size === 0) guardProcess();
    openLabs.add(lab);
    return lab;
  }

  /** The name of something of this laboratory: `bs-<tag>-<role>-<pid>`. */
  name(role: string): string {
    return `bs-${this.tag}-${role}-${process.pid}`;
  }

  onRemoval(removal: Removal): void {
    this.#removals.push(removal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let removal = this.#removals.at(-1); removal !== undefined; removal = this.#removals.at(-1)) {
      await removal.gracefully().catch((error: unknown) => failures.push(error));
      this.#removals.pop(); // Only now: a signal in between still removes it.
    }
    openLabs.delete(this);
    if (openLabs.size === 0) unguardProcess();
    if (failures.length > 0)
      throw new AggregateError(failures, `laboratory ${this.tag} was not removed cleanly`);
  }

  removeNow(): void {
    for (const removal of this.#removals.splice(0).reverse()) removal.now();
    openLabs.delete(this);
  }
}

function removeAllNow(): void {
  for (const lab of openLabs) lab.removeNow();
}

function removeAllAndDie(signal: NodeJS.Signals): void {
  removeAllNow();
  unguardProcess();
  process.kill(process.pid, signal); // With its default effect, so that whoever waits sees the true reason.
}

function guardProcess(): void {
  process.on('exit', removeAllNow);
  for (const signal of FATAL_SIGNALS) process.on(signal, removeAllAndDie);
}

function unguardProcess(): void {
  process.off('exit', removeAllNow);
  for (const signal of FATAL_SIGNALS) process.off(signal, removeAllAndDie);
}
