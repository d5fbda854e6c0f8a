/**
 * The initiator's part of a control session: it opens the tunnel, then asks for a path for each pair of links.
 *
 *     opening ──Tunnel_Open_Reply {ok}──▶ open ──Link_Add_Reply, Link_Drop, Link_List, links changed──▶ open
 *        └──refusal, or no reply in time──▶ (ended)
 *
 * Contract: a path that could not be had is asked for again when the links of either side change, not before, and one
 * whose ends did not prove themselves after a pause; the tunnel works on with the others. Source: seed rows S4.3 to S4.5 and S4.11, figure 12.
 */
import type { Endpoint } from '../../network/ip-address.ts';
import type { Conversation } from './conversation.ts';
import { InitiatorPaths } from './initiator-paths.ts';
import { openingKey, sealingKey } from './key-schedule.ts';
import {
  capability,
  type LinkAddress,
  protocolVersion,
  type ReplyMessage,
  type RequestMessage,
  type TunnelOpenReply,
} from './messages.ts';
import type { ControlLink } from './path-mapping.ts';
import type { PathNumbers } from './path-numbers.ts';
import {
  defaultSessionTiming,
  type ProtocolError,
  type SessionEffect,
  type SessionTiming,
} from './session.ts';
import {
  endEffect,
  errorEffect,
  type PartMessage,
  SessionMachine,
  type SessionPart,
  sendEffect,
} from './session-machine.ts';

export type InitiatorSettings = {
  /** 16 random bytes, the same for all sessions of this run of the tunnel. */
  readonly tunnelInstance: Uint8Array;
  /** Counts the sessions of the instance. */
  readonly generation: number;
  /** Not used by another association of this gateway. */
  readonly inboundSpi: number;
  readonly capabilities: number;
  readonly innerMtu: number;
  readonly links: readonly ControlLink[];
  /** Where the connection goes to: it works, so it replaces what the responder believes of that link. */
  readonly dialled: Endpoint;
  /** The tunnel's own, over all its sessions. */
  readonly pathNumbers: PathNumbers;
  readonly timing?: SessionTiming;
};

export function createInitiator(settings: InitiatorSettings): SessionMachine {
  return new SessionMachine(new Initiator(settings), settings.timing ?? defaultSessionTiming);
}

type AcceptedOpen = Extract<TunnelOpenReply, { result: 'ok' }>;

class Initiator implements SessionPart {
  readonly #settings: InitiatorSettings;
  readonly #paths: InitiatorPaths;
  #talk!: Conversation;
  #sessionLinkIndex: number | undefined;
  /** The port that was dialled is not that of UDP. */
  #isTcpPort = false;

  constructor(settings: InitiatorSettings) {
    this.#settings = settings;
    this.#paths = new InitiatorPaths(settings.links, settings.pathNumbers);
  }

  connected(talk: Conversation, nowMillis: number): SessionEffect[] {
    this.#talk = talk;
    const { tunnelInstance, generation, inboundSpi, capabilities, innerMtu } = this.#settings;
    const request = talk.request(
      {
        type: 'tunnelOpenRequest',
        versionMin: protocolVersion.min,
        versionMax: protocolVersion.max,
        tunnelInstance,
        initiatorSpi: inboundSpi,
        capabilities,
        innerMtu,
        generation,
      },
      nowMillis,
    );
    return [sendEffect(request)];
  }

  message(_messageId: number, message: PartMessage, nowMillis: number): SessionEffect[] {
    if (this.#sessionLinkIndex === undefined)
      return [errorEffect({ kind: 'outOfOrder', message: message.type })];
    switch (message.type) {
      case 'linkDrop':
        return this.#paths.droppedByPeer(message);
      case 'linkList':
        return this.#paths.remotesChanged(this.#reachable(message.links), this.#talk, nowMillis);
      case 'tunnelOpenRequest':
      case 'linkAddRequest':
        return [errorEffect({ kind: 'outOfOrder', message: message.type })];
    }
  }

  reply(request: RequestMessage, reply: ReplyMessage, nowMillis: number): SessionEffect[] {
    switch (reply.type) {
      case 'tunnelOpenReply':
        return reply.result === 'ok'
          ? this.#opened(reply, nowMillis)
          : [endEffect({ kind: 'refusedByPeer', result: reply.result })];
      case 'linkAddReply':
        if (request.type !== 'linkAddRequest') return [];
        return this.#paths.answered(
          request,
          this.#reachableReply(reply, request.wantedLinkIndex),
          this.#talk,
        );
      case 'keepaliveReply':
        return [];
    }
  }

