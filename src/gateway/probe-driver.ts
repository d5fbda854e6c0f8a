/**
 * Keeps the rounds of one link's probe going over one way out: asks when a round says so, hands answers in.
 *
 * Contract: never waits for the network. While an answer may come it looks every few milliseconds; how long an answer took
 * is the kernel's word, so looking late costs no exactness. `close` ends it at once.
 */
import { randomInt } from 'node:crypto';
import type { ProbeConfig, ProbeTarget } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import type { ProbeRound } from '../link/probe-round.ts';
import { ProbeRounds, type RoundStep } from '../link/probe-rounds.ts';
import { askedTargets } from '../link/probe-target.ts';
import { readInterfaceBytes } from '../linux/interface-bytes.ts';
import { openProber } from '../linux/open-prober.ts';
import type { ProbeWay } from '../linux/probe-socket.ts';
import type { Prober } from '../linux/prober.ts';
import { monotonicMillis } from './context.ts';

/** A few looks per answer; each takes some microseconds. */
const LOOK_MILLIS = 10;

export type OpenTunnelProber = (tunnel: string) => Prober;

export class ProbeDriver {
  readonly #way: ProbeWay;
  readonly #probers: readonly Prober[];
  readonly #rounds: ProbeRounds;
  readonly #ended: (round: ProbeRound) => void;
  readonly #load: LoadCounter;
  #timer: NodeJS.Timeout | undefined;

  /** @throws BackstayError when the link can't be probed by this way; nothing is left open then */
  constructor(
    way: ProbeWay,
    config: ProbeConfig,
    tunnel: OpenTunnelProber,
    ended: (round: ProbeRound) => void,
  ) {
    this.#way = way;
    this.#ended = ended;
    const targets = askedTargets(config);
    const probers: Prober[] = [];
    const open = (target: ProbeTarget) =>
      target.kind === 'tunnel' ? tunnel(target.tunnel) : openProber(way, target, config.timeoutMillis);
    try {
      for (const target of targets) probers.push(open(target));
    } catch (error) {
      for (const prober of probers) prober.close();
      throw error;
    }
    this.#probers = probers;
    this.#load = new LoadCounter(way.interface);
    this.#rounds = new ProbeRounds(config, targets.length, randomInt(0x10000), monotonicMillis());
    this.#timer = setTimeout(() => this.#look(), 0);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const prober of this.#probers) prober.close();
  }

  #look(): void {
    this.#collect();
    // After the answers: what came in time is not too late because nobody looked.
    for (const step of this.#rounds.poll(monotonicMillis())) this.#follow(step);
    // What heard of the round may have closed this.
    if (this.#timer === undefined) return;
    const untilDeadline = this.#rounds.nextDeadlineMillis - monotonicMillis();
    const wait = this.#rounds.isWaiting ? Math.min(LOOK_MILLIS, untilDeadline) : untilDeadline;
    this.#timer = setTimeout(() => this.#look(), Math.max(1, wait));
  }

  #collect(): void {
    for (const prober of this.#probers) {
      for (const answer of prober.collect()) {
        if ('failure' in answer) this.#rounds.failed(answer.question, answer.failure);
        else this.#rounds.answered(answer.question, answer.delayMillis);
      }
    }
  }

  #follow(step: RoundStep): void {
    if (step.type === 'ask') return this.#ask(step.target, step.question);
    const loadBps = this.#load.sinceLast(step.round.endedAtMillis);
    this.#ended(loadBps === undefined ? step.round : { ...step.round, loadBps });
  }

  #ask(target: number, question: number): void {
    try {
      if (this.#probers[target]?.ask(question) !== 'asked') this.#rounds.withdrawn(question);
    } catch (error) {
      // The interface may be gone: the next look at the network ends this.
      if (!(error instanceof BackstayError)) throw error;
      this.#rounds.failed(question, `${error.code} ${this.#way.interface}`);
    }
  }
}

class LoadCounter {
  readonly #interface: string;
  #last: { received: number; sent: number; atMillis: number } | undefined;

  constructor(interfaceName: string) {
    this.#interface = interfaceName;
    this.sinceLast(monotonicMillis());
  }

  /** Bits per second in the busier direction since the last time; undefined when it can't be told. */
  sinceLast(nowMillis: number): number | undefined {
    const bytes = readInterfaceBytes(this.#interface);
    const last = this.#last;
    this.#last = bytes && { ...bytes, atMillis: nowMillis };
    if (bytes === undefined || last === undefined || nowMillis <= last.atMillis) return undefined;
    const most = Math.max(bytes.received - last.received, bytes.sent - last.sent);
    return most < 0 ? undefined : Math.round((most * 8000) / (nowMillis - last.atMillis));
  }
}
