/**
 * Runs the commands of the links on demand, and keeps on disk which of them may be up.
 *
 * Contract: one command of a link at a time. A link is on record from before its up-command begins until its down-command has
 * succeeded. Commands answer what went wrong, if anything; a record that cannot be written is told as trouble and keeps
 * no link from being dialled.
 */
import type { LinkConfig, OnDemandConfig } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import { runDialCommand } from '../linux/dial-command.ts';
import { type DialledLink, OnDemandRecord } from '../linux/on-demand-record.ts';

export type OnDemandLinkConfig = LinkConfig & { readonly onDemand: OnDemandConfig };

/** systemd gives the daemon 15 s to stop. */
const STOP_MILLIS = 10_000;

export class DialCommands {
  readonly #record: OnDemandRecord;
  readonly #trouble: (problem: string) => void;
  readonly #running = new Map<string, Promise<string | undefined>>();
  readonly #dialling = new Map<string, AbortController>();

  /** @param trouble is told what the operator has to see to */
  constructor(stateDirectory: string, trouble: (problem: string) => void) {
    this.#record = new OnDemandRecord(stateDirectory);
    this.#trouble = trouble;
  }

  /** Links that may be up by our doing, also that of an earlier run. */
  get dialled(): ReadonlyMap<string, DialledLink> {
    return this.#record.links;
  }

  dial({ name, interface: device, onDemand }: OnDemandLinkConfig): Promise<string | undefined> {
    const { upCommand, downCommand, withinMillis } = onDemand;
    this.#write(() => this.#record.add(name, { interface: device, downCommand, withinMillis }));
    const abort = new AbortController();
    this.#dialling.set(name, abort);
    const run = runDialCommand({
      words: upCommand,
      timeoutMillis: withinMillis,
      environment: environment(name, device),
      signal: abort.signal,
    });
    return this.#track(
      name,
      run.finally(() => this.#dialling.delete(name)),
    );
  }

  hangUp(
    name: string,
    { interface: device, downCommand, withinMillis }: DialledLink,
  ): Promise<string | undefined> {
    const command = {
      words: downCommand,
      timeoutMillis: withinMillis,
      environment: environment(name, device),
    };
    const run = runDialCommand(command).then((failure) => {
      if (failure === undefined) this.forget(name);
      return failure;
    });
    return this.#track(name, run);
  }

  /** The link is not ours to hang up any more. */
  forget(name: string): void {
    this.#write(() => this.#record.remove(name));
  }

  /** Up-commands are ended; a down-command that runs gets its time. @param told before a link is hung up */
  async hangUpAll(told: (name: string) => void): Promise<void> {
    await Promise.all([...this.dialled].map(([name, link]) => this.#hangUpAtEnd(name, link, told)));
  }

  async #hangUpAtEnd(name: string, link: DialledLink, told: (name: string) => void): Promise<void> {
    const isDialling = this.#dialling.has(name);
    this.#dialling.get(name)?.abort();
    const running = this.#running.get(name);
    if (running !== undefined) await atMost(STOP_MILLIS, running);
    // It was being hung up already; when that has failed or is slow, the next start does it.
    if (!this.dialled.has(name) || (running !== undefined && !isDialling)) return;
    told(name);
    const withinMillis = Math.min(link.withinMillis, STOP_MILLIS);
    const failure = await this.hangUp(name, { ...link, withinMillis });
    if (failure !== undefined) this.#trouble(`BS_HANG_UP_FAILED link ${name}: ${failure}`);
  }

  #track(name: string, run: Promise<string | undefined>): Promise<string | undefined> {
    const tracked = run.finally(() => {
      if (this.#running.get(name) === tracked) this.#running.delete(name);
    });
    this.#running.set(name, tracked);
    return tracked;
  }

  #write(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof BackstayError)) throw error;
      this.#trouble(error.line);
    }
  }
}

function environment(link: string, device: string): Record<string, string> {
  return { BACKSTAY_LINK: link, BACKSTAY_INTERFACE: device };
}

async function atMost(millis: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, millis);
  await Promise.race([promise, work]);
  clearTimeout(timer);
}
