/**
 * The half of a control session that is the same for both ends: message ids, open requests, keepalives, the journal.
 *
 * Contract: `receive` turns bytes into what the peer said, already checked against the rules that hold for every
 * message. Ids of requests and notices grow strictly in each direction; a reply has the id of its request. Keepalives
 * are dealt with here and never seen by the machines. What is held for a peer is bounded: one unfinished message, and
 * the requests that this side made.
 */
import { Deframer, type Frame } from './deframer.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';
import type { ControlMessage, NoticeMessage, ReplyMessage, RequestMessage } from './messages.ts';
import type { ProtocolError, SessionNote, SessionTiming } from './session.ts';

export type Heard =
  | { readonly kind: 'message'; readonly messageId: number; readonly message: PeerMessage }
  | { readonly kind: 'reply'; readonly request: RequestMessage; readonly reply: ReplyMessage }
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  | { readonly kind: 'note'; readonly note: SessionNote }
  /** The last one of a call. */
  | { readonly kind: 'error'; readonly error: ProtocolError };

/** Requests and notices that a machine has to act upon. */
export type PeerMessage = Exclude<RequestMessage, { type: 'keepalive' }> | NoticeMessage;

type OpenRequest = { readonly request: RequestMessage; readonly deadlineMillis: number };

/** Enough to see what a peer does; more would only let it fill the journal. */
const maxNotes = 16;

const replyTypeOf = {
  tunnelOpenRequest: 'tunnelOpenReply',
  linkAddRequest: 'linkAddReply',
  keepalive: 'keepaliveReply',
} as const satisfies Record<RequestMessage['type'], ReplyMessage['type']>;

export class Conversation {
  readonly #timing: SessionTiming;
  readonly #deframer = new Deframer();
  readonly #open = new Map<number, OpenRequest>();
  #lastSentId = 0;
  #lastHeardId = 0;
  #lastHeardMillis: number;
  #notes = 0;

  constructor(timing: SessionTiming, nowMillis: number) {
    this.#timing = timing;
    this.#lastHeardMillis = nowMillis;
  }

  request(message: RequestMessage, nowMillis: number): Uint8Array {
    const messageId = this.#nextId();
    const deadlineMillis = nowMillis + this.#timing.replyTimeoutMillis;
    this.#open.set(messageId, { request: message, deadlineMillis });
    return encodeMessage(messageId, message);
  }

  reply(messageId: number, message: ReplyMessage): Uint8Array {
    return encodeMessage(messageId, message);
  }

  notice(message: NoticeMessage): Uint8Array {
    return encodeMessage(this.#nextId(), message);
  }

  receive(bytes: Uint8Array, nowMillis: number): Heard[] {
    const { frames, problem } = this.#deframer.push(bytes);
    const heard: Heard[] = [];
    for (const frame of frames) {
      this.#lastHeardMillis = nowMillis;
      heard.push(...this.#hear(frame));
      if (heard.at(-1)?.kind === 'error') return heard;
    }
    if (problem !== undefined) heard.push(errorOf({ kind: 'badHeader', problem }));
    return heard;
  }

  /** Requests whose time is over; they are forgotten, so that a late reply is a reply to nothing. */
  expire(nowMillis: number): RequestMessage[] {
    const expired = [...this.#open].filter(([, open]) => open.deadlineMillis <= nowMillis);
    for (const [messageId] of expired) this.#open.delete(messageId);
    return expired.map(([, open]) => open.request);
  }

  /** A keepalive to send now, if one is due. */
  keepalive(nowMillis: number): Uint8Array | undefined {
    if (this.#isAskingForLife() || nowMillis < this.#keepaliveDueMillis) return undefined;
    return this.request({ type: 'keepalive' }, nowMillis);
  }

  nextDeadline(): number {
    const deadlines = [...this.#open.values()].map((open) => open.deadlineMillis);
    return Math.min(...deadlines, this.#isAskingForLife() ? Infinity : this.#keepaliveDueMillis);
  }

  /** Counts the notes of a session, and leaves the rest out. */
  limitNote(note: SessionNote): SessionNote | undefined {
    this.#notes += 1;
    if (this.#notes < maxNotes) return note;
    return this.#notes === maxNotes ? { kind: 'furtherNotesLeftOut' } : undefined;
  }

  #hear(frame: Frame): Heard[] {
    const result = decodeMessage(frame);
    if (result.ok) return [this.#sort(frame.messageId, result.message)];
    if (result.problem.kind === 'unknownType') {
      return [{ kind: 'note', note: { kind: 'unknownMessage', messageType: frame.type } }];
    }
    return [
      errorOf({
        kind: 'badMessage',
        messageId: frame.messageId,
        messageType: frame.type,
        problem: result.problem,
      }),
    ];
  }

  #sort(messageId: number, message: ControlMessage): Heard {
    switch (message.type) {
      case 'tunnelOpenReply':
      case 'linkAddReply':
      case 'keepaliveReply':
        return this.#matchReply(messageId, message);
      case 'linkAuthenticateRequest':
      case 'linkAuthenticateChallenge':
      case 'linkAuthenticateResponse':
      case 'linkAuthenticateResult':
        return errorOf({ kind: 'outOfOrder', message: message.type });
    }
    if (messageId <= this.#lastHeardId) return errorOf({ kind: 'staleMessageId', messageId });
    this.#lastHeardId = messageId;
    if (message.type !== 'keepalive') return { kind: 'message', messageId, message };
    return { kind: 'answer', bytes: this.reply(messageId, { type: 'keepaliveReply' }) };
  }

  #matchReply(messageId: number, reply: ReplyMessage): Heard {
    const open = this.#open.get(messageId);
    if (open === undefined) {
      return { kind: 'note', note: { kind: 'replyToNothing', message: reply.type, messageId } };
    }
    if (replyTypeOf[open.request.type] !== reply.type)
      return errorOf({ kind: 'outOfOrder', message: reply.type });
    this.#open.delete(messageId);
    return { kind: 'reply', request: open.request, reply };
  }

  #isAskingForLife(): boolean {
    return [...this.#open.values()].some((open) => open.request.type === 'keepalive');
  }

  get #keepaliveDueMillis(): number {
    return this.#lastHeardMillis + this.#timing.keepaliveMillis;
  }

  #nextId(): number {
    this.#lastSentId += 1;
    return this.#lastSentId;
  }
}

function errorOf(error: ProtocolError): Heard {
  return { kind: 'error', error };
}
