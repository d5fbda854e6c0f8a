/**
 * One link that is probed: its driver while it has a way out, its verdict, and its history.
 *
 * Contract: `adjust` takes the way that the link has now, or none. A link that is gone has failed, and is held as after any failure; with
 * another address it may be another line: it is judged anew, and its failures are remembered (`link/link-verdict.ts`).
 */
import type { LinkConfig, ProbeConfig, ProbeTarget } from '../config/index.ts';
import { LinkVerdict, type VerdictChange, type VerdictStanding } from '../link/link-verdict.ts';
import type { AskedTarget, ProbeRound } from '../link/probe-round.ts';
import { addressOf, askedTargets, formatTarget } from '../link/probe-target.ts';
import { type Interruption, type RecordedRound, RoundHistory } from '../link/round-history.ts';
import { type Replay, replayRounds } from '../link/verdict-replay.ts';
import type { ProbeWay } from '../linux/probe-socket.ts';
import { monotonicMillis } from './context.ts';
import { ProbeDriver } from './probe-driver.ts';
import { TunnelProber, type TunnelSight } from './tunnel-prober.ts';

/** For `link explain`; the journal has them all. */
const KEPT_CHANGES = 20;

export type ProbedLink = LinkConfig & { readonly probe: ProbeConfig };

export type LinkProbeParts = {
  readonly config: ProbedLink;
  /** Addresses of the tunnels' peers. */
  readonly peers: ReadonlySet<string>;
  /** Whether a target answers over other links; undefined where none asks it. */
  readonly elsewhere: (link: string, target: string) => 'answers' | 'silent' | undefined;
  /** What a tunnel knows of its paths; undefined before there is one. */
  readonly tunnel: (name: string) => TunnelSight | undefined;
  readonly changed: (link: LinkProbe, change: VerdictChange) => void;
  /** Its last rounds are good though it is down, or not any more: nothing for the journal. */
  readonly heldBack: () => void;
  readonly roundFailed: (link: LinkProbe, round: ProbeRound, badRounds: number) => void;
};

export class LinkProbe {
  readonly config: ProbedLink;
  /** Names of who is asked, in the order of a round's targets. */
  readonly targets: readonly string[];
  readonly #parts: LinkProbeParts;
  readonly #asked: readonly ProbeTarget[];
  readonly #verdict: LinkVerdict;
  readonly #history = new RoundHistory();
  #changes: VerdictChange[] = [];
  #driver: ProbeDriver | undefined;
  #way = '';
  #lastRound: ProbeRound | undefined;

  constructor(parts: LinkProbeParts) {
    this.#parts = parts;
    this.config = parts.config;
    const asked = askedTargets(parts.config.probe);
    this.targets = asked.map(formatTarget);
    this.#asked = asked;
    this.#verdict = new LinkVerdict(parts.config.probe, parts.config.rateBps, monotonicMillis());
  }

  /**
   * @param isWanted that it has no way is no fault of a link that was hung up
   * @throws BackstayError when the way can't be probed; the next `adjust` tries again
   */
  adjust(way: ProbeWay | undefined, isWanted: boolean): void {
    const wanted = way === undefined ? '' : JSON.stringify(way, identifying);
    if (wanted === this.#way) return;
    this.#end(way === undefined && isWanted ? 'loss' : 'gap');
    if (way === undefined) return;
    const { name, probe } = this.config;
    const openTunnel = (tunnel: string) =>
      new TunnelProber(() => this.#parts.tunnel(tunnel), name, probe.timeoutMillis, monotonicMillis);
    this.#driver = new ProbeDriver(way, probe, openTunnel, (round) => this.#roundEnded(round));
    this.#way = wanted;
  }

  close(): void {
    this.#end('gap');
  }

  get isProbing(): boolean {
    return this.#driver !== undefined;
  }

  get standing(): VerdictStanding {
    return this.#verdict.standing(monotonicMillis());
  }

  /** Oldest first. */
  get changes(): readonly VerdictChange[] {
    return this.#changes;
  }

  /** The rounds of an earlier run; of other targets they would say nothing. */
  restore(targets: readonly string[], rounds: readonly RecordedRound[]): void {
    if (targets.join('\n') === this.targets.join('\n')) this.#history.restore(rounds);
  }

  /** What is asked at addresses. */
  get addresses(): readonly { readonly target: string; readonly address: string }[] {
    return this.#asked.flatMap((asked) => {
      const address = addressOf(asked);
      return address === undefined ? [] : [{ target: formatTarget(asked), address }];
    });
  }

  /** The newest round of the present way; undefined before it has ended. */
  get lastRound(): ProbeRound | undefined {
    return this.#lastRound;
  }

  rounds(limit?: number): readonly RecordedRound[] {
    return this.#history.newest(limit);
  }

  /** What the last round heard of a target; undefined when it was not asked. */
  hears(target: string): boolean | undefined {
    const asked = this.#lastRound?.targets[this.targets.indexOf(target)];
    return asked === undefined || asked.sent === 0 ? undefined : asked.delaysMillis.length > 0;
  }

  replay(settings: Partial<ProbeConfig>): Replay {
    return replayRounds(this.rounds(), { ...this.config.probe, ...settings }, this.config.rateBps);
  }

  #roundEnded(plain: ProbeRound): void {
    const round = { ...plain, targets: plain.targets.map((target, index) => this.#placed(target, index)) };
    this.#history.add(round);
    this.#lastRound = round;
    const wasHeldBack = this.standing.isHeldBack;
    const change = this.#verdict.roundEnded(round);
    const { badRounds, isHeldBack } = this.standing;
    if (badRounds > 0) this.#parts.roundFailed(this, round, badRounds);
    if (change === undefined && isHeldBack !== wasHeldBack) this.#parts.heldBack();
    if (change === undefined) return;
    this.#changes = [...this.#changes.slice(1 - KEPT_CHANGES), change];
    this.#parts.changed(this, change);
  }

  #end(why: Interruption): void {
    if (this.#driver === undefined) return;
    this.#driver.close();
    this.#driver = undefined;
    this.#way = '';
    if (why === 'loss') this.#verdict.lost(monotonicMillis());
    else this.#verdict.reset(monotonicMillis());
    this.#history.interrupt(why);
    this.#lastRound = undefined;
  }

  /** With what is known of the target beyond this link. */
  #placed(target: AskedTarget, index: number): AskedTarget {
    const asked = this.#asked[index];
    if (asked === undefined || asked.kind === 'neighbour') return target;
    const elsewhere = this.#elsewhere(asked);
    return {
      ...target,
      ...(elsewhere !== undefined && { elsewhere }),
      ...(this.#isPeer(asked) && { isPeer: true }),
    };
  }

  /** A tunnel knows of its paths over the other links, whether these are probed or not. */
  #elsewhere(target: ProbeTarget): 'answers' | 'silent' | undefined {
    const { name } = this.config;
    if (target.kind !== 'tunnel') return this.#parts.elsewhere(name, formatTarget(target));
    const beside = this.#parts.tunnel(target.tunnel)?.beside(name);
    return beside && (beside === 'carry' ? 'answers' : 'silent');
  }

  #isPeer(target: ProbeTarget): boolean {
    return target.kind === 'tunnel' || this.#parts.peers.has(addressOf(target) ?? '');
  }
}

/** Bytes of addresses say what their texts say. */
function identifying(key: string, value: unknown): unknown {
  return key === 'bytes' ? undefined : value;
}
