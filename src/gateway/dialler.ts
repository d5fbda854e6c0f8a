/**
 * Dials an initiator's peer: at the start, when a session was lost, when keys are due.
 *
 * Contract: one attempt at a time per tunnel, by the tunnel's `DialPlan`. `want` says that a session is needed and why;
 * it stays wanted until one is open. Journal entries are made for the first failure of each kind in a row, not for
 * every repetition.
 * Source: S4.12.
 */
import { BackstayError } from '../errors.ts';
import { dialControl } from '../linux/control-channel.ts';
import { type Endpoint, formatEndpoint, type IpAddress } from '../network/ip-address.ts';
import { DialPlan } from '../tunnel/dial-plan.ts';
import { type GatewayContext, monotonicMillis } from './context.ts';
import type { Links } from './links.ts';
import type { Tunnel } from './tunnel.ts';

/** A working line answers the handshake's three flights well within this, satellites included. */
const DIAL_TIMEOUT_MILLIS = 4_000;

type Candidate = { readonly link: string; readonly local: IpAddress; readonly remote: Endpoint };

export class Dialler {
  readonly #context: GatewayContext;
  readonly #links: Links;
  readonly #tunnel: Tunnel;
  readonly #plan = new DialPlan<Candidate>();
  #wanted = false;
  #dialling = false;
  #closed = false;
  #attempt = 0;
  #lastFailure = '';
  #timer: NodeJS.Timeout | undefined;
  #rekeyTimer: NodeJS.Timeout | undefined;

  constructor(context: GatewayContext, links: Links, tunnel: Tunnel) {
    this.#context = context;
    this.#links = links;
    this.#tunnel = tunnel;
  }

  want(): void {
    if (this.#closed) return;
    this.#wanted = true;
    this.#plan.hurry(monotonicMillis());
    this.#pump();
  }

  linksChanged(): void {
    this.#plan.setCandidates(this.#candidates(), monotonicMillis());
    this.#pump();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#rekeyTimer);
  }

  #candidates(): Candidate[] {
    const { config } = this.#tunnel;
    const links = this.#links.controlLinks(config.links);
    return config.peer.addresses.flatMap((remote) =>
      links.flatMap((link) =>
        link.addresses
          .filter((local) => local.family === remote.address.family)
          .map((local) => ({ link: link.name, local, remote })),
      ),
    );
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#closed || !this.#wanted || this.#dialling) return;
    const now = monotonicMillis();
    const candidate = this.#plan.next(now);
    if (candidate !== undefined) {
      void this.#dial(candidate);
      return;
    }
    const deadline = this.#plan.nextDeadline();
    if (deadline !== undefined) this.#timer = setTimeout(() => this.#pump(), Math.max(1, deadline - now));
  }

  async #dial(candidate: Candidate): Promise<void> {
    this.#dialling = true;
    this.#attempt += 1;
    if (this.#attempt === 1) this.#journalConnecting(candidate);
    const failure = await this.#tryDial(candidate);
    this.#dialling = false;
    if (this.#closed) return;
    if (failure === undefined) this.#succeeded();
    else this.#failed(candidate, failure);
    this.#pump();
  }

  /** @returns why it failed; undefined when the session is open */
  async #tryDial({ local, remote }: Candidate): Promise<{ code: string; message: string } | undefined> {
    try {
      const dialled = await dialControl({
        localAddress: local,
        remote,
        identity: this.#context.identity,
        pinnedFingerprint: this.#tunnel.config.peer.fingerprint,
        timeoutMillis: DIAL_TIMEOUT_MILLIS,
      });
      if (!dialled.ok) return { code: dialled.code, message: dialled.reason };
      if (this.#closed) dialled.session.close();
      else this.#tunnel.dialled(dialled.session, remote);
      return undefined;
    } catch (error) {
      if (error instanceof BackstayError) return { code: error.code, message: error.message };
      return { code: 'BS_INTERNAL', message: String(error) };
    }
  }

  #succeeded(): void {
    this.#wanted = false;
    this.#attempt = 0;
    this.#lastFailure = '';
    this.#plan.succeeded();
    clearTimeout(this.#rekeyTimer);
    this.#rekeyTimer = setTimeout(() => this.want(), this.#tunnel.config.rekey.afterMillis);
  }

  #failed(candidate: Candidate, failure: { code: string; message: string }): void {
    this.#plan.failed(monotonicMillis());
    const summary = `${failure.code} ${failure.message}`;
    if (summary === this.#lastFailure) return;
    this.#lastFailure = summary;
    const subject = {
      type: 'peer',
      address: formatEndpoint(candidate.remote),
      tunnel: this.#tunnel.config.name,
    } as const;
    this.#context.record({ kind: 'controlError', subject, evidence: failure });
    if (!this.#tunnel.hasSession || this.#tunnel.generation === 0) return;
    const evidence = { generation: this.#tunnel.generation + 1, reason: failure.message };
    this.#context.record({
      kind: 'rekeyFailed',
      subject: { type: 'tunnel', name: this.#tunnel.config.name },
      evidence,
    });
  }

  #journalConnecting({ remote }: Candidate): void {
    this.#context.record({
      kind: 'tunnelConnecting',
      subject: { type: 'tunnel', name: this.#tunnel.config.name },
      evidence: { remote: formatEndpoint(remote), attempt: this.#attempt },
    });
  }
}
