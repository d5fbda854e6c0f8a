/**
 * The paths of one tunnel as the main thread knows them, and the worker told of them.
 *
 * Contract: a path keeps its number, counters and journal over sessions and address changes. `refresh` starts those anew
 * whose socket is another one. The worker decides whether a path carries; here that is only recorded.
 */
import type { PathStatus } from '../api/status.ts';
import type { LinkConfig } from '../config/index.ts';
import { openCounters, pathCounters, readCounters } from '../dataplane/counters.ts';
import type { RemoteAddress, WorkerEvent } from '../dataplane/protocol.ts';
import { type Endpoint, formatEndpoint, type IpFamily, ipAddressOf } from '../network/ip-address.ts';
import type { SessionPath } from '../tunnel/control/session.ts';
import type { PathState } from '../tunnel/path/path.ts';
import { type GatewayContext, monotonicMillis } from './context.ts';
import { socketId } from './link-sockets.ts';
import { linkWeights } from './link-weights.ts';
import type { Links } from './links.ts';
import { describeCarrierChange, describeMtuChange, PathJournal, roundMicros } from './path-journal.ts';

type KnownPath = {
  readonly id: number;
  readonly link: string;
  readonly socket: number;
  readonly counters: SharedArrayBuffer;
  readonly journal: PathJournal;
  local: string;
  remote: string;
  state: PathState;
  since: string;
  /** Monotonic. */
  changedAtMillis: number;
  /** It is of an earlier session, and this one has not asked for it. */
  stale: boolean;
  /** What the worker was told. */
  weight: number;
};

/** An idle path is asked each keepalive, by one side or the other; the answer takes its time. */
const LATE_KEEPALIVES = 1.5;
/** Idle paths with the default keepalive find out within a second of each other. */
const PEER_OPEN_MILLIS = 2_000;

/** `roundTripMillis` is 0 before it was measured. */
export type PathSight = { readonly state: PathState; readonly roundTripMillis: number };

export class TunnelPaths {
  readonly #context: GatewayContext;
  readonly #links: Links;
  readonly #tunnel: number;
  readonly #name: string;
  readonly #weights: ReadonlyMap<string, number>;
  readonly #removed: (pathId: number) => void;
  readonly #paths = new Map<number, KnownPath>();

  /** @param removed called for every path that goes, whatever the reason */
  constructor(
    context: GatewayContext,
    links: Links,
    tunnel: number,
    name: string,
    linkNames: readonly string[],
    removed: (pathId: number) => void,
  ) {
    this.#context = context;
    this.#links = links;
    this.#tunnel = tunnel;
    this.#name = name;
    this.#removed = removed;
    this.#weights = linkWeights(linkNames.flatMap((link) => links.config(link) ?? []));
  }