  noReply(request: RequestMessage): SessionEffect[] {
    if (request.type === 'linkAddRequest') return this.#paths.unanswered(request, this.#talk);
    return [endEffect({ kind: 'noReply', to: request.type })];
  }

  linksChanged(links: readonly ControlLink[], nowMillis: number): SessionEffect[] {
    return this.#paths.linksChanged(links, this.#talk, nowMillis);
  }

  pathRefuted(pathId: number, nowMillis: number): SessionEffect[] {
    return this.#paths.refuted(pathId, this.#talk, nowMillis);
  }

  tick(nowMillis: number): SessionEffect[] {
    return this.#paths.tick(this.#talk, nowMillis);
  }

  lastWords(_error: ProtocolError): SessionEffect[] {
    return [];
  }

  nextDeadline(): number {
    return this.#paths.nextDeadline();
  }

  #opened(reply: AcceptedOpen, nowMillis: number): SessionEffect[] {
    const wrong = this.#badAgreement(reply);
    if (wrong !== undefined) return [errorEffect({ kind: 'badAgreement', field: wrong })];
    this.#sessionLinkIndex = reply.sessionLinkIndex;
    this.#isTcpPort = (reply.capabilities & capability.tcpPort) !== 0;
    if (this.#isTcpPort) this.#paths.tcpPort = this.#settings.dialled.port;
    const { tunnelInstance, generation, inboundSpi } = this.#settings;
    const { version, capabilities, innerMtu, responderSpi: outboundSpi } = reply;
    const agreed = { version, capabilities, innerMtu };
    return [
      { type: 'deriveKeys', keys: openingKey('initiator', inboundSpi) },
      { type: 'deriveKeys', keys: sealingKey('initiator', outboundSpi) },
      {
        type: 'tunnelOpened',
        tunnel: { role: 'initiator', tunnelInstance, generation, inboundSpi, outboundSpi, ...agreed },
      },
      ...this.#paths.remotesChanged(this.#reachable(reply.links), this.#talk, nowMillis),
    ];
  }

  #badAgreement(reply: AcceptedOpen): 'version' | 'capabilities' | 'innerMtu' | undefined {
    if (reply.version < protocolVersion.min || reply.version > protocolVersion.max) return 'version';
    if ((reply.capabilities & ~this.#settings.capabilities) !== 0) return 'capabilities';
    return reply.innerMtu > this.#settings.innerMtu ? 'innerMtu' : undefined;
  }

  /** The responder may sit behind a NAT and not know its own address as it is seen from here. */
  #reachable(links: readonly LinkAddress[]): LinkAddress[] {
    return links.map((link) => ({ ...link, endpoint: this.#reachableEndpoint(link) }));
  }

  #reachableReply(reply: Extract<ReplyMessage, { type: 'linkAddReply' }>, linkIndex: number) {
    if (reply.result !== 'ok') return reply;
    return { ...reply, endpoint: this.#reachableEndpoint({ linkIndex, endpoint: reply.endpoint }) };
  }

  #reachableEndpoint({ linkIndex, endpoint }: LinkAddress): Endpoint {
    const { dialled } = this.#settings;
    const isDialled =
      linkIndex === this.#sessionLinkIndex && endpoint.address.family === dialled.address.family;
    if (!isDialled) return endpoint;
    return this.#isTcpPort ? { ...dialled, port: endpoint.port } : dialled;
  }
}
