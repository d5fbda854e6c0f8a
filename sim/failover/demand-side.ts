/**
 * Links on demand of the simulated gateway: the product's decisions once a second, and lines whose dialling takes its time and may fail.
 *
 * Contract: as `gateway/on-demand.ts`: a link counts from the dial on, and is out of use, its paths gone, before it is hung up.
 */

import type { PathStatus } from '../../src/api/status.ts';
import type { Config } from '../../src/config/index.ts';
import type { Links } from '../../src/gateway/links.ts';
import { LoadMeter } from '../../src/gateway/load-meter.ts';
import type { DemandEffect, DemandEvent, DialFailure } from '../../src/tunnel/demand/demand.ts';
import { DemandMachine } from '../../src/tunnel/demand/demand-machine.ts';
import type { Draw } from '../draw.ts';
import type { AccessLines } from './access-lines.ts';
import type { Dialling } from './failover-history.ts';
import type { VirtualTime } from './virtual-time.ts';

export type DemandParts = {
  readonly time: VirtualTime;
  readonly draw: Draw;
  readonly config: Config;
  readonly links: Links;
  readonly lines: AccessLines;
  readonly dialling: Dialling;
  /** Of the tunnel; undefined: there is none. */
  readonly paths: () => readonly PathStatus[] | undefined;
  readonly neededByInternet: () => readonly string[];
  readonly look: () => Promise<void>;
  readonly leavePaths: (link: string) => void;
  readonly leaving: (link: string) => void;
  readonly say: (text: string) => void;
};

const SAMPLE_MILLIS = 1_000;
/** A Friday noon; no link has hours. */
const WALL_MILLIS = Date.parse('2026-11-20T12:00:00Z');
const noAnswer: DialFailure = { code: 'BS_DIAL_NO_ANSWER', message: 'Nobody answered.' };

export class DemandSide {
  readonly #parts: DemandParts;
  readonly #machine: DemandMachine;
  readonly #meter: LoadMeter;

  constructor(parts: DemandParts) {
    this.#parts = parts;
    const { links, tunnels } = parts.config;
    this.#machine = new DemandMachine(
      links.flatMap(({ name, onDemand }) => (onDemand === undefined ? [] : [{ name, config: onDemand }])),
      parts.paths() === undefined
        ? []
        : tunnels.map(({ name, links: names, demand }) => ({ name, links: names, config: demand })),
      parts.time.millis,
    );
    this.#meter = new LoadMeter(links);
  }

  start(): void {
    const { config, time } = this.#parts;
    if (config.links.every(({ onDemand }) => onDemand === undefined)) return;
    time.after(SAMPLE_MILLIS, () => {
      this.#sample();
      this.start();
    });
  }

  /** Whether a link on demand is up, or on its way there or back. */
  get isBusy(): boolean {
    const { config, time } = this.#parts;
    return config.links.some(({ name }) => {
      const standing = this.#machine.standing(name, time.millis);
      return standing !== undefined && standing.phase !== 'idle' && standing.phase !== 'failed';
    });
  }

  #sample(): void {
    const { time, links, config, paths, neededByInternet } = this.#parts;
    const usable = new Set(links.families().map(({ link }) => link));
    const present = paths();
    const tunnels = present === undefined ? [] : config.tunnels;
    const metered = tunnels.map((tunnel) => {
      return { config: tunnel, role: 'initiator', paths: present ?? [] } as const;
    });
    const loads = this.#meter.measure(metered, usable, time.millis);
    const wallMillis = WALL_MILLIS + time.millis;
    this.#handle({ type: 'sampled', tunnels: loads, usable, needed: neededByInternet(), wallMillis });
  }

  #handle(event: DemandEvent): void {
    for (const effect of this.#machine.handle(event, this.#parts.time.millis)) void this.#carryOut(effect);
  }

  async #carryOut(effect: DemandEffect): Promise<void> {
    this.#parts.time.wake();
    switch (effect.type) {
      case 'dial':
        return this.#dial(effect.link);
      case 'hangUp':
        return this.#hangUp(effect.link);
      case 'failed':
        return this.#parts.say(`${effect.link}: ${effect.failure.code}`);
    }
  }

  async #dial(link: string): Promise<void> {
    const { time, draw, links, lines, dialling, look, say } = this.#parts;
    say(`${link} is dialled`);
    links.use(link, true);
    await time.sleep(draw.between(dialling.leastMillis, dialling.mostMillis));
    const failure = draw.upTo(100) < dialling.failsPercent ? noAnswer : undefined;
    if (failure === undefined) lines.dial(links.indexOf(link), true, time.now);
    await look();
    this.#handle({ type: 'dialled', link, failure });
  }

  async #hangUp(link: string): Promise<void> {
    const { time, draw, links, lines, look, leavePaths, leaving, say } = this.#parts;
    say(`${link} is hung up`);
    links.use(link, false);
    leavePaths(link);
    await look();
    leaving(link);
    lines.dial(links.indexOf(link), false, time.now);
    await time.sleep(draw.between(500, 2_000));
    this.#handle({ type: 'hungUp', link, failure: undefined });
  }
}
