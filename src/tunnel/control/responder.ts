/**
 * The responder's part of a control session: it answers an initiator whose key is already known to be the pinned one.
 *
 *     waiting ──Tunnel_Open_Request──▶ open ──Link_Add_Request, Link_Drop──▶ open
 *        └──refusal, or no request in time──▶ (ended)
 *
 * Contract: keys and paths are announced to the caller before the peer is answered, so that the first packet finds
 * its association. Source: seed rows S4.3 and S4.4, figure 12.
 */
import type { Endpoint } from '../../network/ip-address.ts';
import type { Conversation } from './conversation.ts';
import { openingKey, sealingKey } from './key-schedule.ts';
import {
  type LinkAddRefusal,
  type LinkAddReply,
  type LinkAddRequest,
  type LinkAddress,
  type LinkDrop,
  messageType,
  type OpenRefusal,
  protocolVersion,
  type TunnelOpenRequest,
} from './messages.ts';
import type { ControlLink } from './path-mapping.ts';
import {
  defaultSessionTiming,
  maxPaths,
  type ProtocolError,
  type SessionEffect,
  type SessionPath,
  type SessionTiming,
} from './session.ts';
import {
  endEffect,
  errorEffect,
  journalEffect,
  type PartMessage,
  SessionMachine,
  type SessionPart,
  sendEffect,
} from './session-machine.ts';

export type ResponderSettings = {
  /** What a request for this tunnel is to be answered. */
  readonly verdict: 'ok' | Extract<OpenRefusal, 'unknownPeer' | 'notResponder' | 'busy'>;
  /** Whether another instance has taken the tunnel over from this one, and holds it now. */
  readonly isReplaced?: (tunnelInstance: Uint8Array) => boolean;
  /** Not used by another association of this gateway. */
  readonly inboundSpi: number;
  readonly capabilities: number;
  readonly innerMtu: number;
  readonly links: readonly ControlLink[];
  /** The link that the connection came in on. */
  readonly sessionLinkIndex: number;
  readonly timing?: SessionTiming;
};

export function createResponder(settings: ResponderSettings): SessionMachine {
  const timing = settings.timing ?? defaultSessionTiming;
  return new SessionMachine(new Responder(settings, timing), timing);
}

type ResponderPath = Extract<SessionPath, { role: 'responder' }>;

class Responder implements SessionPart {
  readonly #settings: ResponderSettings;
  readonly #timing: SessionTiming;
  readonly #paths = new Map<number, ResponderPath>();
  #links: readonly ControlLink[];
  #talk!: Conversation;
  #isOpen = false;
  #openDeadlineMillis = Infinity;

  constructor(settings: ResponderSettings, timing: SessionTiming) {
    this.#settings = settings;
    this.#timing = timing;
    this.#links = settings.links;
  }

  connected(talk: Conversation, nowMillis: number): SessionEffect[] {
    this.#talk = talk;
    this.#openDeadlineMillis = nowMillis + this.#timing.replyTimeoutMillis;
    return [];
  }

  message(messageId: number, message: PartMessage): SessionEffect[] {
    const isInOrder = (message.type === 'tunnelOpenRequest') !== this.#isOpen;
    if (!isInOrder) return [errorEffect({ kind: 'outOfOrder', message: message.type })];
    switch (message.type) {
      case 'tunnelOpenRequest':
        return this.#open(messageId, message);
      case 'linkAddRequest':
        return this.#addPath(messageId, message);
      case 'linkDrop':
        return this.#dropPath(message);
      case 'linkList':
        return [errorEffect({ kind: 'outOfOrder', message: message.type })];
    }
  }

  /** The responder asks nothing but keepalives, and the conversation keeps those to itself. */
  reply(): SessionEffect[] {
    return [];
  }

  noReply(): SessionEffect[] {
    return [endEffect({ kind: 'noReply', to: 'keepalive' })];
  }

