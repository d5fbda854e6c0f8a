/**
 * The responder's end of a path's own connection: it lets nobody in who cannot answer its challenge, and then proves itself.
 *
 *     waiting ──Request of a known path──▶ asked ──Response with the right proof──▶ (passed)
 *        └──anything else, or too late──────┴──▶ (refused)
 *
 * Contract: one machine for one TCP connection, of a stranger until it has passed. It holds one short message, a challenge
 * and nothing else; `received` never throws. Every refusal has a code, which is sent before the connection is closed. A path that
 * goes while its initiator answers is unknown by then. Source: seed row S4.4, docs/control-protocol.md.
 */
import { Deframer, type Frame } from './deframer.ts';
import { type Challenges, isSameProof, type ProvenPath, proofOf } from './link-proof.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';
import {
  type LinkAuthenticateRefusal,
  type LinkAuthenticateRequest,
  maxLinkMessageBytes,
} from './messages.ts';

export type ExaminerRefusal = Exclude<LinkAuthenticateRefusal, 'unspecified'>;

export type ExaminerStep<Claim> =
  | { readonly kind: 'wait' }
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'passed'; readonly bytes: Uint8Array; readonly claim: Claim }
  | { readonly kind: 'refused'; readonly bytes: Uint8Array; readonly reason: ExaminerRefusal };

export type Examination<Claim extends ProvenPath> = {
  /** Random, for this connection alone. */
  readonly challenge: Uint8Array;
  /** The path that a ticket stands for at the moment. */
  claimOf(ticket: Uint8Array): Claim | undefined;
};

const requestId = 1;
const responseId = 2;

export class LinkExaminer<Claim extends ProvenPath> {
  readonly #examination: Examination<Claim>;
  readonly #deframer = new Deframer(maxLinkMessageBytes);
  #request: LinkAuthenticateRequest | undefined;
  #hasEnded = false;

  constructor(examination: Examination<Claim>) {
    this.#examination = examination;
  }

  received(bytes: Uint8Array): ExaminerStep<Claim> {
    if (this.#hasEnded) return { kind: 'wait' };
    if (bytes.length > maxLinkMessageBytes) return this.#refuse('malformed');
    const { frames, problem } = this.#deframer.push(bytes);
    const [frame, ...more] = frames;
    // The initiator waits for an answer after each of its messages.
    const isTooMuch = more.length > 0 || (frame !== undefined && this.#deframer.pendingBytes > 0);
    if (problem !== undefined || isTooMuch) return this.#refuse('malformed');
    return frame === undefined ? { kind: 'wait' } : this.#hear(frame);
  }

  /** The time for the exchange is over. */
  expire(): ExaminerStep<Claim> {
    return this.#hasEnded ? { kind: 'wait' } : this.#refuse('tooLate');
  }

  #hear(frame: Frame): ExaminerStep<Claim> {
    const decoded = decodeMessage(frame);
    const message = decoded.ok ? decoded.message : undefined;
    const awaitedId = this.#request === undefined ? requestId : responseId;
    if (frame.messageId !== awaitedId) return this.#refuse('malformed');
    if (message?.type === 'linkAuthenticateRequest' && this.#request === undefined) return this.#ask(message);
    if (message?.type === 'linkAuthenticateResponse' && this.#request !== undefined)
      return this.#judge(this.#request, message.proof);
    return this.#refuse('malformed');
  }

  #ask(request: LinkAuthenticateRequest): ExaminerStep<Claim> {
    if (this.#claimOf(request) === undefined) return this.#refuse('unknownPath');
    this.#request = request;
    const { challenge } = this.#examination;
    return {
      kind: 'send',
      bytes: encodeMessage(requestId, { type: 'linkAuthenticateChallenge', challenge }),
    };
  }

  #judge(request: LinkAuthenticateRequest, theirProof: Uint8Array): ExaminerStep<Claim> {
    const claim = this.#claimOf(request);
    if (claim === undefined) return this.#refuse('unknownPath');
    const challenges: Challenges = {
      initiator: request.challenge,
      responder: this.#examination.challenge,
    };
    if (!isSameProof(theirProof, proofOf('initiator', claim, challenges))) return this.#refuse('wrongAnswer');
    this.#hasEnded = true;
    const proof = proofOf('responder', claim, challenges);
    const bytes = encodeMessage(responseId, { type: 'linkAuthenticateResult', result: 'ok', proof });
    return { kind: 'passed', bytes, claim };
  }

  #claimOf({ ticket, pathId }: LinkAuthenticateRequest): Claim | undefined {
    const claim = this.#examination.claimOf(ticket);
    return claim?.pathId === pathId ? claim : undefined;
  }

  #refuse(reason: ExaminerRefusal): ExaminerStep<Claim> {
    this.#hasEnded = true;
    const messageId = this.#request === undefined ? requestId : responseId;
    const bytes = encodeMessage(messageId, { type: 'linkAuthenticateResult', result: reason });
    return { kind: 'refused', bytes, reason };
  }
}
