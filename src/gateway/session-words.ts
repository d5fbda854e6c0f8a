/** Sentences for what can end or disturb a control session. */
import type { OpenRefusal } from '../tunnel/control/messages.ts';
import type { ProtocolError, SessionEnd, SessionNote } from '../tunnel/control/session.ts';

export function describeEnd(end: SessionEnd): string {
  switch (end.kind) {
    case 'refusedByPeer':
      return `The peer refused: ${refusals[end.result]}.`;
    case 'refusedHere':
      return `The peer was refused: ${refusals[end.result]}.`;
    case 'closedByPeer':
      if (end.reason === 'unknownPeer') return `The peer refused: ${refusals.unknownPeer}.`;
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

const refusals: Record<OpenRefusal, string> = {
  unspecified: 'no reason given',
  unknownPeer: 'it does not know this key; is our fingerprint in its configuration',
  notResponder: 'both ends have peer addresses; remove `addresses` on the one that should wait',
  versionUnsupported: 'no protocol version in common; update the older end',
  busy: 'it is busy',
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
