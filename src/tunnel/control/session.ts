/**
 * What goes into and comes out of the two session machines (initiator.ts, responder.ts).
 *
 * Contract: one machine lives for one TLS session. The caller hands it every event with the time, carries out the
 * effects in their order, and gives a `tick` at `nextDeadline()`. After an effect `close` the machine is at its end and
 * answers nothing more. The caller sends what was to be sent, then closes the connection.
 */
import type { Endpoint, IpAddress } from '../../network/ip-address.ts';
import { MAX_PATHS } from '../path/report.ts';
import type { HeaderProblem } from './bundle-header.ts';
import type { EspKeyRequest, Role } from './key-schedule.ts';
import type { DecodeProblem } from './message-codec.ts';
import type {
  CloseReason,
  ControlMessage,
  DropReason,
  LinkAddRefusal,
  OpenRefusal,
  RequestMessage,
} from './messages.ts';
import type { ControlLink } from './path-mapping.ts';

export type SessionEvent =
  /** The TLS handshake is done and the peer's key is the pinned one. */
  | { readonly type: 'connected' }
  | { readonly type: 'received'; readonly bytes: Uint8Array }
  /** The links that the tunnel may use have come, gone or changed their addresses. */
  | { readonly type: 'linksChanged'; readonly links: readonly ControlLink[] }
  /** The far end of the path gave a wrong proof, or says that ours was wrong. For the initiator. */
  | { readonly type: 'pathRefuted'; readonly pathId: number }
  /** End the session, telling the peer why. */
  | { readonly type: 'close'; readonly reason: CloseReason }
  /** The connection is gone. */
  | { readonly type: 'closed' }
  | { readonly type: 'tick' };

export type SessionEffect =
  | { readonly type: 'send'; readonly bytes: Uint8Array }
  | { readonly type: 'deriveKeys'; readonly keys: EspKeyRequest }
  | { readonly type: 'tunnelOpened'; readonly tunnel: OpenedTunnel }
  /** Also for a path that exists already and has a new address. */
  | { readonly type: 'pathAdded'; readonly path: SessionPath }
  /** If the path existed before (a change of address was asked for) it is gone. */
  | { readonly type: 'pathRefused'; readonly pathId: number; readonly reason: LinkAddRefusal | 'noReply' }
  | { readonly type: 'pathDropped'; readonly pathId: number; readonly reason: DropReason }
  | { readonly type: 'close'; readonly end: SessionEnd }
  | { readonly type: 'journal'; readonly note: SessionNote };

/** Both `deriveKeys` effects come before it. */
export type OpenedTunnel = {
  readonly role: Role;
  readonly version: number;
  readonly tunnelInstance: Uint8Array;
  readonly generation: number;
  readonly inboundSpi: number;
  readonly outboundSpi: number;
  readonly capabilities: number;
  readonly innerMtu: number;
};

export type SessionPath =
  | {
      readonly role: 'initiator';
      readonly pathId: number;
      readonly localLink: string;
      readonly localAddress: IpAddress;
      readonly remoteLinkIndex: number;
      /** Of UDP. */
      readonly remote: Endpoint;
      /** Where the path's own connection goes when the port is another one for TCP. */
      readonly tcpPort?: number;
    }
  | {
      readonly role: 'responder';
      readonly pathId: number;
      readonly localLink: string;
      readonly local: Endpoint;
      /** What the initiator says its address is; where its packets come from is learnt from the packets. */
      readonly claimedRemote: IpAddress;
    };

export type SessionEnd =
  | { readonly kind: 'refusedByPeer' | 'refusedHere'; readonly result: OpenRefusal }
  | { readonly kind: 'closedByPeer' | 'closedHere'; readonly reason: CloseReason }
  | { readonly kind: 'noReply'; readonly to: RequestMessage['type'] }
  | { readonly kind: 'noRequest' }
  | { readonly kind: 'protocolError'; readonly error: ProtocolError }
  | { readonly kind: 'connectionLost' };

export type ProtocolError =
  | { readonly kind: 'badHeader'; readonly problem: HeaderProblem }
  | {
      readonly kind: 'badMessage';
      readonly messageId: number;
      readonly messageType: number;
      readonly problem: DecodeProblem;
    }
  /** Ids of requests and notices must grow. */
  | { readonly kind: 'staleMessageId'; readonly messageId: number }
  /** A message that has no place at this point, or that answers a request of another kind. */
  | { readonly kind: 'outOfOrder'; readonly message: ControlMessage['type'] }
  /** An agreement that the reply may not contain. */
  | {
      readonly kind: 'badAgreement';
      readonly field: 'version' | 'capabilities' | 'innerMtu' | 'pathId' | 'endpoint';
    };

export type SessionNote =
  | { readonly kind: 'unknownMessage'; readonly messageType: number }
  | { readonly kind: 'replyToNothing'; readonly message: ControlMessage['type']; readonly messageId: number }
  | { readonly kind: 'unknownPath'; readonly pathId: number }
  /** Nothing of the kind is journalled any more in this session. */
  | { readonly kind: 'furtherNotesLeftOut' };

export type SessionTiming = {
  /** A request without a reply for so long has failed. */
  readonly replyTimeoutMillis: number;
  /** After so long without a word from the peer it is asked whether it is there. */
  readonly keepaliveMillis: number;
};

/** What a path report has room for; it bounds what one peer can make the other hold. */
export const maxPaths = MAX_PATHS;

/**
 * 10 s is past every retransmission of TCP that a working line needs. Keepalives cost a metered line about 1 kB a
 * minute; a dead peer is noticed after 20 s here, and within a second by the tunnel's own packets.
 */
export const defaultSessionTiming: SessionTiming = { replyTimeoutMillis: 10_000, keepaliveMillis: 10_000 };
