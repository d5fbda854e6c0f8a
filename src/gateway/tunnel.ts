/**
 * One configured tunnel at runtime: its device, its control sessions, its keys and paths, and the journal of them.
 *
 * Contract: packets flow while any path carries, with or without a living control session; a new session brings new keys
 * (make before break). An initiator dials by its plan, a responder takes what `accept` is given.
 * Source: S4.1, S4.4, S4.11, S4.12.
 */
import { randomBytes } from 'node:crypto';
import type { TunnelConfig } from '../config/index.ts';
import { openCounters, tunnelCounters } from '../dataplane/counters.ts';
import type { WorkerEvent } from '../dataplane/protocol.ts';
import type { ControlSession } from '../linux/control-channel.ts';
import type { TunDevice } from '../linux/tun.ts';
import type { DesiredTunnelDevice } from '../network/desired-state.ts';
import { type Endpoint, networkOf } from '../network/ip-address.ts';
import { createInitiator } from '../tunnel/control/initiator.ts';
import type { EspKey } from '../tunnel/control/key-schedule.ts';
import { type CloseReason, capability } from '../tunnel/control/messages.ts';
import { PathNumbers } from '../tunnel/control/path-numbers.ts';
import { PeerRuns } from '../tunnel/control/peer-runs.ts';
import { createResponder } from '../tunnel/control/responder.ts';
import { defaultSessionTiming, type OpenedTunnel, type SessionPath } from '../tunnel/control/session.ts';
import type { SessionMachine } from '../tunnel/control/session-machine.ts';
import { Associations, type SpiPool } from './associations.ts';
import { classRule } from './class-rule.ts';
import { type GatewayContext, monotonicMillis } from './context.ts';
import type { Links } from './links.ts';
import { type PathSecret, PathStreams } from './path-streams.ts';
import { type RunEnd, SessionRunner } from './session-runner.ts';
import { describeEnd, describeNote, describePathEnd, describeUnmet } from './session-words.ts';
import { TunnelPaths } from './tunnel-paths.ts';
import { TunnelStanding } from './tunnel-standing.ts';

const TUNNEL_INSTANCE_BYTES = 16;
const CAPABILITIES = capability.unfinishedChecksums | capability.aggfrag;

/** How a session may end that the operator should know about; the others show in what follows. */
const journalledEnds: ReadonlySet<RunEnd['kind']> = new Set([
  'failedHere',
  'protocolError',
  'refusedByPeer',
  'refusedHere',
]);

/** After so long every path that a new session asks for was answered, or will never be. */
const STALE_PATHS_MILLIS = defaultSessionTiming.replyTimeoutMillis + 2_000;

/** A TUN device's queue counts superpackets; so many of 64 KiB are 30 MB, some milliseconds at full speed. */
const DEVICE_QUEUE_PACKETS = 500;
const DEVICE_GSO_BYTES = 65_536;

export type TunnelParts = {
  readonly context: GatewayContext;
  readonly links: Links;
  readonly spis: SpiPool;
  /** `later`: the peer has just left, and is back in half a second at the earliest. */
  readonly wantsSession: (when: 'now' | 'later') => void;
  readonly mtuAgreed: () => void;
};

export class Tunnel {
  readonly id: number;
  readonly config: TunnelConfig;
  readonly role: 'initiator' | 'responder';
  readonly paths: TunnelPaths;
  readonly streams: PathStreams;
  readonly counters = openCounters(tunnelCounters);
  readonly standing: TunnelStanding;
  generation = 0;
  /** Monotonic. */
  rekeyedAtMillis: number | undefined;
  peerAddress: string | undefined;
  /** Largest inner packet: the smaller of the two ends' wishes. */
  mtu: number;

