/**
 * What must hold of a gateway whose links flap, whatever happens: after every step, and of every change.
 *
 * - At most the permitted changes (`change-watch.ts`). A link that was down is held back by its damped hold, and so fails no more often than that permits.
 * - Plain traffic is not on a dead link while another is known to work, or would be known by its probe, for longer than silence takes to be noticed and a change to be made.
 * - No connection stays pinned to a link that is known to be dead, or to an address that is gone, for longer than a change takes.
 * - Connections are cut off only where they cannot live: on links that are known to be dead, from an address that is gone, on a link that is hung up.
 *
 * Contract: pure but for reading lines and kernel. `wrong` is what was wrong first. Source: docs/failover.md, docs/link-probes.md.
 */
import type { Config, InternetConfig, ProbeConfig } from '../../src/config/index.ts';
import type { Grades, Move } from '../../src/internet/internet.ts';
import type { VerdictChange } from '../../src/link/link-verdict.ts';
import type { AccessLines } from './access-lines.ts';
import { ChangeWatch } from './change-watch.ts';
import { DampingModel } from './damping-model.ts';
import { earlier, KnownLinks, mayLive } from './known-links.ts';
import type { CutReason } from './plain-side.ts';
import type { GatewayWitness } from './site-gateway.ts';
import type { Tracked, VirtualKernel } from './virtual-kernel.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A look that is under way, and the change behind it, over a kernel as slow as the simulated one. */
const CHANGE_MILLIS = 400;
/** News in a row make looks rarer, up to one a second. */
const NEWS_MILLIS = 1_000;
/** A change that failed is made again after so long. */
const RETRY_MILLIS = 2_000 + NEWS_MILLIS;

export type WatchParts = {
  readonly time: VirtualTime;
  readonly config: Config;
  readonly internet: InternetConfig;
  readonly lines: AccessLines;
  readonly kernel: VirtualKernel;
  readonly say: (text: string) => void;
};

