/** Sentences for what can keep a control session from coming about, disturb it or end it. */
import type { DialResult, LinkDialResult, RefusalReason } from '../linux/control-channel.ts';
import type { DropReason, LinkAddRefusal, OpenRefusal } from '../tunnel/control/messages.ts';
import type { ProtocolError, SessionNote } from '../tunnel/control/session.ts';
import type { RunEnd } from './session-runner.ts';

export function describeEnd(end: RunEnd): string {
  switch (end.kind) {
    case 'refusedByPeer':
      return `The peer refused: ${refusals[end.result]}.`;
    case 'refusedHere':
      return `The peer was refused: ${refusals[end.result]}.`;
    case 'closedByPeer':
      return `The peer closed the session (${end.reason}).`;
    case 'closedHere':
      return `The session was closed (${end.reason}).`;
    case 'noReply':
      return `The peer did not reply to ${end.to} in time.`;
    case 'noRequest':
      return 'The peer connected and asked for nothing.';
    case 'protocolError':
      return describeProtocolError(end.error);
    case 'connectionLost':
      return 'The control connection was lost.';
    case 'failedHere':
      return `The session failed here: ${end.error}.`;
  }
}

export function describeNote(note: SessionNote): string {
  switch (note.kind) {
    case 'unknownMessage':
      return `A message of unknown type ${note.messageType} was skipped.`;
    case 'replyToNothing':
      return `A reply (${note.message}, id ${note.messageId}) answers no request.`;
    case 'unknownPath':
      return `The peer named path ${note.pathId}, which does not exist.`;
    case 'furtherNotesLeftOut':
      return 'Further notes about this session are left out.';
  }
}

/** Why the peer could not be reached, for whoever runs this end. */
export function describeDialFailure(failure: Extract<DialResult, { ok: false }>): string {
  switch (failure.kind) {
    case 'refused':
      return `${failure.reason} Does its daemon run, and does its tunnel wait for us (no \`peer.addresses\`)?`;
    case 'wrongKey':
      return `${failure.reason} If the peer has a new identity, change \`peer.fingerprint\`; else somebody else answers.`;
    default:
      return failure.reason;
  }
}

/** Why a session ended before it opened. @param fingerprint our own */
export function describeRefusal(end: RunEnd, fingerprint: string): string {
  const isUnknown =
    (end.kind === 'closedByPeer' && end.reason === 'unknownPeer') ||
    (end.kind === 'refusedByPeer' && end.result === 'unknownPeer');
  if (!isUnknown) return describeEnd(end);
  return `The peer does not know this gateway's key: its tunnel to us needs \`peer.fingerprint: ${fingerprint}\`.`;
}

/** The peer called, saw our key and left without a word. @param fingerprint our own */
export function describeUnmet(fingerprint: string): string {
  return `The peer called and left: does its tunnel to us have \`peer.fingerprint: ${fingerprint}\`?`;
}

/** Why a caller was turned away. @param fingerprint our own */
export function describeStranger({ reason, code }: StrangerRefusal, fingerprint: string): string {
  if (reason !== 'handshakeFailed' || code !== 'ECONNRESET') return strangers[reason];
  return `it broke the TLS handshake off; if it is a peer, its tunnel to us needs \`peer.fingerprint: ${fingerprint}\``;
}

type StrangerRefusal = { readonly reason: RefusalReason; readonly code: string | undefined };

const strangers: Record<RefusalReason, string> = {
  tooManyPending: 'too many handshakes at a time',
  tooManyPendingOfSource: 'too many handshakes at a time from this source',
  handshakeTimeout: 'it did not finish the handshake in time',
  handshakeFailed: 'the TLS handshake failed',
  noCertificate: 'it showed no key',
  wrongProtocol: 'it does not speak the control protocol',
  resumed: 'it resumed an old TLS session',
  linkBrokenOff: "it broke a path's connection off before it was proven",
  linkMalformed: "what it sent on a path's connection is not understood",
  linkTooLate: "it did not prove a path's connection in time",
  linkUnknownPath: 'it named a path that no session has',
  linkWrongAnswer: "its answer to a path's challenge was wrong",
  unknownKey: 'no tunnel has its key; if it is a peer, put the key into `peer.fingerprint` of its tunnel',
};

/** Why a path has no connection of its own, and what becomes of the path; without a full stop. */
export function describeLinkFailure({ reason, code }: LinkFailed): string {
  const why = linkFailures[reason];
  const detail = code === undefined ? why : `${why} (${code})`;
  return reason === 'wrongAnswer' ? `${detail}; the path is dropped` : `${detail}; it works by UDP alone`;
}

type LinkFailed = Pick<Extract<LinkDialResult, { ok: false }>, 'reason' | 'code'>;

const linkFailures: Record<LinkFailed['reason'], string> = {
  aborted: 'the attempt was given up',
  brokenOff: 'the connection was broken off',
  malformed: 'the peer did not understand us',
  noConnection: 'no connection could be made',
  notUnderstood: 'what answers there does not speak our protocol',
  timeout: 'nothing answered in time',
  tooLate: 'our answer came too late',
  unknownPath: 'what answers there does not know the path',
  unspecified: 'the peer refused it without a reason that we know',
  wrongAnswer: 'the answer to a challenge was wrong',
};

/** Why a path is gone or never came. */
export function describePathEnd(reason: PathEnd): string {
  return pathEnds[reason];
}

export type PathEnd = DropReason | LinkAddRefusal | 'noReply';

const pathEnds: Record<PathEnd, string> = {
  linkDown: 'A link of it is gone.',
  linkRemoved: 'A link of it was taken out of the configuration.',
  noMoreLinks: 'The peer has no room for more paths.',
  noReply: 'The peer did not answer the request for it.',
  notAuthentic: 'Its two ends did not prove themselves to each other; it is tried again in half a minute.',
  notNeeded: 'It is not needed any more.',
  refused: 'The peer refused it.',
  unknownLink: 'The peer has no such link.',
  unspecified: 'No reason was given.',
  wrongFamily: "The peer's link has no address of this family.",
};

const refusals: Record<OpenRefusal, string> = {
  unspecified: 'no reason given',
  unknownPeer: 'the key is not known',
  notResponder: 'both ends have `peer.addresses`; remove them at the end that should wait for calls',
  versionUnsupported: 'no protocol version in common; update the older end',
  busy: 'it is busy',
  duplicate: 'another gateway with the same key has the tunnel; give one of the two an identity of its own',
  malformed: 'the request was malformed',
};

function describeProtocolError(error: ProtocolError): string {
  switch (error.kind) {
    case 'badHeader':
      return `The peer broke the protocol: ${error.problem} in a header.`;
    case 'badMessage':
      return `The peer broke the protocol: message ${error.messageId} of type ${error.messageType} (${error.problem.kind}).`;
    case 'staleMessageId':
      return `The peer broke the protocol: id ${error.messageId} is not above the ones before.`;
    case 'outOfOrder':
      return `The peer broke the protocol: ${error.message} has no place here.`;
    case 'badAgreement':
      return `The peer's reply does not fit the request: ${error.field}.`;
  }
}
