/**
 * Bandwidth on demand at runtime: samples the tunnels' load, carries out what is decided, enters it into the journal.
 *
 * Contract: what is decided is `tunnel/demand/`'s business. A link is taken out of use, its paths and sockets gone, before
 * its down-command runs. Links that a killed daemon left up are taken up by `adopt`, or hung up when they are not
 * configured any more. Source: S4.8.
 */
import type { LinkStatus, OnDemandStatus } from '../api/status.ts';
import { describeDial, describeHangUp } from '../journal/describe-demand.ts';
import type { HangUpEvidence } from '../journal/event.ts';
import type { DialledLink } from '../linux/on-demand-record.ts';
import type {
  DemandEffect,
  DemandEvent,
  DialCause,
  DialFailure,
  HangUp,
  HangUpCause,
} from '../tunnel/demand/demand.ts';
import { DemandMachine } from '../tunnel/demand/demand-machine.ts';
import { ChosenTraffic } from './chosen-traffic.ts';
import { commandDialler } from './command-dialler.ts';
import { type GatewayContext, monotonicMillis } from './context.ts';
import type { OnDemandLinkConfig } from './link-dialler.ts';
import { dialledLink, LinkDials } from './link-dials.ts';
import type { Links } from './links.ts';
import { LoadMeter } from './load-meter.ts';
import { PppDialler, type TryCount } from './ppp-dialler.ts';
import type { Tunnel } from './tunnel.ts';

/** Seconds decide, so a sample a second is enough; reading the counters takes microseconds. */
const SAMPLE_MILLIS = 1_000;

export type OnDemandParts = {
  readonly context: GatewayContext;
  readonly links: Links;
  readonly tunnels: readonly Tunnel[];
  /** Looks at the network, and has made it as wanted when the promise is fulfilled. */
  readonly look: () => Promise<void>;
  /** Told what is wrong with a part of the machine's network at the moment, again and again. */
  readonly trouble: (part: string, problems: readonly string[]) => void;
  /** Links that plain traffic goes over or needs one of, best first. */
  readonly neededByInternet: () => readonly string[];
  /** Nothing leads to the link any more, and it is about to be hung up. */
  readonly leaving: (link: string) => void;
};