/** Times are milliseconds. */
export class FailoverWatch implements GatewayWitness {
  wrong: string | undefined;
  readonly #parts: WatchParts;
  readonly #known: KnownLinks;
  readonly #changes: ChangeWatch;
  readonly #damping: readonly DampingModel[];
  readonly #staleSince = new Map<number, number>();
  #excusedUntil = 0;
  #cuts = 0;
  #cutAt = Number.NEGATIVE_INFINITY;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    const { links } = parts.config;
    this.#known = new KnownLinks(links.map(({ name }) => name));
    this.#changes = new ChangeWatch(parts.internet, this.#known);
    this.#damping = links.map(({ probe }) => new DampingModel(probe as ProbeConfig));
  }

  /** Changes in all, for the better, for the worse; connections that were cut off; failures of each link. */
  get counts() {
    const { changes, better, failed } = this.#changes;
    return { changes, better, failed, cuts: this.#cuts, downs: this.#damping.map(({ count }) => count) };
  }

  /** When connections had to be made anew last. */
  get cutAt(): number {
    return this.#cutAt;
  }

  get movedAt(): number {
    return this.#changes.movedAt;
  }

  graded = (grades: Grades): void => this.#changes.worse(this.#known.look(grades, this.#now));

  moved = (move: Move): void => {
    const [before, after, canary] = [move.before, move.carriers, move.canary ?? []].map((some) =>
      some.map(({ link }) => link).join(),
    );
    const first = canary === '' ? '' : `, first ${canary}`;
    this.#parts.say(`moved (${move.reason}): ${before} → ${after}${first}`);
    this.#isWrong(this.#changes.moved(move, this.#now));
  };

  failed = (step: string): void => {
    this.#parts.say(`change failed at ${step}`);
    this.#excusedUntil = this.#now + RETRY_MILLIS;
  };

  cut = (link: number, why: CutReason, gone: readonly Tracked[]): void => {
    this.#cuts += gone.length;
    if (gone.length > 0) this.#cutAt = this.#now;
    const { config, lines } = this.#parts;
    const name = config.links[link]?.name ?? '';
    if (gone.length > 0) this.#parts.say(`${gone.length} connections over ${name} cut off (${why})`);
    const { grade } = this.#known.at(link);
    if (why === 'dead' && mayLive(grade))
      this.#isWrong(`connections over ${name}, which is ${grade}, were cut off`);
    const living = gone.filter(({ address }) => lines.address(link) === address);
    if (why === 'stale' && living.length > 0)
      this.#isWrong(`connections over ${name} from its present address were cut off`);
    if (why === 'leaving' && config.links[link]?.onDemand === undefined)
      this.#isWrong(`connections over ${name}, which is not hung up, were cut off`);
  };

  verdict = (link: number, change: VerdictChange): void => {
    const { config, say } = this.#parts;
    const damping = this.#damping[link] as DampingModel;
    const name = config.links[link]?.name;
    say(
      `${name}: ${change.before} → ${change.verdict}${change.cause === undefined ? '' : ` (${change.cause})`}`,
    );
    if (change.verdict === 'down') {
      damping.down(this.#now);
      if (damping.count > damping.permitted(this.#now))
        this.#isWrong(`${name} failed ${damping.count} times, permitted ${damping.permitted(this.#now)}`);
      return;
    }
    const after = this.#now - damping.failedAt;
    if (change.before === 'down' && after < damping.holdMillis)
      this.#isWrong(`${name} came up after ${after} ms, to be held for ${damping.holdMillis} ms`);
    if (change.before === 'down' || change.before === 'unknown') damping.up(this.#now);
  };

  lost = (link: number): void => this.#damping[link]?.lost(this.#now);

  begunAnew = (link: number): void => this.#damping[link]?.begunAnew();

  afterStep(): void {
    for (const link of this.#parts.kernel.carriers) this.#judgeCarrier(link);
    for (const tracked of this.#parts.kernel.tracked) this.#judgeConnection(tracked);
  }

  /** The longest that traffic may take to be where it belongs when nothing is wrong any more (ms). */
  get returnMillis(): number {
    const { internet, config } = this.#parts;
    const links = internet.links.map(({ name }) => config.links.findIndex((link) => link.name === name));
    const verdict = Math.max(
      ...links.map((link) => {
        const probe = config.links[link]?.probe as ProbeConfig;
        // Loss is that of the last ten rounds.
        return this.#recoveryMillis(link, probe) + 10 * roundMillis(probe);
      }),
    );
    // The tier's links may come one after the other.
    return (
      verdict + 2 * internet.holdMillis + (internet.canary?.forMillis ?? 0) + NEWS_MILLIS + 3 * CHANGE_MILLIS
    );
  }

  #judgeCarrier(link: number): void {
    const { lines, config } = this.#parts;
    const works = this.#known.anotherWorksSince(link);
    const { name, probe } = config.links[link] as Config['links'][number];
    const known = this.#waited(works, this.#known.at(link).deadSince);
    if (known > CHANGE_MILLIS) this.#isWrong(`plain traffic is on ${name}, known to be dead for ${known} ms`);
    const truth = lines.deadSince(link);
    if (truth === undefined) return;
    const silent = this.#waited(earlier(works, this.#anotherShouldWorkSince(link)), truth / 1000);
    const noticed = Math.max(silenceMillis(probe as ProbeConfig), NEWS_MILLIS);
    if (silent > noticed + CHANGE_MILLIS) this.#isWrong(`plain traffic is on ${name}, dead for ${silent} ms`);
  }

  #judgeConnection({ id, link, address }: Tracked): void {
    const { lines, config } = this.#parts;
    const name = config.links[link]?.name;
    const dead = this.#waited(this.#known.anotherWorksSince(link), this.#known.at(link).deadSince);
    if (dead > CHANGE_MILLIS)
      this.#isWrong(`a connection is stuck on ${name}, known to be dead for ${dead} ms`);
    const present = lines.address(link);
    if (present === undefined || present === address) return void this.#staleSince.delete(id);
    const staleSince = this.#staleSince.get(id) ?? this.#now;
    this.#staleSince.set(id, staleSince);
    const stale = this.#waited(staleSince, staleSince);
    if (stale > NEWS_MILLIS + 2 * CHANGE_MILLIS)
      this.#isWrong(`a connection over ${name} is stuck to ${address}, gone for ${stale} ms`);
  }

  /** Since when another one that needs no dialling is sound in truth, and must have been found so, whatever it was held back for. */
  #anotherShouldWorkSince(link: number): number | undefined {
    const { lines, config } = this.#parts;
    return config.links.reduce<number | undefined>((first, { probe, onDemand }, index) => {
      const soundSince = lines.soundSince(index);
      if (index === link || onDemand !== undefined || soundSince === undefined) return first;
      return earlier(first, soundSince / 1000 + this.#recoveryMillis(index, probe as ProbeConfig));
    }, undefined);
  }

  /** How long a link that is sound may be held back. */
  #recoveryMillis(link: number, probe: ProbeConfig): number {
    const rounds = probe.retries + 2 + probe.recover;
    return (this.#damping[link]?.holdMillis ?? 0) + rounds * roundMillis(probe);
  }

  /** How long both are so, without the time in which a change that failed waits. */
  #waited(one: number | undefined, other: number | undefined): number {
    return one === undefined || other === undefined
      ? 0
      : this.#now - Math.max(one, other, this.#excusedUntil);
  }

  #isWrong(text: string | undefined): void {
    this.wrong ??= text;
  }

  get #now(): number {
    return this.#parts.time.millis;
  }
}

function roundMillis({ count, everyMillis, timeoutMillis, intervalMillis }: ProbeConfig): number {
  return (count - 1) * everyMillis + timeoutMillis + intervalMillis;
}

/** docs/link-probes.md: how long silence lasts before the link is down, at the most. */
function silenceMillis(probe: ProbeConfig): number {
  const { count, everyMillis, timeoutMillis, intervalMillis, retries } = probe;
  return ((count - 1) * everyMillis + timeoutMillis) * (retries + 2) + intervalMillis * (retries + 1);
}
