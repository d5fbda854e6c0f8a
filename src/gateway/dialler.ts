/**
 * Dials an initiator's peer: at the start, when a session was lost, when keys are due.
 *
 * Contract: `want` says that a session is needed; it stays wanted until one is open, which is more than a connection:
 * the peer has to agree. Attempts overlap by the tunnel's `DialPlan`; the first connection wins and the others are
 * closed. Journal entries are made for the first failure of each kind in a row, not for every repetition.
 * Source: S4.12.
 */
import { BackstayError } from '../errors.ts';
import { type ControlSession, dialControl } from '../linux/control-channel.ts';
import { formatEndpoint } from '../network/ip-address.ts';
import { DialPlan } from '../tunnel/dial-plan.ts';
import { type GatewayContext, monotonicMillis } from './context.ts';
import { type DialWay, dialWays } from './dial-ways.ts';
import type { Links } from './links.ts';
import { describeDialFailure, describeRefusal } from './session-words.ts';
import type { Tunnel } from './tunnel.ts';

/** A working line answers the handshake's three flights well within this, satellites included. */
const DIAL_TIMEOUT_MILLIS = 4_000;

type Failure = { readonly code: string; readonly message: string };

export class Dialler {
  readonly #context: GatewayContext;
  readonly #links: Links;
  readonly #tunnel: Tunnel;
  readonly #plan = new DialPlan<DialWay>();
  readonly #journalled = new Set<string>();
  #wanted = false;
  /** A connection stands, and the peer is being asked. */
  #opening = false;
  #closed = false;
  #announced = false;
  #timer: NodeJS.Timeout | undefined;
  #rekeyTimer: NodeJS.Timeout | undefined;

  constructor(context: GatewayContext, links: Links, tunnel: Tunnel) {
    this.#context = context;
    this.#links = links;
    this.#tunnel = tunnel;
  }

  want(when: 'now' | 'later'): void {
    if (this.#closed) return;
    this.#wanted = true;
    if (when === 'now') this.#plan.hurry(monotonicMillis());
    else this.#plan.refused(monotonicMillis());
    this.#pump();
  }

  linksChanged(): void {
    const { config } = this.#tunnel;
    const ways = dialWays(this.#links.controlLinks(config.links), config.peer.addresses);
    this.#plan.setCandidates(ways, monotonicMillis());
    this.#pump();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#rekeyTimer);
  }

  get #idle(): boolean {
    return this.#closed || !this.#wanted || this.#opening;
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#idle) return;
    const now = monotonicMillis();
    for (let way = this.#plan.next(now); way !== undefined; way = this.#plan.next(now)) void this.#dial(way);
    const deadline = this.#plan.nextDeadline();
    if (deadline !== undefined) this.#timer = setTimeout(() => this.#pump(), Math.max(1, deadline - now));
  }

  async #dial(way: DialWay): Promise<void> {
    this.#announce(way);
    const dialled = await this.#connect(way);
    if (this.#idle) {
      // Another attempt was faster.
      if ('session' in dialled) dialled.session.close();
      return;
    }
    if ('session' in dialled) await this.#open(way, dialled.session);
    else this.#failed(way, dialled);
    this.#pump();
  }

  async #connect({ local, remote }: DialWay): Promise<{ session: ControlSession } | Failure> {
    try {
      const dialled = await dialControl({
        localAddress: local,
        remote,
        identity: this.#context.identity,
        pinnedFingerprint: this.#tunnel.config.peer.fingerprint,
        timeoutMillis: DIAL_TIMEOUT_MILLIS,
      });
      if (dialled.ok) return { session: dialled.session };
      return { code: dialled.code, message: describeDialFailure(dialled) };
    } catch (error) {
      if (error instanceof BackstayError) return { code: error.code, message: error.message };
      return { code: 'BS_INTERNAL', message: String(error) };
    }
  }

  async #open(way: DialWay, session: ControlSession): Promise<void> {
    this.#opening = true;
    const end = await this.#tunnel.dialled(session, way.remote);
    this.#opening = false;
    if (this.#closed) return;
    if (end === undefined) return this.#succeeded(way);
    this.#plan.refused(monotonicMillis());
    this.#journal(way, {
      code: 'BS_PEER_REFUSED',
      message: describeRefusal(end, this.#context.identity.fingerprint),
    });
  }

  #succeeded(way: DialWay): void {
    this.#wanted = false;
    this.#announced = false;
    this.#journalled.clear();
    this.#plan.succeeded(way);
    clearTimeout(this.#rekeyTimer);
    this.#rekeyTimer = setTimeout(() => this.want('now'), this.#tunnel.config.rekey.afterMillis);
  }

  #failed(way: DialWay, failure: Failure): void {
    this.#plan.failed(way, monotonicMillis());
    this.#journal(way, failure);
  }

  #journal({ remote }: DialWay, failure: Failure): void {
    const summary = `${failure.code} ${failure.message}`;
    if (this.#journalled.has(summary)) return;
    this.#journalled.add(summary);
    const { name: tunnel } = this.#tunnel.config;
    const peer = { type: 'peer', address: formatEndpoint(remote), tunnel } as const;
    this.#context.record({ kind: 'controlError', subject: peer, evidence: failure });
    if (this.#tunnel.standing.state !== 'up') return;
    const evidence = { generation: this.#tunnel.generation + 1, reason: failure.message };
    this.#context.record({ kind: 'rekeyFailed', subject: { type: 'tunnel', name: tunnel }, evidence });
  }

  /** Once for a row of attempts, and not for the new keys of a tunnel that carries. */
  #announce({ remote }: DialWay): void {
    if (this.#announced || this.#tunnel.standing.state === 'up') return;
    this.#announced = true;
    this.#context.record({
      kind: 'tunnelConnecting',
      subject: { type: 'tunnel', name: this.#tunnel.config.name },
      evidence: { remote: formatEndpoint(remote), attempt: 1 },
    });
  }
}
