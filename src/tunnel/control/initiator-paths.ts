/**
 * The initiator's paths of one session: which are asked for, which stand, which go.
 *
 *     asking ──reply ok──▶ standing ──address changes──▶ asking
 *        └──refused, no reply──▶ (none)      ├──not wanted any more──▶ retiring ──nothing asked for──▶ (none)
 *                                            └──a wrong proof──▶ (none, for a pause)
 *
 * Contract: paths of links that are gone are dropped at once; paths that only the new mapping does not want any more
 * stay until every new one is answered (make before break).
 */
import type { Conversation } from './conversation.ts';
import type { DropReason, LinkAddReply, LinkAddRequest, LinkAddress, LinkDrop } from './messages.ts';
import { type ControlLink, mapPaths, type PathPair, placeOf } from './path-mapping.ts';
import type { PathNumbers } from './path-numbers.ts';
import { maxPaths, type SessionEffect } from './session.ts';
import { errorEffect, journalEffect, sendEffect } from './session-machine.ts';

type Path = {
  readonly pathId: number;
  pair: PathPair;
  /** The request whose reply counts. */
  asked: LinkAddRequest | undefined;
  isStanding: boolean;
  isRetiring: boolean;
};

/**
 * A wrong proof may be one forged packet: the path must come back by itself, and whoever forges must not make the two ends
 * add and drop paths without a pause.
 */
const refutedPauseMillis = 30_000;

export class InitiatorPaths {
  /** Of the paths' own connections, where it is not that of UDP. */
  tcpPort: number | undefined;

  readonly #numbers: PathNumbers;
  readonly #paths = new Map<number, Path>();
  /** When paths that were refuted are asked for again. */
  readonly #resting = new Map<number, number>();
  #links: readonly ControlLink[];
  /** Undefined until the tunnel is open. */
  #remotes: readonly LinkAddress[] | undefined;

  constructor(links: readonly ControlLink[], numbers: PathNumbers) {
    this.#links = links;
    this.#numbers = numbers;
  }

  linksChanged(links: readonly ControlLink[], talk: Conversation, nowMillis: number): SessionEffect[] {
    this.#links = links;
    return this.#remotes === undefined ? [] : this.#plan(this.#remotes, talk, nowMillis);
  }

  remotesChanged(remotes: readonly LinkAddress[], talk: Conversation, nowMillis: number): SessionEffect[] {
    this.#remotes = remotes;
    return this.#plan(remotes, talk, nowMillis);
  }

