/**
 * Joins a session machine to its TLS connection: bytes in, effects out, ticks in time.
 *
 * Contract: effects are carried out in their order. After `ended` nothing more is heard of the session. A handler that
 * throws ends the session, not the daemon.
 */
import type { ControlSession } from '../linux/control-channel.ts';
import {
  type EspKey,
  type LinkCredential,
  linkKeyRequest,
  splitKeyMaterial,
  splitLinkMaterial,
} from '../tunnel/control/key-schedule.ts';
import type { ControlLink } from '../tunnel/control/path-mapping.ts';
import type {
  OpenedTunnel,
  SessionEffect,
  SessionEnd,
  SessionEvent,
  SessionNote,
  SessionPath,
} from '../tunnel/control/session.ts';
import type { SessionMachine } from '../tunnel/control/session-machine.ts';
import { monotonicMillis } from './context.ts';
import type { PathEnd } from './session-words.ts';

export type SessionListener = {
  opened(tunnel: OpenedTunnel, open: EspKey, seal: EspKey): void;
  /** @param credential what the path's ends prove themselves with */
  pathAdded(path: SessionPath, credential: LinkCredential): void;
  pathGone(pathId: number, reason: PathEnd): void;
  noted(note: SessionNote): void;
  ended(end: RunEnd): void;
};

/** `failedHere`: something here broke while the session was served. */
export type RunEnd = SessionEnd | { readonly kind: 'failedHere'; readonly error: string };

export class SessionRunner {
  readonly #connection: ControlSession;
  readonly #machine: SessionMachine;
  readonly #listener: SessionListener;
  readonly #keys: { open?: EspKey; seal?: EspKey } = {};
  #links: string;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** @param links those that the machine was made with */
  constructor(
    connection: ControlSession,
    machine: SessionMachine,
    links: readonly ControlLink[],
    listener: SessionListener,
  ) {
    this.#connection = connection;
    this.#machine = machine;
    this.#links = linksText(links);
    this.#listener = listener;
  }

  get remote(): string {
    return this.#connection.remoteAddress;
  }

  get local(): string {
    return this.#connection.localAddress;
  }

  start(): void {
    this.#connection.onData((bytes) => this.handle({ type: 'received', bytes }));
    this.#connection.onClose(() => this.handle({ type: 'closed' }));
    this.handle({ type: 'connected' });
  }

  /** The network was looked at; the peer is told only when something is different for it. */
  linksChanged(links: readonly ControlLink[]): void {
    const text = linksText(links);
    if (text === this.#links) return;
    this.#links = text;
    this.handle({ type: 'linksChanged', links });
  }

  handle(event: SessionEvent): void {
    if (this.#ended) return;
    try {
      for (const effect of this.#machine.handle(event, monotonicMillis())) this.#carryOut(effect);
    } catch (error) {
      // Such as keys asked of a connection that has just ended: the next session will do.
      if (!this.#ended) this.#end({ kind: 'failedHere', error: String(error) });
    }
    this.#schedule();
  }

  #carryOut(effect: SessionEffect): void {
    switch (effect.type) {
      case 'send':
        this.#connection.send(effect.bytes);
        return;
      case 'deriveKeys': {
        const { label, context, length, use } = effect.keys;
        this.#keys[use] = splitKeyMaterial(this.#connection.exportKey(label, context, length));
        return;
      }
      case 'tunnelOpened':
        return this.#opened(effect.tunnel);
      case 'pathAdded':
        return this.#listener.pathAdded(effect.path, this.#credentialOf(effect.path.pathId));
      case 'pathRefused':
      case 'pathDropped':
        return this.#listener.pathGone(effect.pathId, effect.reason);
      case 'journal':
        return this.#listener.noted(effect.note);
      case 'close':
        return this.#end(effect.end);
    }
  }

  #credentialOf(pathId: number): LinkCredential {
    const { label, context, length } = linkKeyRequest(pathId);
    return splitLinkMaterial(this.#connection.exportKey(label, context, length));
  }

  #opened(tunnel: OpenedTunnel): void {
    const { open, seal } = this.#keys;
    if (open === undefined || seal === undefined) throw new Error('a tunnel opened without keys');
    this.#listener.opened(tunnel, open, seal);
  }

  #end(end: RunEnd): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#connection.close();
    this.#listener.ended(end);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const deadline = this.#ended ? undefined : this.#machine.nextDeadline();
    if (deadline === undefined) return;
    const wait = Math.max(0, deadline - monotonicMillis());
    this.#timer = setTimeout(() => this.handle({ type: 'tick' }), wait);
  }
}

function linksText(links: readonly ControlLink[]): string {
  const parts = links.map(({ name, index, port, addresses }) => {
    return [name, index, port, ...addresses.map(({ text }) => text)].join(' ');
  });
  return parts.join('\n');
}
