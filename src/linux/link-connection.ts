/**
 * A path's own TCP connection, on both sides: dialled and proven by the initiator, examined by the responder.
 *
 * Contract: `connectLink` never throws; what the network or the other side does is a result. `examineLink` reads from a
 * stranger what `LinkExaminer` wants and no more, answers, and hands the connection over when he has passed; the bound in
 * time is its caller's. A connection that is handed over has nothing unread: the initiator speaks first.
 * Source: seed row S4.4, docs/control-protocol.md.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Endpoint, IpAddress } from '../network/ip-address.ts';
import { type ApplicantFailure, LinkApplicant } from '../tunnel/control/link-applicant.ts';
import { type ExaminerRefusal, type ExaminerStep, LinkExaminer } from '../tunnel/control/link-examiner.ts';
import type { Mac, ProvenPath } from '../tunnel/control/link-proof.ts';
import { challengeBytes } from '../tunnel/control/messages.ts';
import { takeOver } from './stream-socket.ts';
import { openTcpConnection, type TcpConnection } from './tcp-connection.ts';

export type LinkDialOptions = ProvenPath & {
  readonly localAddress: IpAddress;
  readonly remote: Endpoint;
  readonly ticket: Uint8Array;
  /** For the connection and the proofs together. */
  readonly timeoutMillis: number;
  /** Gives up early. */
  readonly signal: AbortSignal;
};

export type LinkFailure = ApplicantFailure | 'noConnection' | 'brokenOff' | 'timeout' | 'aborted';

/** A proven connection, which is there for the packets of its path. */
export type LinkConnection = TcpConnection & {
  /** @returns the connection's descriptor, now the caller's; -1 when it has ended. What is left here is closed. */
  takeOver(): number;
};

export type LinkDialResult =
  | { readonly ok: true; readonly connection: LinkConnection }
  /** `code` is the system's, where there is one. */
  | { readonly ok: false; readonly reason: LinkFailure; readonly code: string | undefined };

export type LinkClaim = ProvenPath & {
  /** The path's initiator has proved himself over this connection. */
  accept(connection: LinkConnection): void;
};

/** Keeps a NAT's memory of the connection for most NATs, at 90 kB a day (RFC 5382 asks for two hours, many give minutes). */
const keepaliveMillis = 120_000;

export function linkMac(key: Uint8Array): Mac {
  return (bytes) => new Uint8Array(createHmac('sha256', key).update(bytes).digest());
}

export function connectLink(options: LinkDialOptions): Promise<LinkDialResult> {
  const { promise, resolve } = Promise.withResolvers<LinkDialResult>();
  const { remote, localAddress, timeoutMillis, signal } = options;
  if (signal.aborted) return Promise.resolve({ ok: false, reason: 'aborted', code: undefined });
  const applicant = new LinkApplicant({ ...options, challenge: randomBytes(challengeBytes) });
  const socket = connect({ host: remote.address.text, port: remote.port, localAddress: localAddress.text });
  const settle = (result: LinkDialResult) => {
    clearTimeout(deadline);
    signal.removeEventListener('abort', abort);
    socket.off('data', hear);
    if (!result.ok) socket.destroy();
    resolve(result);
  };
  const fail = (reason: LinkFailure, code?: string) => settle({ ok: false, reason, code });
  const hear = (bytes: Uint8Array) => {
    const step = applicant.received(bytes);
    if (step.kind === 'send') socket.write(step.bytes);
    else if (step.kind === 'failed') fail(step.reason);
    else if (step.kind === 'proven') settle({ ok: true, connection: openLinkConnection(socket) });
  };
  const abort = () => fail('aborted');
  const deadline = setTimeout(() => fail('timeout'), timeoutMillis);
  signal.addEventListener('abort', abort);
  let isConnected = false;
  socket.once('connect', () => {
    isConnected = true;
    socket.write(applicant.request());
  });
  socket.on('error', (error: NodeJS.ErrnoException) =>
    fail(isConnected ? 'brokenOff' : 'noConnection', error.code),
  );
  socket.once('close', () => fail('brokenOff'));
  socket.on('data', hear);
  return promise;
}

function openLinkConnection(socket: Socket): LinkConnection {
  const connection = openTcpConnection(socket.pause(), keepaliveMillis);
  return { ...connection, takeOver: () => takeOver(socket) };
}

export type LinkExamination = {
  claimOf(ticket: Uint8Array): LinkClaim | undefined;
  /** Called once, with the end of it. */
  ended(result: 'passed' | ExaminerRefusal): void;
};

/** @returns what to call when the time is over */
export function examineLink(socket: Socket, { claimOf, ended }: LinkExamination): () => void {
  const examiner = new LinkExaminer({ challenge: randomBytes(challengeBytes), claimOf });
  const follow = (step: ExaminerStep<LinkClaim>) => {
    if (step.kind === 'wait') return;
    socket.write(step.bytes);
    if (step.kind === 'send') return;
    socket.off('data', hear);
    if (step.kind === 'refused') {
      ended(step.reason);
      // The answer is so short that the kernel has it at once: nobody is waited for.
      socket.destroySoon();
      return;
    }
    ended('passed');
    step.claim.accept(openLinkConnection(socket));
  };
  const hear = (bytes: Uint8Array) => follow(examiner.received(bytes));
  socket.on('data', hear);
  return () => follow(examiner.expire());
}