  /** How many carry. */
  get upCount(): number {
    return [...this.#paths.values()].filter(carries).length;
  }

  /** What they know of a link, by the best of those over it; undefined where none is laid. */
  over(link: string): PathSight | undefined {
    const paths = this.#pathsOn(link);
    const best = paths.find(({ state }) => state === 'up') ?? paths.find(carries) ?? paths[0];
    if (best === undefined) return undefined;
    const { roundTripMillis } = readCounters(pathCounters, best.counters);
    return { state: best.state, roundTripMillis };
  }

  /**
   * What the paths over the other links say of the peer; undefined where none is laid. A peer that dies is found out on one path after the
   * other: whether it lives is open until another path was heard when a dead one ought to have been, or had its time.
   */
  beside(link: string): 'carry' | 'silent' | 'open' | undefined {
    const others = [...this.#paths.values()].filter((path) => path.link !== link);
    if (others.length === 0) return undefined;
    const alive = others.filter(carries);
    if (alive.length === 0) return 'silent';
    const own = this.#pathsOn(link);
    const latest = Math.max(...own.map(({ changedAtMillis }) => changedAtMillis));
    if (own.length === 0 || own.some(carries) || monotonicMillis() - latest > PEER_OPEN_MILLIS)
      return 'carry';
    const dueAtMillis = Math.max(...own.map(heardAtMillis)) + this.#keepaliveMillis(link) * LATE_KEEPALIVES;
    return alive.some((path) => heardAtMillis(path) > dueAtMillis) ? 'carry' : 'open';
  }

  get size(): number {
    return this.#paths.size;
  }

  has(pathId: number): boolean {
    return this.#paths.has(pathId);
  }

  add(path: SessionPath): void {
    const linkIndex = this.#links.indexOf(path.localLink);
    const link = this.#links.config(path.localLink);
    if (linkIndex < 0 || link === undefined) return;
    const place = placeOf(path);
    const socket = socketId(linkIndex, place.family);
    const known = this.#paths.get(path.pathId);
    if (known === undefined || known.socket !== socket || known.link !== path.localLink) {
      if (known !== undefined) this.remove(path.pathId, 'It was laid over another link.');
      this.#addNew(path.pathId, link, socket, place, path.role === 'initiator');
      return;
    }
    known.stale = false;
    const unchanged =
      known.local === place.local && (place.remote === undefined || known.remote === place.remoteText);
    known.local = place.local;
    if (unchanged) return;
    if (place.remote !== undefined) known.remote = place.remoteText;
    this.#move(known, place.remote);
  }

  remove(pathId: number, reason: string): void {
    const path = this.#paths.get(pathId);
    if (path === undefined) return;
    this.#paths.delete(pathId);
    this.#context.worker.send({ kind: 'removePath', tunnel: this.#tunnel, path: pathId });
    this.#shareLink(path.link);
    this.#context.record({ kind: 'pathRemoved', subject: this.#subject(path), evidence: { reason } });
    this.#removed(pathId);
  }

  removeOver(link: string, reason: string): void {
    for (const { id } of this.#pathsOn(link)) this.remove(id, reason);
  }

  removeAll(reason: string): void {
    for (const id of [...this.#paths.keys()]) this.remove(id, reason);
  }

  /** A new session asks for the paths that it wants; the others wait for `removeStale`. */
  sessionOpened(): void {
    for (const path of this.#paths.values()) path.stale = true;
  }

  removeStale(reason: string): void {
    for (const path of [...this.#paths.values()]) if (path.stale) this.remove(path.id, reason);
  }

  /** Sockets were opened or closed: their paths start anew. */
  refresh(sockets: ReadonlySet<number>): void {
    const addresses = new Map(
      this.#links
        .families()
        .map(({ linkIndex, family, address }) => [socketId(linkIndex, family), address.text]),
    );
    for (const path of this.#paths.values()) {
      if (!sockets.has(path.socket)) continue;
      path.local = addresses.get(path.socket) ?? path.local;
      this.#move(path, undefined);
    }
  }

  stateChanged(event: Extract<WorkerEvent, { kind: 'pathState' }>): void {
    const path = this.#paths.get(event.path);
    if (path === undefined) return;
    path.state = event.to;
    path.since = new Date().toISOString();
    path.changedAtMillis = monotonicMillis();
    this.#shareLink(path.link);
    path.journal.changed({ ...event, local: path.local, remote: path.remote }, monotonicMillis());
  }

  /** The packet worker left a path out because the tunnel was faster without it, or uses it again. */
  guarded(event: Extract<WorkerEvent, { kind: 'pathGuarded' }>): void {
    const path = this.#paths.get(event.path);
    if (path === undefined) return;
    const subject = this.#subject(path);
    if (!event.demoted) return this.#context.record({ kind: 'pathRestored', subject, evidence: {} });
    const [withBps, withoutBps, bestBps] = [event.withIt, event.withoutIt, event.best].map((rate) =>
      Math.round(rate * 8),
    ) as [number, number, number];
    const evidence = { withBps, withoutBps, bestBps, pauseMillis: event.pauseMillis };
    this.#context.record({ kind: 'pathDemoted', subject, evidence });
  }

  carrierChanged({ path: pathId, to, evidence }: Extract<WorkerEvent, { kind: 'pathCarrier' }>): void {
    const path = this.#paths.get(pathId);
    if (path === undefined) return;
    const { cause, answeredTrials, lastHeardMillisAgo } = evidence;
    this.#context.record({
      kind: 'pathCarrierChanged',
      subject: this.#subject(path),
      evidence: {
        before: to === 'tcp' ? 'udp' : 'tcp',
        after: to,
        reason: describeCarrierChange(cause, to),
        answeredTrials,
        lastHeardMillis: roundMicros(lastHeardMillisAgo),
      },
    });
  }

  mtuChanged({ path: pathId, before, after, cause }: Extract<WorkerEvent, { kind: 'pathMtu' }>): void {
    const path = this.#paths.get(pathId);
    if (path === undefined) return;
    const evidence = { before, after, reason: describeMtuChange(cause) };
    this.#context.record({ kind: 'pathMtuChanged', subject: this.#subject(path), evidence });
  }

  moved(pathId: number, remote: RemoteAddress): void {
    const path = this.#paths.get(pathId);
    if (path === undefined) return;
    const after = formatEndpoint({ address: ipAddressOf(remote.address), port: remote.port });
    const before = path.remote;
    path.remote = after;
    if (before === '' || before === after) return;
    this.#context.record({ kind: 'pathMoved', subject: this.#subject(path), evidence: { before, after } });
  }

  status(): PathStatus[] {
    const paths = [...this.#paths.values()].sort((one, other) => one.id - other.id);
    const figures = paths.map((path) => readCounters(pathCounters, path.counters));
    const carried = figures.reduce((sum, figure) => sum + figure.sentDataBytes + figure.receivedBytes, 0);
    return paths.map((path, index) => {
      const figure = figures[index] as (typeof figures)[number];
      const measured = figure.roundTripMillis > 0;
      return {
        id: path.id,
        link: path.link,
        local: path.local,
        remote: path.remote,
        state: path.state,
        carrier: figure.byTcp === 1 ? 'tcp' : 'udp',
        since: path.since,
        ...(measured && {
          rttMillis: roundMicros(figure.roundTripMillis),
          rttVarMillis: roundMicros(figure.roundTripVariationMillis),
        }),
        ...(figure.mtu > 0 && { mtu: figure.mtu }),
        ...(figure.demoted === 1 && { leftOut: true as const }),
        ...(figure.lineRate > 0 && { rateBps: Math.round(figure.lineRate * 8) }),
        ...(measured && {
          queueMillis: roundMicros(Math.max(0, figure.lineQueueMillis)),
          lossRatio: roundMicros(figure.lineLoss),
        }),
        ...(measured && {
          lastHeardMillis: roundMicros(Math.max(0, workerMillis() - figure.lastHeardAtMillis)),
        }),
        txPackets: figure.sentPackets,
        txBytes: figure.sentBytes,
        rxPackets: figure.receivedPackets,
        rxBytes: figure.receivedBytes,
        share: carried === 0 ? 0 : roundMicros((figure.sentDataBytes + figure.receivedBytes) / carried),
      };
    });
  }

  #addNew(id: number, link: LinkConfig, socket: number, place: Place, initiates: boolean): void {
    const counters = openCounters(pathCounters);
    const subject = { type: 'path', tunnel: this.#name, id, link: link.name } as const;
    const path: KnownPath = {
      id,
      link: link.name,
      socket,
      counters,
      journal: new PathJournal(subject, this.#context.record),
      local: place.local,
      remote: place.remoteText,
      state: 'probing',
      since: new Date().toISOString(),
      changedAtMillis: monotonicMillis(),
      stale: false,
      weight: this.#weightOn(link.name),
    };
    this.#paths.set(id, path);
    this.#context.worker.send({
      kind: 'addPath',
      tunnel: this.#tunnel,
      path: id,
      link: this.#links.indexOf(link.name),
      socket,
      remote: place.remote,
      keepaliveMillis: link.keepaliveMillis,
      weight: path.weight,
      rate: link.rateBps === undefined ? undefined : link.rateBps / 8,
      mtu: link.mtu,
      encapsulation: link.encapsulation,
      initiates,
      counters,
    });
    this.#context.record({
      kind: 'pathAdded',
      subject: this.#subject(path),
      evidence: { local: path.local, remote: path.remote || 'not known yet' },
    });
  }

  /** All paths of a link that carry weigh together what the link does. */
  #weightOn(link: string): number {
    return (this.#weights.get(link) ?? 1) / Math.max(1, this.#pathsOn(link).filter(carries).length);
  }

  #keepaliveMillis(link: string): number {
    return this.#links.config(link)?.keepaliveMillis ?? 0;
  }

  #pathsOn(link: string): KnownPath[] {
    return [...this.#paths.values()].filter((path) => path.link === link);
  }

  /** A path came or went: the link's others have less or more of it. */
  #shareLink(link: string): void {
    const weight = this.#weightOn(link);
    for (const path of this.#pathsOn(link)) {
      if (path.weight === weight) continue;
      path.weight = weight;
      this.#context.worker.send({ kind: 'weightPath', tunnel: this.#tunnel, path: path.id, weight });
    }
  }

  #move(path: KnownPath, remote: RemoteAddress | undefined): void {
    const { id, socket } = path;
    this.#context.worker.send({ kind: 'movePath', tunnel: this.#tunnel, path: id, socket, remote });
  }

  #subject(path: KnownPath) {
    return { type: 'path', tunnel: this.#name, id: path.id, link: path.link } as const;
  }
}

function carries({ state }: KnownPath): boolean {
  return state === 'up' || state === 'suspect';
}

/** Comparable between the paths. */
function heardAtMillis({ counters }: KnownPath): number {
  return readCounters(pathCounters, counters).lastHeardAtMillis;
}

type Place = {
  readonly family: IpFamily;
  readonly local: string;
  readonly remote: RemoteAddress | undefined;
  readonly remoteText: string;
};

function placeOf(path: SessionPath): Place {
  if (path.role === 'responder') {
    // Where the initiator's packets come from is learnt from the first of them: it may be behind a NAT.
    const { local } = path;
    return { family: local.address.family, local: local.address.text, remote: undefined, remoteText: '' };
  }
  const { localAddress, remote } = path;
  const bytes: Endpoint = remote;
  return {
    family: localAddress.family,
    local: localAddress.text,
    remote: { address: bytes.address.bytes, port: bytes.port },
    remoteText: formatEndpoint(remote),
  };
}

/** Now, as the worker stamps it (`publishPath`). */
function workerMillis(): number {
  return performance.timeOrigin + performance.now();
}
