/**
 * Plain traffic to the internet at runtime: what the links are worth, the change to other links, the record and the journal.
 *
 * Contract: what is decided is `internet/`'s business. `consider` is called by the gateway between its looks at the network,
 * never beside one; it makes a change in the order of `internet-change.ts`, and answers what could not be made. Between changes
 * `desired` is what the looks keep standing. Connections are cut off after the new rules stand, and what was cut in vain is
 * tried again with the next call. Source: S1.3, S1.5, S1.6, S1.8, S1.9, S1.12.
 */
import type { InternetStatus } from '../api/internet-status.ts';
import type { InternetConfig } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import { desiredInternet } from '../internet/carrier-choices.ts';
import { isAlive, type Move } from '../internet/internet.ts';
import { bothFamilies, type Cut, type FamilyGrades, InternetMachine } from '../internet/internet-machine.ts';
import { linkGrades } from '../internet/link-grades.ts';
import { StaleAddresses } from '../internet/stale-addresses.ts';
import { countConnections, cutConnections } from '../linux/conntrack.ts';
import {
  type InternetState,
  readInternetState,
  removeInternetState,
  writeInternetState,
} from '../linux/internet-record.ts';
import { applyNetwork, type NetworkFailure, remainingChanges } from '../linux/network-state.ts';
import type { DesiredInternet, DesiredState } from '../network/desired-state.ts';
import { internetMark } from '../network/internet-routing.ts';
import type { IpFamily } from '../network/ip-address.ts';
import { type GatewayContext, monotonicMillis } from './context.ts';
import { runChange } from './internet-change.ts';
import { changeSteps } from './internet-steps.ts';
import { describeInternet, lostEvent, movedEvent } from './internet-words.ts';
import type { LinkProbes } from './link-probes.ts';
import type { Links } from './links.ts';

export type InternetParts = {
  readonly context: Pick<GatewayContext, 'config' | 'record'>;
  readonly config: InternetConfig;
  readonly links: Pick<Links, 'families' | 'indexOf' | 'config'>;
  readonly probes: Pick<LinkProbes, 'get'>;
  /** The whole wanted state, with this in place of what `desired` says. */
  readonly compose: (internet: DesiredInternet) => DesiredState;
  readonly tellTunnels: () => void;
  /** Calls `consider` soon. */
  readonly considerSoon: () => void;
};

