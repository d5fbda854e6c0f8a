/**
 * A control session: the frame around the initiator's and the responder's part.
 *
 *     new ──connected──▶ running ──close, closed, refusal, protocol error, silence──▶ ended
 *
 * Contract: `handle` never throws, whatever the peer sends. Every protocol error ends the session with
 * `Tunnel_Close {error}`. Events before `connected` are ignored, but for those that end the session.
 */
import { Conversation, type Heard, type PeerMessage } from './conversation.ts';
import type { ReplyMessage, RequestMessage } from './messages.ts';
import type { ControlLink } from './path-mapping.ts';
import type {
  ProtocolError,
  SessionEffect,
  SessionEnd,
  SessionEvent,
  SessionNote,
  SessionTiming,
} from './session.ts';

/** What one of the two roles does with what the conversation brings. */
export type SessionPart = {
  connected(talk: Conversation, nowMillis: number): SessionEffect[];
  message(messageId: number, message: PartMessage, nowMillis: number): SessionEffect[];
  reply(request: RequestMessage, reply: ReplyMessage, nowMillis: number): SessionEffect[];
  noReply(request: RequestMessage, nowMillis: number): SessionEffect[];
  linksChanged(links: readonly ControlLink[], nowMillis: number): SessionEffect[];
  pathRefuted(pathId: number, nowMillis: number): SessionEffect[];
  tick(nowMillis: number): SessionEffect[];
  /** What the role still has to say about a protocol error before the session ends. */
  lastWords(error: ProtocolError): SessionEffect[];
  /** Infinity for none. */
  nextDeadline(): number;
};

export type PartMessage = Exclude<PeerMessage, { type: 'tunnelClose' }>;

export class SessionMachine {
  readonly #part: SessionPart;
  readonly #timing: SessionTiming;
  #talk: Conversation | undefined;
  #ended = false;

  constructor(part: SessionPart, timing: SessionTiming) {
    this.#part = part;
    this.#timing = timing;
  }

  handle(event: SessionEvent, nowMillis: number): SessionEffect[] {
    return this.#ended ? [] : this.#untilEnd(this.#react(event, nowMillis));
  }

  /** When the next `tick` is due; undefined when none is. */
  nextDeadline(): number | undefined {
    if (this.#ended || this.#talk === undefined) return undefined;
    const deadline = Math.min(this.#talk.nextDeadline(), this.#part.nextDeadline());
    return deadline === Infinity ? undefined : deadline;
  }

  *#react(event: SessionEvent, nowMillis: number): Iterable<SessionEffect> {
    switch (event.type) {
      case 'connected':
        if (this.#talk !== undefined) return;
        this.#talk = new Conversation(this.#timing, nowMillis);
        return yield* this.#part.connected(this.#talk, nowMillis);
      case 'received':
        return yield* this.#receive(event.bytes, nowMillis);
      case 'linksChanged':
        return yield* this.#part.linksChanged(event.links, nowMillis);
      case 'pathRefuted':
        return yield* this.#part.pathRefuted(event.pathId, nowMillis);
      case 'close':
        if (this.#talk !== undefined)
          yield sendEffect(this.#talk.notice({ type: 'tunnelClose', reason: event.reason }));
        return yield endEffect({ kind: 'closedHere', reason: event.reason });
      case 'closed':
        return yield endEffect({ kind: 'connectionLost' });
      case 'tick':
        return yield* this.#tick(nowMillis);
    }
  }

  *#receive(bytes: Uint8Array, nowMillis: number): Iterable<SessionEffect> {
    for (const heard of this.#talk?.receive(bytes, nowMillis) ?? []) {
      for (const effect of this.#hear(heard, nowMillis)) {
        if (effect.type !== 'close' || effect.end.kind !== 'protocolError') yield effect;
        else yield* this.#fail(effect.end.error);
      }
    }
  }

  #hear(heard: Heard, nowMillis: number): SessionEffect[] {
    switch (heard.kind) {
      case 'message':
        if (heard.message.type !== 'tunnelClose')
          return this.#part.message(heard.messageId, heard.message, nowMillis);
        return [endEffect({ kind: 'closedByPeer', reason: heard.message.reason })];
      case 'reply':
        return this.#part.reply(heard.request, heard.reply, nowMillis);
      case 'answer':
        return [sendEffect(heard.bytes)];
      case 'note':
        return [journalEffect(heard.note)];
      case 'error':
        return [errorEffect(heard.error)];
    }
  }

  *#fail(error: ProtocolError): Iterable<SessionEffect> {
    yield* this.#part.lastWords(error);
    if (this.#talk !== undefined)
      yield sendEffect(this.#talk.notice({ type: 'tunnelClose', reason: 'error' }));
    yield errorEffect(error);
  }

  *#tick(nowMillis: number): Iterable<SessionEffect> {
    if (this.#talk === undefined) return;
    for (const request of this.#talk.expire(nowMillis)) yield* this.#part.noReply(request, nowMillis);
    yield* this.#part.tick(nowMillis);
    const keepalive = this.#talk.keepalive(nowMillis);
    if (keepalive !== undefined) yield sendEffect(keepalive);
  }

  /** Nothing follows the end, and no session fills the journal. */
  #untilEnd(effects: Iterable<SessionEffect>): SessionEffect[] {
    const kept: SessionEffect[] = [];
    for (const effect of effects) {
      const limited = effect.type === 'journal' ? this.#limited(effect.note) : effect;
      if (limited !== undefined) kept.push(limited);
      if (effect.type !== 'close') continue;
      this.#ended = true;
      break;
    }
    return kept;
  }

  #limited(note: SessionNote): SessionEffect | undefined {
    const limited = this.#talk?.limitNote(note);
    return limited === undefined ? undefined : journalEffect(limited);
  }
}

export function sendEffect(bytes: Uint8Array): SessionEffect {
  return { type: 'send', bytes };
}

export function endEffect(end: SessionEnd): SessionEffect {
  return { type: 'close', end };
}

export function errorEffect(error: ProtocolError): SessionEffect {
  return endEffect({ kind: 'protocolError', error });
}

export function journalEffect(note: SessionNote): SessionEffect {
  return { type: 'journal', note };
}
