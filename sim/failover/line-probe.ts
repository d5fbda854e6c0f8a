/**
 * A link's probe in virtual time: the product's rounds and verdict, its questions over the virtual line and its answers back.
 *
 * Contract: as `gateway/link-probe.ts` and `gateway/probe-driver.ts`: it probes while the link has a way out. That it is gone is a failure; with
 * another way the verdict begins anew and failures are remembered. The next hop answers as long as the line to it is there.
 */
import type { LinkConfig, ProbeConfig } from '../../src/config/index.ts';
import { LinkVerdict, type VerdictChange, type VerdictStanding } from '../../src/link/link-verdict.ts';
import { ProbeRounds } from '../../src/link/probe-rounds.ts';
import { askedTargets } from '../../src/link/probe-target.ts';
import type { Draw } from '../draw.ts';
import type { AccessLines } from './access-lines.ts';
import type { Journey } from './journey.ts';
import type { Timer, VirtualTime } from './virtual-time.ts';

export type ProbedLink = LinkConfig & { readonly probe: ProbeConfig };

export type LineProbeParts = {
  readonly time: VirtualTime;
  readonly draw: Draw;
  readonly lines: AccessLines;
  readonly journey: Journey;
  readonly link: number;
  readonly config: ProbedLink;
  /** The link that questions leave by. */
  readonly wayOf: () => number;
  readonly changed: (link: number, change: VerdictChange) => void;
  readonly lost: (link: number) => void;
  readonly begunAnew: (link: number) => void;
  readonly heldBack: () => void;
};

/** An echo request of 64 bytes. */
const QUESTION_BYTES = 64;
const NEXT_HOP_MILLIS = 1;
/** µs */
const SHORTEST_WAIT = 1_000;

export class LineProbe {
  readonly #parts: LineProbeParts;
  readonly #targets: ReturnType<typeof askedTargets>;
  readonly #verdict: LinkVerdict;
  #rounds: ProbeRounds | undefined;
  #address: string | undefined;
  #timer: Timer | undefined;

  constructor(parts: LineProbeParts) {
    const { probe, rateBps } = parts.config;
    this.#parts = parts;
    this.#targets = askedTargets(probe);
    this.#verdict = new LinkVerdict(probe, rateBps, parts.time.millis);
  }

  get standing(): VerdictStanding {
    return this.#verdict.standing(this.#parts.time.millis);
  }

  /** @param address undefined: the link has no way out; @param isWanted false when it was hung up */
  adjust(address: string | undefined, isWanted: boolean): void {
    if (address === this.#address) return;
    const { time, draw, config, link, lost, begunAnew } = this.#parts;
    if (this.#rounds !== undefined && address === undefined && isWanted) {
      this.#verdict.lost(time.millis);
      lost(link);
    } else if (this.#rounds !== undefined) {
      this.#verdict.reset(time.millis);
      begunAnew(link);
    }
    time.cancel(this.#timer);
    this.#address = address;
    this.#rounds = undefined;
    if (address === undefined) return;
    this.#rounds = new ProbeRounds(config.probe, this.#targets.length, draw.upTo(0x10000), time.millis);
    this.#look(this.#rounds);
  }

  #look(rounds: ProbeRounds): void {
    const { time, changed, heldBack, link } = this.#parts;
    for (const step of rounds.poll(time.millis)) {
      if (step.type === 'ask') {
        this.#ask(rounds, step.target, step.question);
        continue;
      }
      const wasHeldBack = this.standing.isHeldBack;
      const change = this.#verdict.roundEnded(step.round);
      if (change !== undefined) changed(link, change);
      else if (this.standing.isHeldBack !== wasHeldBack) heldBack();
    }
    time.cancel(this.#timer);
    // A deadline that has come by a rounding's breadth too early is looked at again, as by the daemon's timers.
    const due = Math.max(rounds.nextDeadlineMillis * 1000, time.now + SHORTEST_WAIT);
    this.#timer = time.at(due, () => this.#look(rounds));
  }

  #ask(rounds: ProbeRounds, target: number, question: number): void {
    const { time, journey, link, lines, wayOf } = this.#parts;
    const askedAt = time.millis;
    const answered = () => {
      // Another address by now, or none: nobody waits for the answer.
      if (rounds !== this.#rounds) return;
      rounds.answered(question, time.millis - askedAt);
      this.#look(rounds);
    };
    if (this.#targets[target]?.kind !== 'neighbour')
      return journey.thereAndBack(wayOf(), QUESTION_BYTES, answered);
    if (lines.isThere(link)) time.after(NEXT_HOP_MILLIS, answered);
  }
}