export class OnDemand {
  readonly #parts: OnDemandParts;
  readonly #configs: ReadonlyMap<string, OnDemandLinkConfig>;
  readonly #machine: DemandMachine;
  readonly #meter: LoadMeter;
  readonly #ppp: PppDialler;
  readonly #dials: LinkDials;
  #adopted: readonly string[] = [];
  readonly #traffic: ChosenTraffic;
  #sampling: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(parts: OnDemandParts) {
    const { links, tunnels, gateway } = parts.context.config;
    this.#parts = parts;
    const isOnDemand = (link: (typeof links)[number]): link is OnDemandLinkConfig =>
      link.onDemand !== undefined;
    const ours = links.filter(isOnDemand);
    this.#configs = new Map(ours.map((link) => [link.name, link]));
    this.#machine = new DemandMachine(
      ours.map(({ name, onDemand }) => ({ name, config: onDemand })),
      tunnels.map(({ name, links: names, demand }) => ({ name, links: names, config: demand })),
      monotonicMillis(),
    );
    this.#meter = new LoadMeter(links);
    this.#traffic = new ChosenTraffic(tunnels, parts.trouble);
    const trouble = (problem: string) => this.#trouble(problem);
    this.#ppp = new PppDialler(gateway.state, {
      tryFailed: (link, failure, tries) => this.#recordTry(link, failure, tries),
      lost: (link, failure) => void this.#lost(link, failure),
      trouble,
    });
    this.#dials = new LinkDials(gateway.state, { command: commandDialler, ppp: this.#ppp }, trouble);
  }

  /** Before the first look at the network: what is up counts as ours. */
  adopt(): void {
    const left = [...this.#dials.dialled];
    this.#adopted = left.filter(([name, link]) => this.#isAsConfigured(name, link)).map(([name]) => name);
    for (const name of this.#adopted) {
      this.#machine.adopt(name, monotonicMillis());
      this.#parts.links.use(name, true);
    }
  }

  start(): void {
    this.#clearLeftovers();
    for (const name of this.#adopted) {
      const config = this.#configs.get(name);
      if (config?.onDemand.way.kind === 'ppp') this.#ppp.adopt(config);
    }
    if (this.#configs.size > 0) this.#timer = setInterval(() => this.#sampleNext(), SAMPLE_MILLIS);
    else this.#sampling = this.#traffic.remove();
  }

  /** Nothing is decided any more. */
  pause(): void {
    this.#stopping = true;
    clearInterval(this.#timer);
  }

  /** After `pause`, when no packet needs the links any more. */
  async hangUpAll(): Promise<void> {
    await this.#sampling;
    await this.#traffic.remove();
    await this.#dials.hangUpAll((name) => {
      const standing = this.#machine.standing(name, monotonicMillis());
      const isUp = standing?.phase === 'up' || standing?.phase === 'holding';
      const upMillis = isUp ? monotonicMillis() - standing.sinceMillis : undefined;
      this.#recordHangUp(name, { reason: 'stopping' }, upMillis);
    });
  }

  /** The links' status with what is to be said of those on demand. */
  complete(links: readonly LinkStatus[]): LinkStatus[] {
    return links.map((link) => {
      const onDemand = this.#status(link.name);
      if (onDemand === undefined) return link;
      const dns = this.#ppp.nameServers(link.name);
      return { ...link, ...(dns.length > 0 && { dns }), onDemand };
    });
  }

  /** It may be hung up in the way of the configuration. */
  #isAsConfigured(name: string, link: DialledLink): boolean {
    const config = this.#configs.get(name);
    const kind = 'downCommand' in link ? 'command' : 'ppp';
    return config?.interface === link.interface && config.onDemand.way.kind === kind;
  }

  #status(name: string): OnDemandStatus | undefined {
    const nowMillis = monotonicMillis();
    const standing = this.#machine.standing(name, nowMillis);
    if (standing === undefined) return undefined;
    const { phase, sinceMillis, cause } = standing;
    return {
      state: phase,
      since: new Date(Date.now() - (nowMillis - sinceMillis)).toISOString(),
      ...(cause !== undefined && { reason: describeCause(cause) }),
      ...(phase === 'dialling' && this.#ppp.progress(name)),
    };
  }

  /** What is configured otherwise by now: a link that is always used stays up, others go. */
  #clearLeftovers(): void {
    const { links } = this.#parts.context.config;
    const isStatic = (device: string) =>
      links.some((link) => link.interface === device && link.onDemand === undefined);
    const others = [...this.#dials.dialled].filter(([name]) => !this.#adopted.includes(name));
    const kept = others.filter(([, link]) => isStatic(link.interface));
    const gone = others.filter((entry) => !kept.includes(entry));
    if (this.#adopted.length + others.length === 0) return;
    const evidence = {
      adopted: [...this.#adopted, ...kept.map(([name]) => name)].map((name) => `link ${name}`),
      removed: gone.map(([name]) => `link ${name}`),
    };
    this.#parts.context.record({ kind: 'adoptedLeftovers', subject: this.#gateway, evidence });
    for (const [name] of kept) this.#dials.forget(name);
    for (const [name, link] of gone) void this.#hangUpLeftover(name, link);
  }

  async #hangUpLeftover(name: string, link: DialledLink): Promise<void> {
    const failure = await this.#dials.hangUp(name, link);
    if (failure !== undefined) this.#trouble(`BS_HANG_UP_FAILED link ${name}: ${failure}`);
  }

  /** A sample that takes long makes the next ones wait. */
  #sampleNext(): void {
    this.#sampling ??= this.#sample().finally(() => {
      this.#sampling = undefined;
    });
  }

  async #sample(): Promise<void> {
    const chosen = await this.#traffic.read();
    if (this.#stopping) return;
    const usable = new Set(this.#parts.links.families().map(({ link }) => link));
    const tunnels = this.#parts.tunnels.map(({ id, config, role, paths }) => {
      return { config, role, paths: paths.status(), chosen: chosen.get(id) };
    });
    const nowMillis = monotonicMillis();
    const loads = this.#meter.measure(tunnels, usable, nowMillis);
    const needed = this.#parts.neededByInternet();
    const event = { type: 'sampled', tunnels: loads, usable, needed, wallMillis: Date.now() } as const;
    this.#carryOut(this.#machine.handle(event, nowMillis));
  }

  #carryOut(effects: readonly DemandEffect[]): void {
    for (const effect of effects) {
      const config = this.#configs.get(effect.link);
      if (config === undefined) continue;
      switch (effect.type) {
        case 'dial':
          void this.#dial(config, effect.cause);
          break;
        case 'hangUp':
          void this.#hangUp(config, effect);
          break;
        case 'failed': {
          const { code, message } = effect.failure;
          const why = code === 'BS_DIAL_NO_LINK' ? this.#parts.links.explain(config.name) : undefined;
          const words = [message, why].filter((it) => it !== undefined).join(' ');
          const evidence = { code, message: words, retryMillis: effect.retryMillis };
          const subject = { type: 'link', name: config.name } as const;
          this.#parts.context.record({ kind: 'linkDialFailed', subject, evidence });
        }
      }
    }
  }

  async #dial(config: OnDemandLinkConfig, cause: DialCause): Promise<void> {
    const subject = { type: 'link', name: config.name } as const;
    this.#parts.context.record({ kind: 'linkDialled', subject, evidence: rounded(cause) });
    this.#parts.links.use(config.name, true);
    const failure = await this.#dials.dial(config);
    await this.#parts.look();
    this.#ended({ type: 'dialled', link: config.name, failure });
  }

  async #hangUp(config: OnDemandLinkConfig, { cause, upMillis, again }: HangUp): Promise<void> {
    const { name } = config;
    if (!again) this.#recordHangUp(name, evidenceOf(cause), upMillis);
    this.#parts.links.use(name, false);
    for (const tunnel of this.#parts.tunnels) tunnel.leaveLink(name);
    await this.#parts.look();
    this.#parts.leaving(name);
    const failure = await this.#dials.hangUp(name, dialledLink(config));
    this.#ended({ type: 'hungUp', link: name, failure });
  }

  /** What brought it up says that it is gone. */
  async #lost(link: string, failure: DialFailure): Promise<void> {
    await this.#parts.look();
    this.#ended({ type: 'lost', link, failure });
  }

  #ended(event: DemandEvent): void {
    if (this.#stopping) return;
    this.#carryOut(this.#machine.handle(event, monotonicMillis()));
  }

  #recordTry(
    name: string,
    { code, message }: DialFailure,
    { number, of: tries, pauseMillis }: TryCount,
  ): void {
    const subject = { type: 'link', name } as const;
    const evidence = { code, message, try: number, tries, pauseMillis };
    this.#parts.context.record({ kind: 'linkDialTryFailed', subject, evidence });
  }

  #recordHangUp(name: string, evidence: HangUpEvidence, upMillis: number | undefined): void {
    const up = upMillis === undefined ? {} : { upMillis: Math.round(upMillis) };
    const subject = { type: 'link', name } as const;
    this.#parts.context.record({ kind: 'linkHungUp', subject, evidence: { ...evidence, ...up } });
  }

  #trouble(problem: string): void {
    const evidence = { problems: [problem] };
    this.#parts.context.record({ kind: 'networkTrouble', subject: this.#gateway, evidence });
  }

  get #gateway() {
    return { type: 'gateway', name: this.#parts.context.config.gateway.name } as const;
  }
}

function describeCause(cause: DialCause | HangUpCause): string {
  switch (cause.reason) {
    case 'load':
    case 'queue':
    case 'noLink':
    case 'internet':
      return describeDial(cause);
    case 'failed':
      return `${cause.failure.code} ${cause.failure.message}`;
    default:
      return describeHangUp(cause);
  }
}

function evidenceOf(cause: HangUpCause): HangUpEvidence {
  return cause.reason === 'failed' ? { reason: 'failed' } : rounded(cause);
}

/** Whole bits per second and milliseconds are exact enough to be read. */
function rounded<Figures extends object>(figures: Figures): Figures {
  const entries = Object.entries(figures).map(([key, value]) => {
    const isWhole = typeof value === 'number' && key !== 'threshold';
    return [key, isWhole ? Math.round(value) : value];
  });
  return Object.fromEntries(entries) as Figures;
}
