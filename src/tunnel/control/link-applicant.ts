/**
 * The initiator's end of a path's own connection: it names the path, answers the challenge and checks the answer to its own.
 *
 *     asking ──Challenge──▶ answering ──Result {ok, right proof}──▶ (proven)
 *        └──Result, anything else─┴──▶ (failed)
 *
 * Contract: one machine for one TCP connection. `received` never throws; after an end it answers nothing more. Time is the
 * caller's: it gives the whole exchange a few seconds. Source: seed row S4.4, docs/control-protocol.md.
 */
import { Deframer, type Frame } from './deframer.ts';
import { isSameProof, type ProvenPath, proofOf } from './link-proof.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';
import {
  type LinkAuthenticateRefusal,
  type LinkAuthenticateResult,
  maxLinkMessageBytes,
} from './messages.ts';

/** `notUnderstood`: what answers there speaks another protocol, or breaks this one. */
export type ApplicantFailure = LinkAuthenticateRefusal | 'notUnderstood';

export type ApplicantStep =
  | { readonly kind: 'wait' }
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'proven' }
  | { readonly kind: 'failed'; readonly reason: ApplicantFailure };

export type Application = ProvenPath & {
  readonly ticket: Uint8Array;
  /** Random, for this connection alone. */
  readonly challenge: Uint8Array;
};

const requestId = 1;
const responseId = 2;

export class LinkApplicant {
  readonly #application: Application;
  readonly #deframer = new Deframer(maxLinkMessageBytes);
  #state: 'asking' | 'answering' | 'ended' = 'asking';
  #theirChallenge: Uint8Array = new Uint8Array();

  constructor(application: Application) {
    this.#application = application;
  }

  /** The first thing to send. */
  request(): Uint8Array {
    const { ticket, pathId, challenge } = this.#application;
    return encodeMessage(requestId, { type: 'linkAuthenticateRequest', ticket, pathId, challenge });
  }

  received(bytes: Uint8Array): ApplicantStep {
    if (this.#state === 'ended') return { kind: 'wait' };
    if (bytes.length > maxLinkMessageBytes) return this.#fail('notUnderstood');
    const { frames, problem } = this.#deframer.push(bytes);
    const [frame, ...more] = frames;
    // The responder waits for an answer after each of its messages.
    const isTooMuch = more.length > 0 || (frame !== undefined && this.#deframer.pendingBytes > 0);
    if (problem !== undefined || isTooMuch) return this.#fail('notUnderstood');
    return frame === undefined ? { kind: 'wait' } : this.#hear(frame);
  }

  #hear(frame: Frame): ApplicantStep {
    const decoded = decodeMessage(frame);
    const message = decoded.ok ? decoded.message : undefined;
    const awaitedId = this.#state === 'asking' ? requestId : responseId;
    if (frame.messageId !== awaitedId) return this.#fail('notUnderstood');
    if (message?.type === 'linkAuthenticateChallenge' && this.#state === 'asking')
      return this.#answer(message.challenge);
    if (message?.type === 'linkAuthenticateResult') return this.#judge(message);
    return this.#fail('notUnderstood');
  }

  #answer(theirChallenge: Uint8Array): ApplicantStep {
    this.#state = 'answering';
    this.#theirChallenge = theirChallenge;
    const proof = this.#proofOf('initiator');
    return { kind: 'send', bytes: encodeMessage(responseId, { type: 'linkAuthenticateResponse', proof }) };
  }

  #judge(message: LinkAuthenticateResult): ApplicantStep {
    if (message.result !== 'ok') return this.#fail(message.result);
    if (this.#state !== 'answering') return this.#fail('notUnderstood');
    if (!isSameProof(message.proof, this.#proofOf('responder'))) return this.#fail('wrongAnswer');
    this.#state = 'ended';
    return { kind: 'proven' };
  }

  #proofOf(prover: 'initiator' | 'responder'): Uint8Array {
    const challenges = { initiator: this.#application.challenge, responder: this.#theirChallenge };
    return proofOf(prover, this.#application, challenges);
  }

  #fail(reason: ApplicantFailure): ApplicantStep {
    this.#state = 'ended';
    return { kind: 'failed', reason };
  }
}