export class Internet {
  readonly #parts: InternetParts;
  readonly #machine: InternetMachine;
  readonly #state: string;
  readonly #addresses = new StaleAddresses();
  readonly #lost = new Set<IpFamily>();
  #written = '';
  #unwritten: BackstayError | undefined;
  readonly #since = new Map<IpFamily, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: InternetParts) {
    this.#parts = parts;
    this.#state = parts.context.config.gateway.state;
    this.#machine = new InternetMachine(parts.config, monotonicMillis());
  }

  /** Before the first look at the network: what an earlier run has left goes on. */
  adopt(): void {
    const left = readInternetState(this.#state);
    if (left === undefined) return;
    const names = this.#linkNames();
    // A mark means another link by now.
    for (const [index, name] of left.links.entries()) if (names[index] !== name) this.#cutMark(index);
    const isOurs = (name: string | undefined) => this.#parts.config.links.some((link) => link.name === name);
    const chosen = isOurs(left.chosen) ? left.chosen : undefined;
    this.#machine.adopt(left.carriers, chosen, left.cuts, monotonicMillis());
    this.#written = JSON.stringify(this.#record());
  }

  desired(): DesiredInternet {
    return this.#desiredWith([]);
  }

  /** @returns what could not be made */
  async consider(): Promise<NetworkFailure[]> {
    const now = monotonicMillis();
    this.#machine.look(this.#grades(), now);
    const moves = this.#machine.consider(now);
    const failures = moves.length === 0 ? [] : await this.#change(moves);
    this.#tellLost();
    failures.push(...this.#cutStale(), ...this.#cutDead());
    this.#write(this.#record());
    this.#setTimer(now);
    if (this.#unwritten !== undefined) failures.push({ part: 'internet', error: this.#unwritten });
    return failures;
  }

  /** @throws BackstayError BS_LINK_UNKNOWN, BS_INTERNET_LINK_UNUSABLE */
  use(name: string): void {
    if (this.#parts.links.config(name) === undefined)
      throw new BackstayError('BS_LINK_UNKNOWN', 'There is no such link.', { place: name });
    const link = this.#parts.config.links.find((it) => it.name === name);
    const unusable = (why: string) => new BackstayError('BS_INTERNET_LINK_UNUSABLE', why, { place: name });
    if (link === undefined) throw unusable('The link is not among the links of internet.');
    const grades = this.#grades();
    const onDemand = this.#parts.links.config(name)?.onDemand !== undefined;
    if (!onDemand && !bothFamilies.some((family) => isAlive(grades[family][name])))
      throw unusable('The link does not work at the moment.');
    this.#machine.choose(name);
    this.#parts.considerSoon();
  }

  release(): void {
    this.#machine.choose(undefined);
    this.#parts.considerSoon();
  }

  /** Links of which one is needed, best first, and those that carry. */
  needed(): string[] {
    return this.#machine.needed(monotonicMillis());
  }

  /** The link is about to be hung up: its connections may go on over another one. */
  leave(name: string): void {
    this.#cutMark(this.#parts.links.indexOf(name));
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Nothing is left for the next start to go on from. */
  forget(): void {
    removeInternetState(this.#state);
  }

  status(): InternetStatus {
    return describeInternet(this.#machine, this.#parts.config, this.#since);
  }

  async #change(moves: readonly Move[]): Promise<NetworkFailure[]> {
    const { compose, tellTunnels, context } = this.#parts;
    const startedAt = monotonicMillis();
    const [before, after] = [compose(this.#desiredWith([])), compose(this.#desiredWith(moves))];
    const cuts = this.#machine.cuts(moves);
    const outcome = await runChange(
      changeSteps({
        before,
        after,
        moves,
        apply: (desired) => applyNetwork(desired, this.#state),
        remaining: remainingChanges,
        tellTunnels,
        remember: (isMade) => this.#write(isMade ? this.#recordWith(moves, cuts) : this.#record()),
        settle: () => this.#settle(moves),
        cut: () => this.#cutDead(),
        journal: () => {
          const took = monotonicMillis() - startedAt;
          for (const event of movedEvent(moves, this.#parts.config, this.#grades(), cuts, took))
            context.record(event(context.config.gateway.name));
        },
      }),
    );
    if (outcome.made) return outcome.problems.map((error) => ({ part: 'internet', error }));
    return [{ part: `internet, step ${outcome.step}`, error: outcome.error }];
  }

  #settle(moves: readonly Move[]): void {
    this.#machine.moved(moves, monotonicMillis());
    for (const { family, canary } of moves)
      if (canary === undefined) this.#since.set(family, new Date().toISOString());
  }

  #grades(): FamilyGrades {
    const { config, links, probes } = this.#parts;
    return linkGrades(config, links.families(), (name) => probes.get(name)?.standing);
  }

  #desiredWith(moves: readonly Move[]): DesiredInternet {
    const { config, links } = this.#parts;
    return desiredInternet(this.#machine, config, moves, (link) => links.indexOf(link));
  }

  #tellLost(): void {
    const { context, config } = this.#parts;
    for (const family of bothFamilies) {
      const { isLost, carriers } = this.#machine.families[family].standing;
      if (isLost === this.#lost.has(family)) continue;
      if (isLost) this.#lost.add(family);
      else this.#lost.delete(family);
      if (isLost)
        context.record(lostEvent(family, carriers, config, this.#grades(), context.config.gateway.name));
    }
  }

  #cutDead(): NetworkFailure[] {
    return this.#machine.cuts().flatMap((cut) => {
      const failure = this.#cut(cut);
      if (failure === undefined) this.#machine.wasCut(cut);
      return failure ?? [];
    });
  }

  #cutStale(): NetworkFailure[] {
    const isOurs = (link: string) => this.#parts.config.links.some(({ name }) => name === link);
    const stale = this.#addresses.look(this.#parts.links.families());
    return stale.filter(({ link }) => isOurs(link)).flatMap((cut) => this.#cut(cut) ?? []);
  }

  #cutMark(index: number): void {
    for (const family of bothFamilies) this.#cutIndex(index, family);
  }

  #cut({ link, family }: Cut): NetworkFailure | undefined {
    return this.#cutIndex(this.#parts.links.indexOf(link), family);
  }

  /** Read back; a packet that was under way may have made one more. */
  #cutIndex(index: number, family: IpFamily): NetworkFailure | undefined {
    const mark = internetMark(index);
    try {
      cutConnections(mark, family);
      if (countConnections(mark, family) > 0) cutConnections(mark, family);
      return undefined;
    } catch (error) {
      if (!(error instanceof BackstayError)) throw error;
      return { part: `internet IPv${family}`, error };
    }
  }

  #linkNames(): string[] {
    return this.#parts.context.config.links.map(({ name }) => name);
  }

  #record(): InternetState {
    return this.#recordWith([], this.#machine.cuts());
  }

  #recordWith(moves: readonly Move[], cuts: readonly Cut[]): InternetState {
    const carriersOf = (family: IpFamily) => {
      const move = moves.find((it) => it.family === family);
      return (move ?? this.#machine.families[family].standing).carriers.map(({ link }) => link);
    };
    const carriers = { 4: carriersOf(4), 6: carriersOf(6) };
    return { carriers, links: this.#linkNames(), cuts, chosen: this.#machine.chosen };
  }

  /** A disk that is full keeps nobody offline: it is told, and tried again. */
  #write(state: InternetState): void {
    const text = JSON.stringify(state);
    if (text === this.#written) return;
    try {
      writeInternetState(this.#state, state);
      this.#written = text;
      this.#unwritten = undefined;
    } catch (error) {
      if (!(error instanceof BackstayError)) throw error;
      this.#unwritten = error;
    }
  }

  /** @param decidedAt what was not due then is still to come, even if its time has come since */
  #setTimer(decidedAt: number): void {
    clearTimeout(this.#timer);
    const at = this.#machine.nextDeadline(decidedAt);
    if (at === undefined) return;
    this.#timer = setTimeout(this.#parts.considerSoon, Math.max(1, at - monotonicMillis() + 1));
  }
}
