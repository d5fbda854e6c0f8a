/**
 * Dials the links on demand and hangs them up, each in its way, and keeps on disk which of them may be up.
 *
 * Contract: one thing at a time is done to a link. A link is on record from before it is dialled until it was hung up. The answer
 * is what went wrong, if anything; a record that cannot be written is told as trouble and keeps no link from being dialled.
 */
import { BackstayError } from '../errors.ts';
import { type DialledLink, OnDemandRecord } from '../linux/on-demand-record.ts';
import type { DialFailure } from '../tunnel/demand/demand.ts';
import type { LinkDialler, OnDemandLinkConfig } from './link-dialler.ts';

export type LinkDiallers = Readonly<Record<OnDemandLinkConfig['onDemand']['way']['kind'], LinkDialler>>;

/** systemd gives the daemon 15 s to stop. */
const STOP_MILLIS = 10_000;

export class LinkDials {
  readonly #record: OnDemandRecord;
  readonly #trouble: (problem: string) => void;
  readonly #diallers: LinkDiallers;
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #dialling = new Map<string, AbortController>();

  /** @param trouble is told what the operator has to see to */
  constructor(stateDirectory: string, diallers: LinkDiallers, trouble: (problem: string) => void) {
    this.#diallers = diallers;
    this.#record = new OnDemandRecord(stateDirectory);
    this.#trouble = trouble;
  }

  /** Links that may be up by our doing, also that of an earlier run. */
  get dialled(): ReadonlyMap<string, DialledLink> {
    return this.#record.links;
  }

  dial(link: OnDemandLinkConfig): Promise<DialFailure | undefined> {
    const { name, onDemand } = link;
    this.#write(() => this.#record.add(name, dialledLink(link)));
    const abort = new AbortController();
    this.#dialling.set(name, abort);
    const run = this.#diallers[onDemand.way.kind].dial(link, abort.signal);
    return this.#track(
      name,
      run.finally(() => this.#dialling.delete(name)),
    );
  }

  hangUp(name: string, link: DialledLink): Promise<string | undefined> {
    const kind = 'downCommand' in link ? 'command' : 'ppp';
    const run = this.#diallers[kind].hangUp(name, link, link.withinMillis).then((failure) => {
      if (failure === undefined) this.forget(name);
      return failure;
    });
    return this.#track(name, run);
  }

  /** The link is not ours to hang up any more. */
  forget(name: string): void {
    this.#write(() => this.#record.remove(name));
  }

  /** Dials are ended; a hang-up that is under way gets its time. @param told before a link is hung up */
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

  #track<Outcome>(name: string, run: Promise<Outcome>): Promise<Outcome> {
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

/** What it takes to hang the link up. */
export function dialledLink({ interface: device, onDemand }: OnDemandLinkConfig): DialledLink {
  const { way, withinMillis } = onDemand;
  const base = { interface: device, withinMillis };
  return way.kind === 'command' ? { ...base, downCommand: way.downCommand } : { ...base, ppp: true };
}

async function atMost(millis: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, millis);
  await Promise.race([promise, work]);
  clearTimeout(timer);
}