  answered(request: LinkAddRequest, reply: LinkAddReply, talk: Conversation): SessionEffect[] {
    if (reply.pathId !== request.pathId) return [errorEffect({ kind: 'badAgreement', field: 'pathId' })];
    const path = this.#paths.get(request.pathId);
    if (path?.asked !== request) return [];
    if (reply.result !== 'ok') return this.#refused(path, reply.result, talk);
    if (reply.endpoint.address.family !== request.sourceAddress.family) {
      return [errorEffect({ kind: 'badAgreement', field: 'endpoint' })];
    }
    path.asked = undefined;
    path.isStanding = true;
    path.pair = { ...path.pair, remote: reply.endpoint };
    const { pathId, pair } = path;
    const { tcpPort } = this;
    const added = { role: 'initiator', pathId, ...pair, ...(tcpPort !== undefined && { tcpPort }) } as const;
    return [{ type: 'pathAdded', path: added }, ...this.#retire(talk)];
  }

  unanswered(request: LinkAddRequest, talk: Conversation): SessionEffect[] {
    const path = this.#paths.get(request.pathId);
    return path?.asked === request ? this.#refused(path, 'noReply', talk) : [];
  }

  droppedByPeer({ pathId, reason }: LinkDrop): SessionEffect[] {
    const path = this.#paths.get(pathId);
    if (path === undefined) return [journalEffect({ kind: 'unknownPath', pathId })];
    this.#paths.delete(pathId);
    return path.isStanding ? [{ type: 'pathDropped', pathId, reason }] : [];
  }

  /** The path is dropped on both sides; it is asked for again after a pause. */
  refuted(pathId: number, talk: Conversation, nowMillis: number): SessionEffect[] {
    const path = this.#paths.get(pathId);
    if (path === undefined) return [];
    this.#resting.set(pathId, nowMillis + refutedPauseMillis);
    return [...this.#drop(path, 'notAuthentic', talk), ...this.#retire(talk)];
  }

  tick(talk: Conversation, nowMillis: number): SessionEffect[] {
    const rested = [...this.#resting].filter(([, deadline]) => deadline <= nowMillis);
    for (const [pathId] of rested) this.#resting.delete(pathId);
    if (rested.length === 0 || this.#remotes === undefined) return [];
    return this.#plan(this.#remotes, talk, nowMillis);
  }

  nextDeadline(): number {
    return Math.min(...this.#resting.values());
  }

  #plan(remotes: readonly LinkAddress[], talk: Conversation, nowMillis: number): SessionEffect[] {
    const existing = [...this.#paths.values()]
      .filter((path) => !path.isRetiring)
      .map((path) => placeOf(path.pair));
    const wanted = mapPaths(this.#links, remotes, existing).slice(0, maxPaths);
    const wantedIds = new Set(wanted.map((pair) => this.#numbers.numberOf(placeOf(pair))));
    const unwanted = [...this.#paths.values()].filter((path) => !wantedIds.has(path.pathId));
    for (const path of unwanted) path.isRetiring = true;
    const gone = unwanted.filter((path) => !this.#hasBothEnds(path.pair, remotes));
    return [
      ...gone.flatMap((path) => this.#drop(path, 'linkDown', talk)),
      ...wanted.flatMap((pair) => this.#ask(pair, talk, nowMillis)),
      ...this.#retire(talk),
    ];
  }

  #ask(pair: PathPair, talk: Conversation, nowMillis: number): SessionEffect[] {
    const pathId = this.#numbers.numberOf(placeOf(pair));
    if (this.#resting.has(pathId)) return [];
    const path = this.#paths.get(pathId);
    if (path !== undefined) path.isRetiring = false;
    if (path !== undefined && hasSameAddresses(path.pair, pair)) return [];
    const asked: LinkAddRequest = {
      type: 'linkAddRequest',
      pathId,
      sourceAddress: pair.localAddress,
      wantedLinkIndex: pair.remoteLinkIndex,
    };
    this.#paths.set(pathId, {
      pathId,
      pair,
      asked,
      isStanding: path?.isStanding ?? false,
      isRetiring: false,
    });
    return [sendEffect(talk.request(asked, nowMillis))];
  }

  #refused(
    path: Path,
    reason: Extract<SessionEffect, { type: 'pathRefused' }>['reason'],
    talk: Conversation,
  ): SessionEffect[] {
    const { pathId } = path;
    this.#paths.delete(pathId);
    const refused: SessionEffect = { type: 'pathRefused', pathId, reason };
    // The responder may have made the path and its answer may be late: then it must go there too.
    const takenBack = reason === 'noReply' ? [sendEffect(talk.notice(dropNotice(pathId, 'notNeeded')))] : [];
    return [refused, ...takenBack, ...this.#retire(talk)];
  }

  /** Paths that have been replaced go as soon as nothing is asked for any more. */
  #retire(talk: Conversation): SessionEffect[] {
    const paths = [...this.#paths.values()];
    if (paths.some((path) => path.asked !== undefined && !path.isRetiring)) return [];
    return paths.filter((path) => path.isRetiring).flatMap((path) => this.#drop(path, 'notNeeded', talk));
  }

  #drop({ pathId, isStanding }: Path, reason: DropReason, talk: Conversation): SessionEffect[] {
    this.#paths.delete(pathId);
    const notice = sendEffect(talk.notice(dropNotice(pathId, reason)));
    return isStanding ? [{ type: 'pathDropped', pathId, reason }, notice] : [notice];
  }

  #hasBothEnds({ localLink, remoteLinkIndex, remote }: PathPair, remotes: readonly LinkAddress[]): boolean {
    const { family } = remote.address;
    return (
      this.#links.some(
        (link) => link.name === localLink && link.addresses.some((one) => one.family === family),
      ) && remotes.some((one) => one.linkIndex === remoteLinkIndex && one.endpoint.address.family === family)
    );
  }
}

function dropNotice(pathId: number, reason: DropReason): LinkDrop {
  return { type: 'linkDrop', pathId, reason };
}

function hasSameAddresses(one: PathPair, other: PathPair): boolean {
  return (
    one.localAddress.text === other.localAddress.text &&
    one.remote.address.text === other.remote.address.text &&
    one.remote.port === other.remote.port
  );
}
