/**
 * Plain traffic of the simulated gateway: the product's decisions, its steps and their order, over a kernel that takes its time.
 *
 * Contract: as `gateway/internet.ts`: `consider` is called between looks, never beside one; it says whether all was made.
 */
import type { Config, InternetConfig } from '../../src/config/index.ts';
import { BackstayError } from '../../src/errors.ts';
import { runChange } from '../../src/gateway/internet-change.ts';
import { changeSteps } from '../../src/gateway/internet-steps.ts';
import type { Links } from '../../src/gateway/links.ts';
import { desiredInternet } from '../../src/internet/carrier-choices.ts';
import type { Grades, Move } from '../../src/internet/internet.ts';
import { InternetMachine } from '../../src/internet/internet-machine.ts';
import { linkGrades, type ProbeVerdict } from '../../src/internet/link-grades.ts';
import { StaleAddresses } from '../../src/internet/stale-addresses.ts';
import type { AppliedNetwork } from '../../src/linux/network-state.ts';
import type { DesiredInternet, DesiredState } from '../../src/network/desired-state.ts';
import type { Protection } from './protections.ts';
import type { Tracked, VirtualKernel } from './virtual-kernel.ts';
import type { Timer, VirtualTime } from './virtual-time.ts';

/** Why connections were cut off. */
export type CutReason = 'dead' | 'stale' | 'leaving';

/** Is told what happens; each with the time at which it has happened. */
export type PlainWitness = {
  readonly graded: (grades: Grades) => void;
  readonly moved: (move: Move) => void;
  readonly failed: (step: string) => void;
  readonly cut: (link: number, why: CutReason, gone: readonly Tracked[]) => void;
};

export type PlainParts = {
  readonly time: VirtualTime;
  readonly kernel: VirtualKernel;
  readonly config: Config;
  readonly internet: InternetConfig;
  readonly links: Links;
  readonly verdictOf: (link: string) => ProbeVerdict | undefined;
  readonly compose: (internet: DesiredInternet) => DesiredState;
  readonly apply: (desired: DesiredState) => Promise<AppliedNetwork>;
  readonly considerSoon: () => void;
  readonly witness: PlainWitness;
  readonly without: Protection | undefined;
};

const FAMILY = 4;

export class PlainSide {
  readonly #parts: PlainParts;
  readonly #config: InternetConfig;
  readonly #machine: InternetMachine;
  readonly #addresses = new StaleAddresses();
  #timer: Timer | undefined;

  constructor(parts: PlainParts) {
    this.#parts = parts;
    const { internet, without, time } = parts;
    this.#config = {
      ...internet,
      holdMillis: without === 'hold' ? 0 : internet.holdMillis,
      fallback: without === 'fallback' ? 'manual' : internet.fallback,
    };
    this.#machine = new InternetMachine(this.#config, time.millis);
  }

  /** Names of the links that carry. */
  get carriers(): string[] {
    return this.#machine.families[FAMILY].standing.carriers.map(({ link }) => link);
  }

  get hasCanary(): boolean {
    return this.#machine.families[FAMILY].standing.canary !== undefined;
  }

  desired(): DesiredInternet {
    return this.#desiredWith([]);
  }

  needed(): string[] {
    return this.#machine.needed(this.#parts.time.millis);
  }

  leave(link: string): void {
    this.#cut(link, 'leaving');
  }

  /** @returns whether all was made that ought to be */
  async consider(): Promise<boolean> {
    const { time, links, verdictOf, witness } = this.#parts;
    const now = time.millis;
    const grades = linkGrades(this.#config, links.families(), verdictOf);
    this.#machine.look(grades, now);
    witness.graded(grades[FAMILY]);
    const moves = this.#machine.consider(now);
    const made = moves.length === 0 || (await this.#change(moves));
    if (this.#parts.without !== 'cutStale')
      for (const { link } of this.#addresses.look(links.families())) this.#cut(link, 'stale');
    this.#cutDead();
    this.#setTimer(now);
    return made;
  }

  async #change(moves: readonly Move[]): Promise<boolean> {
    const { compose, apply, kernel, witness, without } = this.#parts;
    if (without === 'cutAfterRules') this.#cutBefore(moves);
    const outcome = await runChange(
      changeSteps({
        before: compose(this.#desiredWith([])),
        after: compose(this.#desiredWith(moves)),
        moves,
        apply,
        remaining: async (desired) => kernel.remaining(desired),
        tellTunnels: () => {},
        remember: () => {},
        settle: () => this.#machine.moved(moves, this.#parts.time.millis),
        cut: () => {
          if (without === 'cutOnlyDead')
            for (const { before } of moves) for (const { link } of before) this.#cut(link, 'dead');
          this.#cutDead();
          return [];
        },
        journal: () => moves.forEach(witness.moved),
      }),
    );
    if (!outcome.made) witness.failed(`${outcome.step}: ${outcome.error.message}`);
    return outcome.made;
  }

  #desiredWith(moves: readonly Move[]): DesiredInternet {
    return desiredInternet(this.#machine, this.#config, moves, (link) => this.#parts.links.indexOf(link));
  }

  #cutDead(): void {
    for (const cut of this.#machine.cuts()) {
      if (cut.family === FAMILY && this.#parts.without !== 'cut') this.#cut(cut.link, 'dead');
      this.#machine.wasCut(cut);
    }
  }

  /** What the steps' order forbids. */
  #cutBefore(moves: readonly Move[]): void {
    for (const cut of this.#machine.cuts(moves)) {
      if (cut.family === FAMILY) this.#cut(cut.link, 'dead');
      this.#machine.wasCut(cut);
    }
  }

  #cut(name: string, why: CutReason): void {
    const { links, kernel, witness } = this.#parts;
    const link = links.indexOf(name);
    witness.cut(link, why, kernel.cut(link));
  }

  #setTimer(decidedAt: number): void {
    const { time, considerSoon } = this.#parts;
    time.cancel(this.#timer);
    const at = this.#machine.nextDeadline(decidedAt);
    if (at !== undefined) this.#timer = time.after(Math.max(1, at - time.millis + 1), considerSoon);
  }
}

/** What the kernel says now and then. */
export const refused = new BackstayError('BS_NETWORK_REFUSED', 'The kernel refused it.');
