/**
 * The simulated gateway: the product's pure machines joined as its daemon joins them, over a kernel that takes its time.
 *
 *     news of the network ──soon──▶ look: links resolved → applied → sockets → probes → plain traffic considered
 *     a verdict, a moment ──▶ plain traffic considered, between looks
 *
 * Contract: as `gateway/gateway.ts`: looks and considerations follow one another, never side by side.
 */
import type { Config, InternetConfig } from '../../src/config/index.ts';
import { Links } from '../../src/gateway/links.ts';
import { LookPace } from '../../src/gateway/look-pace.ts';
import type { VerdictChange } from '../../src/link/link-verdict.ts';
import type { AppliedNetwork } from '../../src/linux/network-state.ts';
import type { DesiredInternet, DesiredState } from '../../src/network/desired-state.ts';
import type { Draw } from '../draw.ts';
import type { AccessLines } from './access-lines.ts';
import { DemandSide } from './demand-side.ts';
import type { FailoverHistory } from './failover-history.ts';
import type { Journey } from './journey.ts';
import { LineProbe, type ProbedLink } from './line-probe.ts';
import { PlainSide, type PlainWitness, refused } from './plain-side.ts';
import type { Protection } from './protections.ts';
import type { TunnelSide } from './tunnel-side.ts';
import type { VirtualKernel } from './virtual-kernel.ts';
import type { Timer, VirtualTime } from './virtual-time.ts';

export type GatewayWitness = PlainWitness & {
  readonly verdict: (link: number, change: VerdictChange) => void;
  /** A link's verdict begins anew with another way out, or none. */
  readonly lost: (link: number) => void;
  readonly begunAnew: (link: number) => void;
};

export type SiteParts = {
  readonly time: VirtualTime;
  readonly draw: Draw;
  readonly history: FailoverHistory;
  readonly config: Config;
  readonly kernel: VirtualKernel;
  readonly lines: AccessLines;
  readonly journey: Journey;
  /** undefined: plain traffic only. */
  readonly tunnel: TunnelSide | undefined;
  readonly witness: GatewayWitness;
  readonly say: (text: string) => void;
  readonly without: Protection | undefined;
};

/** What the kernel takes for being read, and for being changed. */
const READ_MILLIS = [15, 60] as const;
const APPLY_MILLIS = [5, 40] as const;
const RETRY_MILLIS = 2_000;
const REVIEW_MILLIS = 60_000;

export class SiteGateway {
  readonly plain: PlainSide;
  readonly demand: DemandSide;
  readonly #parts: SiteParts;
  readonly #links: Links;
  readonly #probes: readonly LineProbe[];
  readonly #pace = new LookPace();
  #looking: Promise<void> = Promise.resolve();
  #lookTimer: Timer | undefined;
  #retryTimer: Timer | undefined;

  constructor(parts: SiteParts) {
    this.#parts = parts;
    const { time, kernel, config, witness, without } = parts;
    this.#links = new Links(config.links, ({ kind, subject }) =>
      parts.say(`${kind} ${JSON.stringify(subject)}`),
    );
    this.#probes = config.links.map((link, index) => this.#probe(link as ProbedLink, index));
    const considerSoon = () => this.#considerSoon();
    const verdictOf = (name: string) => this.#probes[this.#links.indexOf(name)]?.standing;
    const compose = (internet: DesiredInternet) => this.#compose(internet);
    const apply = (desired: DesiredState) => this.#apply(desired);
    const internet = config.internet as InternetConfig;
    this.plain = new PlainSide({
      ...{ time, kernel, config, internet, witness, without },
      ...{ links: this.#links, verdictOf, compose, apply, considerSoon },
    });
    this.demand = this.#openDemand();
  }

  start(): void {
    void this.#lookNow();
    this.demand.start();
  }

  /** The kernel has news of the network. */
  news(): void {
    const { time } = this.#parts;
    if (this.#lookTimer !== undefined) return;
    this.#lookTimer = time.after(this.#pace.wait(time.millis), () => {
      this.#lookTimer = undefined;
      void this.#lookNow();
    });
  }

  #openDemand(): DemandSide {
    const { time, draw, history, config, lines, tunnel, say } = this.#parts;
    return new DemandSide({
      ...{ time, draw, config, links: this.#links, lines, say },
      dialling: history.dialling,
      paths: () => tunnel?.status(),
      neededByInternet: () => this.plain.needed(),
      look: () => this.#lookNow(),
      leavePaths: (link) => tunnel?.leave(link),
      leaving: (link) => this.plain.leave(link),
    });
  }

  #probe(config: ProbedLink, link: number): LineProbe {
    const { time, draw, lines, journey, witness, without } = this.#parts;
    const { probe } = config;
    const changed = {
      damping: { ...probe, holdMostMillis: probe.holdMillis },
      detection: { ...probe, retries: Number.POSITIVE_INFINITY },
    };
    const altered = without === 'damping' || without === 'detection' ? changed[without] : probe;
    return new LineProbe({
      ...{ time, draw, lines, journey, link },
      config: { ...config, probe: altered },
      // Through whatever carries: what a probe without its own socket would see.
      wayOf: () => (without === 'ownProbe' ? (this.#parts.kernel.carriers[0] ?? link) : link),
      lost: witness.lost,
      begunAnew: witness.begunAnew,
      heldBack: () => this.#considerSoon(),
      changed: (it, change) => {
        witness.verdict(it, change);
        this.#considerSoon();
      },
    });
  }

  #lookNow(): Promise<void> {
    this.#parts.time.wake();
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { time, draw, lines, tunnel } = this.#parts;
    await time.sleep(draw.between(...READ_MILLIS));
    this.#links.resolve(lines.snapshot());
    const desired = this.#compose(this.plain.desired());
    const isNew = this.#parts.kernel.remaining(desired).length > 0;
    const { failures } = await this.#apply(desired);
    const families = this.#links.families();
    tunnel?.adjust(families);
    this.#probes.forEach((probe, link) => {
      const address = families.find(({ linkIndex }) => linkIndex === link)?.address.text;
      probe.adjust(address, this.#links.isInUse(this.#parts.config.links[link]?.name ?? ''));
    });
    const made = await this.plain.consider();
    this.#pace.looked(time.millis, isNew);
    this.#lookAgainIn(made && failures.length === 0 ? REVIEW_MILLIS : RETRY_MILLIS);
  }

  #considerSoon(): void {
    this.#parts.time.wake();
    this.#looking = this.#looking.then(async () => {
      if (!(await this.plain.consider())) this.#lookAgainIn(RETRY_MILLIS);
    });
  }

  #lookAgainIn(millis: number): void {
    const { time, without } = this.#parts;
    time.cancel(this.#retryTimer);
    if (without !== 'retry') this.#retryTimer = time.after(millis, () => this.news());
  }

  /** Now and then the kernel refuses, and nothing is changed. */
  async #apply(desired: DesiredState): Promise<AppliedNetwork> {
    const { time, draw, history, kernel } = this.#parts;
    await time.sleep(draw.between(...APPLY_MILLIS));
    const isRefused = time.now < history.healedAt && draw.upTo(100) < history.refusalPercent;
    if (isRefused) return { changes: [], failures: [{ part: 'internet', error: refused }] };
    kernel.apply(desired);
    return { changes: [], failures: [] };
  }

  #compose(internet: DesiredInternet): DesiredState {
    return { tunnelDevices: [], links: this.#links.desired(), filters: [], forwarding: true, internet };
  }
}