  linksChanged(links: readonly ControlLink[]): SessionEffect[] {
    this.#links = links;
    if (!this.#isOpen) return [];
    const lost = [...this.#paths.values()].filter((path) => this.#localEndpoint(path) === undefined);
    for (const path of lost) this.#paths.delete(path.pathId);
    return [
      ...lost.map(({ pathId }): SessionEffect => ({ type: 'pathDropped', pathId, reason: 'linkDown' })),
      sendEffect(this.#talk.notice({ type: 'linkList', links: linkAddresses(links) })),
    ];
  }

  /** Who called the path's connection may be anybody: only the initiator can tell that a wrong answer was the responder's. */
  pathRefuted(): SessionEffect[] {
    return [];
  }

  tick(nowMillis: number): SessionEffect[] {
    return nowMillis < this.#openDeadlineMillis ? [] : [endEffect({ kind: 'noRequest' })];
  }

  lastWords(error: ProtocolError): SessionEffect[] {
    if (this.#isOpen || error.kind !== 'badMessage' || error.messageType !== messageType.tunnelOpenRequest)
      return [];
    return [sendEffect(this.#talk.reply(error.messageId, { type: 'tunnelOpenReply', result: 'malformed' }))];
  }

  nextDeadline(): number {
    return this.#openDeadlineMillis;
  }

  #open(messageId: number, request: TunnelOpenRequest): SessionEffect[] {
    const version = Math.min(protocolVersion.max, request.versionMax);
    const isVersionCommon = version >= Math.max(protocolVersion.min, request.versionMin);
    const { verdict, inboundSpi, innerMtu, capabilities, sessionLinkIndex } = this.#settings;
    if (verdict !== 'ok') return this.#refuse(messageId, verdict);
    if (this.#settings.isReplaced?.(request.tunnelInstance)) return this.#refuse(messageId, 'duplicate');
    if (!isVersionCommon) return this.#refuse(messageId, 'versionUnsupported');

    this.#isOpen = true;
    this.#openDeadlineMillis = Infinity;
    const agreed = {
      version,
      capabilities: (request.capabilities & capabilities) >>> 0,
      innerMtu: Math.min(request.innerMtu, innerMtu),
    };
    const { tunnelInstance, generation, initiatorSpi: outboundSpi } = request;
    const tunnel = {
      role: 'responder',
      tunnelInstance,
      generation,
      inboundSpi,
      outboundSpi,
      ...agreed,
    } as const;
    const links = linkAddresses(this.#links);
    const reply = {
      type: 'tunnelOpenReply',
      result: 'ok',
      responderSpi: inboundSpi,
      sessionLinkIndex,
      links,
      ...agreed,
    } as const;
    return [
      { type: 'deriveKeys', keys: openingKey('responder', inboundSpi) },
      { type: 'deriveKeys', keys: sealingKey('responder', outboundSpi) },
      { type: 'tunnelOpened', tunnel },
      sendEffect(this.#talk.reply(messageId, reply)),
    ];
  }

  #refuse(messageId: number, result: OpenRefusal): SessionEffect[] {
    const reply = this.#talk.reply(messageId, { type: 'tunnelOpenReply', result });
    return [sendEffect(reply), endEffect({ kind: 'refusedHere', result })];
  }

  #addPath(messageId: number, request: LinkAddRequest): SessionEffect[] {
    const { pathId, sourceAddress: claimedRemote } = request;
    const link = this.#links.find((candidate) => candidate.index === request.wantedLinkIndex);
    const hasRoom = this.#paths.has(pathId) || this.#paths.size < maxPaths;
    if (!hasRoom) return this.#refusePath(messageId, pathId, 'noMoreLinks');
    if (link === undefined) return this.#refusePath(messageId, pathId, 'unknownLink');
    const local = endpointOf(link, claimedRemote.family);
    if (local === undefined) return this.#refusePath(messageId, pathId, 'wrongFamily');
    const path: ResponderPath = { role: 'responder', pathId, localLink: link.name, local, claimedRemote };
    this.#paths.set(pathId, path);
    return [{ type: 'pathAdded', path }, this.#replyTo(messageId, { pathId, result: 'ok', endpoint: local })];
  }

  /** A path that stood and was to change goes: the initiator takes it for gone. */
  #refusePath(messageId: number, pathId: number, result: LinkAddRefusal): SessionEffect[] {
    const dropped: SessionEffect[] = this.#paths.delete(pathId)
      ? [{ type: 'pathDropped', pathId, reason: 'notNeeded' }]
      : [];
    return [...dropped, this.#replyTo(messageId, { pathId, result })];
  }

  #dropPath({ pathId, reason }: LinkDrop): SessionEffect[] {
    const isKnown = this.#paths.delete(pathId);
    return isKnown
      ? [{ type: 'pathDropped', pathId, reason }]
      : [journalEffect({ kind: 'unknownPath', pathId })];
  }

  #replyTo(messageId: number, reply: DistributiveOmit<LinkAddReply, 'type'>): SessionEffect {
    return sendEffect(this.#talk.reply(messageId, { type: 'linkAddReply', ...reply }));
  }

  #localEndpoint(path: ResponderPath): Endpoint | undefined {
    const link = this.#links.find((candidate) => candidate.name === path.localLink);
    return link === undefined ? undefined : endpointOf(link, path.claimedRemote.family);
  }
}

type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never;

function linkAddresses(links: readonly ControlLink[]): LinkAddress[] {
  return links.flatMap(({ index, addresses, port }) =>
    addresses.map((address) => ({ linkIndex: index, endpoint: { address, port } })),
  );
}

function endpointOf(link: ControlLink, family: 4 | 6): Endpoint | undefined {
  const address = link.addresses.find((candidate) => candidate.family === family);
  return address === undefined ? undefined : { address, port: link.port };
}