  readonly #context: GatewayContext;
  readonly #links: Links;
  readonly #spis: SpiPool;
  readonly #associations: Associations;
  readonly #pathNumbers = new PathNumbers();
  readonly #instance = randomBytes(TUNNEL_INSTANCE_BYTES);
  /** Called when an initiator should dial: the session ended, keys are due, no path carries. */
  readonly #wantsSession: (when: 'now' | 'later') => void;
  /** Called when the ends agreed on another MTU than the device has. */
  readonly #mtuAgreed: () => void;
  readonly #sessions = new Set<SessionRunner>();
  #current: SessionRunner | undefined;
  readonly #peerRuns = new PeerRuns();
  #staleTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: TunnelParts, id: number, config: TunnelConfig, device: TunDevice) {
    this.id = id;
    this.config = config;
    this.role = config.peer.addresses.length > 0 ? 'initiator' : 'responder';
    this.standing = new TunnelStanding(config.name, this.role, parts.context.record);
    this.#context = parts.context;
    this.#links = parts.links;
    this.#spis = parts.spis;
    this.mtu = config.mtu;
    this.#wantsSession = parts.wantsSession;
    this.#mtuAgreed = parts.mtuAgreed;
    this.#associations = new Associations(parts.context, parts.spis, id, config.name);
    this.streams = new PathStreams(parts.context, { id, name: config.name });
    const removed = (pathId: number) => this.streams.forget(pathId);
    this.paths = new TunnelPaths(parts.context, parts.links, id, config.name, config.links, removed);
    this.#addToWorker(device);
  }

  /** The initiator reached its peer. @returns how the session ended, if it did before it opened */
  dialled(connection: ControlSession, remote: Endpoint): Promise<RunEnd | undefined> {
    const { promise, resolve } = Promise.withResolvers<RunEnd | undefined>();
    const create = (inboundSpi: number) =>
      createInitiator({
        tunnelInstance: this.#instance,
        generation: this.generation + 1,
        inboundSpi,
        capabilities: CAPABILITIES | capability.tcpPort,
        innerMtu: this.config.mtu,
        links: this.#links.controlLinks(this.config.links),
        dialled: remote,
        pathNumbers: this.#pathNumbers,
      });
    this.#run(connection, create, resolve);
    return promise;
  }

  /** The peer called, with the right key. @param isTcpPort at a port that is not that of UDP */
  accept(connection: ControlSession, sessionLinkIndex: number, isTcpPort: boolean): void {
    if (this.#closed) return connection.close();
    const create = (inboundSpi: number) =>
      createResponder({
        verdict: this.role === 'responder' ? 'ok' : 'notResponder',
        inboundSpi,
        capabilities: CAPABILITIES | (isTcpPort ? capability.tcpPort : 0),
        innerMtu: this.config.mtu,
        links: this.#links.controlLinks(this.config.links),
        sessionLinkIndex,
        isReplaced: (instance) => this.#current !== undefined && this.#peerRuns.isReplaced(instance),
      });
    this.#run(connection, create, (end) => {
      if (end !== undefined && journalledEnds.has(end.kind)) this.#sessionError(end);
      // Of several attempts of a peer one asks, the others leave; when none has asked, it has not found our key.
      if (end?.kind === 'connectionLost' && this.generation === 0)
        this.#controlError('BS_PEER_REFUSED', this.#unmet);
    });
  }

  desiredDevice(): DesiredTunnelDevice {
    const { name: tunnel, interface: name, address: addresses, networks } = this.config;
    const sizes = { mtu: this.mtu, gsoMaxBytes: DEVICE_GSO_BYTES, queuePackets: DEVICE_QUEUE_PACKETS };
    return { tunnel, name, addresses, networks, ...sizes };
  }

  /** Undefined while there is none; the worker has let go of the old one at its next `released`. */
  changeDevice(device: TunDevice | undefined): void {
    const { fd: tunFd = -1, udpOffload = false } = device ?? {};
    this.#context.worker.send({ kind: 'changeDevice', tunnel: this.id, tunFd, udpOffload });
  }

  /** The links came, went or changed; `sockets` were opened or closed. */
  linksChanged(sockets: ReadonlySet<number>): void {
    this.paths.refresh(sockets);
    const links = this.#links.controlLinks(this.config.links);
    const addresses = new Set(links.flatMap((link) => link.addresses.map(({ text }) => text)));
    for (const session of [...this.#sessions]) {
      // A connection from an address that is gone would hang until its timeouts, and nothing could be agreed meanwhile.
      if (addresses.has(session.local)) session.linksChanged(links);
      else session.handle({ type: 'closed' });
    }
  }

  /** The link is about to be hung up. */
  leaveLink(link: string): void {
    this.paths.removeOver(link, 'Its link is hung up.');
    this.#judge();
  }

  workerEvent(event: WorkerEvent): void {
    switch (event.kind) {
      case 'pathState':
        this.streams.pathChanged(event.path, event.to);
        this.paths.stateChanged(event);
        return this.#judge();
      case 'pathMoved':
        return this.paths.moved(event.path, event.remote);
      case 'pathGuarded':
        return this.paths.guarded(event);
      case 'pathCarrier':
        return this.paths.carrierChanged(event);
      case 'pathMtu':
        return this.paths.mtuChanged(event);
      case 'streamLost':
        return this.streams.lost(event.path, event.fd, event.reason);
      case 'rekeyDue':
        return this.rekey();
      default:
    }
  }

  /** Our sending keys are used up. Only the initiator can open a session; it does when its own is closed. */
  rekey(): void {
    if (this.role === 'initiator') this.#wantsSession('now');
    else this.#current?.handle({ type: 'close', reason: 'rekeyed' });
  }

  close(reason: CloseReason): void {
    this.#closed = true;
    for (const session of [...this.#sessions]) session.handle({ type: 'close', reason });
    clearTimeout(this.#staleTimer);
    this.#associations.clear();
    this.paths.removeAll('The tunnel was closed.');
    this.streams.clear();
    this.#context.worker.send({ kind: 'removeTunnel', tunnel: this.id });
  }

  #addToWorker({ fd: tunFd, udpOffload }: TunDevice): void {
    const { worker } = this.#context;
    const innerSources = [...this.config.networks, ...this.config.address.map(networkOf)].map((prefix) => {
      return { bytes: prefix.address.bytes, length: prefix.length };
    });
    worker.send({
      kind: 'addTunnel',
      schedule: this.config.schedule,
      classes: this.config.classes.map(classRule),
      tunnel: this.id,
      tunFd,
      udpOffload,
      innerSources,
      counters: this.counters,
    });
  }

  /** @param settled called when the session opened, or with its end if that comes before */
  #run(
    connection: ControlSession,
    create: (inboundSpi: number) => SessionMachine,
    settled: (end: RunEnd | undefined) => void,
  ): void {
    const spi = this.#spis.take();
    let isOpen = false;
    let instance: Uint8Array = new Uint8Array();
    const links = this.#links.controlLinks(this.config.links);
    const runner: SessionRunner = new SessionRunner(connection, create(spi), links, {
      opened: (opened, open, seal) => {
        isOpen = true;
        instance = opened.tunnelInstance;
        this.#opened(runner, opened, open, seal);
        settled(undefined);
      },
      pathAdded: (path, credential) =>
        this.#pathAdded(runner, path, { ...credential, tunnelInstance: instance }),
      pathGone: (pathId, reason) => {
        this.streams.forget(pathId);
        this.paths.remove(pathId, describePathEnd(reason));
        this.#judge();
      },
      noted: (note) => {
        // Both ends may drop a path at the same moment: then their notices cross.
        if (note.kind !== 'unknownPath') this.#controlError('BS_CONTROL_NOTE', describeNote(note));
      },
      ended: (end) => {
        this.#sessions.delete(runner);
        if (isOpen) return this.#ended(runner, end);
        this.#spis.give(spi);
        settled(end);
      },
    });
    this.#sessions.add(runner);
    runner.start();
  }

  /** A new path of ours waits for its proof; one that carries is not interrupted for a new session's. */
  #pathAdded(runner: SessionRunner, path: SessionPath, secret: PathSecret): void {
    const { pathId } = path;
    if (path.role === 'responder' || this.paths.has(pathId)) this.paths.add(path);
    if (path.role === 'responder') return this.streams.expect(path, secret);
    this.streams.prove(path, secret, {
      join: () => this.paths.add(path),
      refuted: () => runner.handle({ type: 'pathRefuted', pathId }),
    });
  }

  #opened(runner: SessionRunner, opened: OpenedTunnel, open: EspKey, seal: EspKey): void {
    const previous = this.#current;
    this.#current = runner;
    this.peerAddress = runner.remote;
    const isAnotherRun = this.#meetInstance(opened);
    this.#expectPaths();
    const finishChecksums = (opened.capabilities & capability.unfinishedChecksums) === 0;
    const aggfrag = (opened.capabilities & capability.aggfrag) !== 0;
    this.#associations.install(opened, open, seal, { finishChecksums, aggfrag }, this.config.rekey.packets);
    this.generation = opened.generation;
    if (this.mtu !== opened.innerMtu) {
      this.mtu = opened.innerMtu;
      this.#mtuAgreed();
    }
    this.rekeyedAtMillis = monotonicMillis();
    if (previous !== undefined && previous !== runner) {
      previous.handle({ type: 'close', reason: isAnotherRun ? 'replaced' : 'rekeyed' });
    }
    if (this.standing.state === 'up') {
      const evidence = { generation: opened.generation, reason: 'new session' };
      this.#context.record({ kind: 'tunnelRekeyed', subject: this.#subject, evidence });
    }
  }

  #expectPaths(): void {
    this.paths.sessionOpened();
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => {
      this.paths.removeStale('The new session does not use it.');
      this.#judge();
    }, STALE_PATHS_MILLIS);
  }

  /** A peer that started anew knows nothing of the paths that there were. @returns whether it did */
  #meetInstance(opened: OpenedTunnel): boolean {
    if (opened.role !== 'responder') return false;
    const isAnotherRun = this.#peerRuns.meet(opened.tunnelInstance);
    if (!isAnotherRun) return false;
    this.paths.removeAll('The peer started anew.');
    this.streams.clear();
    this.standing.down('The peer started anew.');
    return true;
  }

  #ended(runner: SessionRunner, end: RunEnd): void {
    const wasCurrent = this.#current === runner;
    if (wasCurrent) this.#current = undefined;
    if (end.kind === 'closedHere') return;
    if (journalledEnds.has(end.kind)) this.#sessionError(end);
    if (!wasCurrent) return;
    const left = end.kind === 'closedByPeer' && end.reason === 'shutdown';
    if (left) this.#peerLeft();
    this.#wantsSession(left ? 'later' : 'now');
  }

  #peerLeft(): void {
    this.#associations.clear();
    this.paths.removeAll('The peer shut down.');
    this.streams.clear();
    this.standing.down('The peer shut down.');
  }

  #judge(): void {
    if (this.paths.upCount > 0) return this.#carries();
    if (this.standing.state !== 'up') return;
    this.standing.down('No path carries.');
    // The peer may have lost our keys with its power: only a new session can tell.
    this.#wantsSession('now');
  }

  #carries(): void {
    const { peer, interface: device } = this.config;
    const { fingerprint } = peer;
    const { peerAddress: remote = '', mtu, generation } = this;
    this.standing.up({ remote, fingerprint, interface: device, mtu, generation });
  }

  #sessionError(end: RunEnd): void {
    this.#controlError('BS_CONTROL_SESSION', describeEnd(end));
  }

  #controlError(code: string, message: string): void {
    this.#context.record({ kind: 'controlError', subject: this.#subject, evidence: { code, message } });
  }

  get #unmet(): string {
    return describeUnmet(this.#context.identity.fingerprint);
  }

  get #subject() {
    return { type: 'tunnel', name: this.config.name } as const;
  }
}
