/**
 * What the two ends of a tunnel say to each other. The wire form is in message-codec.ts and docs/control-protocol.md.
 *
 * Contract: the numbers below are the protocol; none is ever reused. A code that this version does not know is read
 * as `unspecified`, which is always a refusal or an end and never a permission.
 * Source: seed rows S4.3 to S4.5 (Link_Add, the managers' messages).
 */
import type { Endpoint, IpAddress } from '../../network/ip-address.ts';

/** The range of protocol versions this program speaks. */
export const protocolVersion = { min: 1, max: 1 } as const;

export const messageType = {
  tunnelOpenRequest: 1,
  tunnelOpenReply: 2,
  linkAddRequest: 3,
  linkAddReply: 4,
  linkDrop: 5,
  tunnelClose: 6,
  keepalive: 7,
  keepaliveReply: 8,
  linkList: 9,
  linkAuthenticateRequest: 10,
  linkAuthenticateChallenge: 11,
  linkAuthenticateResponse: 12,
  linkAuthenticateResult: 13,
} as const;

export const openResult = {
  unspecified: 0,
  ok: 1,
  unknownPeer: 2,
  notResponder: 3,
  versionUnsupported: 4,
  busy: 5,
  malformed: 6,
  /** Another gateway with the same key has the tunnel. */
  duplicate: 7,
} as const;

export const linkAddResult = {
  unspecified: 0,
  ok: 1,
  /** The responder holds as many paths as it can. */
  noMoreLinks: 2,
  /** For a reason that has no code of its own. */
  refused: 3,
  /** The responder has no link of that number, or it is down. */
  unknownLink: 4,
  /** The link has no address of the source address's family. */
  wrongFamily: 5,
} as const;

export const linkAuthenticateResult = {
  unspecified: 0,
  ok: 1,
  /** No session has such a path. */
  unknownPath: 2,
  wrongAnswer: 3,
  tooLate: 4,
  /** What came cannot be read, or has no place at that point. */
  malformed: 5,
} as const;

export const dropReason = {
  unspecified: 0,
  linkDown: 1,
  linkRemoved: 2,
  notNeeded: 3,
  /** Its two ends could not prove themselves to each other. */
  notAuthentic: 4,
} as const;

export const closeReason = {
  unspecified: 0,
  shutdown: 1,
  rekeyed: 2,
  replaced: 3,
  error: 4,
  /** The only message a gateway sends to one whose key it does not know. */
  unknownPeer: 5,
} as const;

/** Bits of the capabilities mask; what both sides set is in force. */
export const capability = {
  /** Inner packets may arrive with an unfinished transport checksum (ESP next header 253). */
  unfinishedChecksums: 1 << 0,
  /** The session came in at a port of TCP alone: paths' own connections go there too, UDP to the ports of the links. */
  tcpPort: 1 << 1,
  /** AGGFRAG payloads (ESP next header 144) are understood, and size probes are answered. */
  aggfrag: 1 << 2,
} as const;

/** ESP reserves the numbers below (RFC 4303 2.1). */
export const minSpi = 256;

/** Every IPv4 host must take a packet of this size (RFC 791 3.2); a tunnel narrower than that is a mistake. */
export const minInnerMtu = 576;

export const tunnelInstanceBytes = 16;
export const linkTicketBytes = 16;
export const challengeBytes = 32;
/** HMAC-SHA-256. */
export const proofBytes = 32;

/** Three times the longest link message, so that later versions may add fields; a stranger can make us hold so much. */
export const maxLinkMessageBytes = 256;

export type OpenRefusal = Exclude<keyof typeof openResult, 'ok'>;
export type LinkAddRefusal = Exclude<keyof typeof linkAddResult, 'ok'>;
export type LinkAuthenticateRefusal = Exclude<keyof typeof linkAuthenticateResult, 'ok'>;
export type DropReason = keyof typeof dropReason;
export type CloseReason = keyof typeof closeReason;

/** One address of one of the responder's links; a link has at most one of each family. */
export type LinkAddress = { readonly linkIndex: number; readonly endpoint: Endpoint };

export type TunnelOpenRequest = {
  readonly type: 'tunnelOpenRequest';
  readonly versionMin: number;
  readonly versionMax: number;
  /** 16 random bytes that name the initiator's run: another value means that it has started anew. */
  readonly tunnelInstance: Uint8Array;
  /** The SPI of packets towards the initiator. */
  readonly initiatorSpi: number;
  readonly capabilities: number;
  readonly innerMtu: number;
  /** Counts the TLS sessions of one tunnel instance, from 0. */
  readonly generation: number;
};

export type TunnelOpenReply =
  | {
      readonly type: 'tunnelOpenReply';
      readonly result: 'ok';
      readonly version: number;
      /** The SPI of packets towards the responder. */
      readonly responderSpi: number;
      /** What both sides can do. */
      readonly capabilities: number;
      /** The smaller one of both sides. */
      readonly innerMtu: number;
      /** The link that this very TCP connection came in on. */
      readonly sessionLinkIndex: number;
      readonly links: readonly LinkAddress[];
    }
  | { readonly type: 'tunnelOpenReply'; readonly result: OpenRefusal };

export type LinkAddRequest = {
  readonly type: 'linkAddRequest';
  readonly pathId: number;
  /** As the initiator sees it; behind NAT its packets come from elsewhere. */
  readonly sourceAddress: IpAddress;
  readonly wantedLinkIndex: number;
};

export type LinkAddReply =
  | {
      readonly type: 'linkAddReply';
      readonly pathId: number;
      readonly result: 'ok';
      readonly endpoint: Endpoint;
    }
  | { readonly type: 'linkAddReply'; readonly pathId: number; readonly result: LinkAddRefusal };

export type LinkDrop = { readonly type: 'linkDrop'; readonly pathId: number; readonly reason: DropReason };

/** The responder's links after a change. */
export type LinkList = { readonly type: 'linkList'; readonly links: readonly LinkAddress[] };

export type TunnelClose = { readonly type: 'tunnelClose'; readonly reason: CloseReason };

export type Keepalive = { readonly type: 'keepalive' };

export type KeepaliveReply = { readonly type: 'keepaliveReply' };

/** The first message on a path's own connection. */
export type LinkAuthenticateRequest = {
  readonly type: 'linkAuthenticateRequest';
  /** From the exporter of the session that the path was added in: tells which one that is. */
  readonly ticket: Uint8Array;
  readonly pathId: number;
  readonly challenge: Uint8Array;
};

export type LinkAuthenticateChallenge = {
  readonly type: 'linkAuthenticateChallenge';
  readonly challenge: Uint8Array;
};

export type LinkAuthenticateResponse = {
  readonly type: 'linkAuthenticateResponse';
  readonly proof: Uint8Array;
};

export type LinkAuthenticateResult =
  | { readonly type: 'linkAuthenticateResult'; readonly result: 'ok'; readonly proof: Uint8Array }
  | { readonly type: 'linkAuthenticateResult'; readonly result: LinkAuthenticateRefusal };

/** These travel on a path's own connection, the others in the session. */
export type LinkMessage =
  | LinkAuthenticateRequest
  | LinkAuthenticateChallenge
  | LinkAuthenticateResponse
  | LinkAuthenticateResult;

export type RequestMessage = TunnelOpenRequest | LinkAddRequest | Keepalive;
export type ReplyMessage = TunnelOpenReply | LinkAddReply | KeepaliveReply;
export type NoticeMessage = LinkDrop | LinkList | TunnelClose;
export type ControlMessage = RequestMessage | ReplyMessage | NoticeMessage | LinkMessage;
