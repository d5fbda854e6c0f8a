/**
 * What the packet worker has to do with: tunnels, sockets and associations, as the main thread commanded them.
 *
 * Contract: `carryOut` changes it by one command. Descriptors are registered for readiness while they are part of it.
 * Who has to know (a path whose socket is gone, new keys in use) is told through the listener.
 */
import type { RowOpener, RowSealer } from '../linux/aead-row.ts';
import type { Arena } from '../linux/arena.ts';
import { AssociationMemory, InboundAssociation, OutboundAssociation } from './association.ts';
import { CacheWarmer } from './cache-warmer.ts';
import { tunnelSlot } from './counters.ts';
import type { PathStream } from './path-stream.ts';
import type { StreamEnd, WorkerCommand } from './protocol.ts';
import { StreamTable } from './stream-table.ts';
import { type LinkSocket, NameMemory, type PlanePath, setRemote, TunnelPlane } from './tunnel-plane.ts';

/** Commands that change the plane; the others are the worker's own. */
export type PlaneCommand = Exclude<WorkerCommand, { kind: 'watch' | 'release' | 'returnMemory' | 'stop' }>;

/** Where descriptors are registered: the worker sleeps on them. */
export type Readiness = {
  addTunnel(fd: number, id: number): void;
  addSocket(fd: number, id: number): void;
  addStream(fd: number, id: number): void;
  remove(fd: number): void;
};

export type PlaneListener = {
  /** µs */
  now(): number;
  pathLost(tunnel: TunnelPlane, path: PlanePath): void;
  pathRestarted(tunnel: TunnelPlane, path: PlanePath): void;
  streamOpened(tunnel: TunnelPlane, path: PlanePath): void;
  /** The path has no stream any more. */
  streamClosed(tunnel: TunnelPlane, path: PlanePath): void;
  /** Whoever opened it has to know. */
  streamGivenUp(tunnel: number, path: number, fd: number, reason: StreamEnd): void;
  activated(tunnel: TunnelPlane, spi: number): void;
  removed(tunnel: TunnelPlane): void;
};

export class Plane {
  readonly sockets = new Map<number, LinkSocket>();
  readonly tunnels = new Map<number, TunnelPlane>();
  readonly streams: StreamTable;
  /** Inbound, by SPI as a signed number (`spi | 0`). */
  readonly associations = new Map<number, InboundAssociation>();

  readonly #arena: Arena;
  /** For the packets of all associations. */
  readonly opener: RowOpener;
  readonly sealer: RowSealer;
  readonly cacheWarmer: CacheWarmer;
  readonly #memory: AssociationMemory;
  readonly #names: NameMemory;
  readonly #readiness: Readiness;
  readonly #listener: PlaneListener;

  constructor(arena: Arena, readiness: Readiness, listener: PlaneListener) {
    this.#arena = arena;
    this.#memory = new AssociationMemory(arena);
    this.opener = this.#memory.opener;
    this.sealer = this.#memory.sealer;
    this.cacheWarmer = new CacheWarmer(this.#memory);
    this.#names = new NameMemory(arena);
    this.streams = new StreamTable(arena, readiness);
    this.#readiness = readiness;
    this.#listener = listener;
  }

  /** @throws RangeError for a tunnel that is not there */
  carryOut(command: PlaneCommand): void {
    switch (command.kind) {
      case 'addTunnel':
        return this.#addTunnel(command);
      case 'removeTunnel':
        return this.#removeTunnel(command.tunnel);
      case 'changeDevice':
        return this.#changeDevice(command);
      case 'addInbound':
        this.associations.get(command.spi | 0)?.close();
        this.associations.set(command.spi | 0, new InboundAssociation(this.#memory, command));
        return;
      case 'removeInbound':
        this.associations.get(command.spi | 0)?.close();
        this.associations.delete(command.spi | 0);
        return;
      case 'addOutbound':
        return this.#addOutbound(command);
      case 'removeOutbound':
        return this.#removeOutbound(command.tunnel);
      case 'openSocket':
        return this.#openSocket(command.socket, command.fd);
      case 'closeSocket':
        return this.#closeSocket(command.socket);
      case 'addPath':
        return this.#addPath(command);
      case 'movePath':
        return this.#movePath(command);
      case 'weightPath':
        return this.#weightPath(command);
      case 'removePath':
        return this.#removePath(command.tunnel, command.path);
      case 'openStream':
        return this.#openStream(command);
      case 'closeStream':
        return this.#closeStream(command);
    }
  }

  close(): void {
    for (const id of [...this.tunnels.keys()]) this.#removeTunnel(id);
    this.cacheWarmer.close();
  }

  #addTunnel(command: Extract<WorkerCommand, { kind: 'addTunnel' }>): void {
    const tunnel = new TunnelPlane(command);
    this.tunnels.set(tunnel.id, tunnel);
    this.#readiness.addTunnel(tunnel.tunFd, tunnel.id);
  }

  #removeTunnel(id: number): void {
    const tunnel = this.tunnels.get(id);
    if (tunnel === undefined) return;
    this.#readiness.remove(tunnel.tunFd);
    tunnel.takeAssociationsOf(this.associations);
    for (const path of tunnel.paths) {
      this.#names.give(path.name);
      this.streams.forget(id, path);
    }
    this.tunnels.delete(id);
    this.#listener.removed(tunnel);
  }

  #changeDevice({ tunnel: id, tunFd, udpOffload }: Extract<WorkerCommand, { kind: 'changeDevice' }>): void {
    const tunnel = this.#require(id);
    if (tunnel.tunFd >= 0) this.#readiness.remove(tunnel.tunFd);
    tunnel.tunFd = tunFd;
    tunnel.udpOffload = udpOffload;
    tunnel.held = false;
    if (tunFd >= 0) this.#readiness.addTunnel(tunFd, id);
  }

  #addOutbound(command: Extract<WorkerCommand, { kind: 'addOutbound' }>): void {
    const tunnel = this.#require(command.tunnel);
    const association = new OutboundAssociation(this.#memory, command);
    tunnel.pending?.association.close();
    tunnel.pending = undefined;
    if (command.activate === 'now') this.#activate(tunnel, association);
    else tunnel.pending = { association, whenHeardOn: command.activate.whenHeardOn };
  }

  #removeOutbound(id: number): void {
    const tunnel = this.tunnels.get(id);
    tunnel?.outbound?.close();
    tunnel?.pending?.association.close();
    if (tunnel === undefined) return;
    tunnel.outbound = undefined;
    tunnel.pending = undefined;
  }

  /** The peer was heard under the keys that new ones of ours wait for. */
  activatePending(tunnel: TunnelPlane): void {
    const { pending } = tunnel;
    if (pending === undefined) return;
    tunnel.pending = undefined;
    this.#activate(tunnel, pending.association);
  }

  #activate(tunnel: TunnelPlane, association: OutboundAssociation): void {
    tunnel.outbound?.close();
    tunnel.outbound = association;
    tunnel.sent.clear();
    tunnel.rekeyAsked = false;
    tunnel.counters[tunnelSlot.sendingSpi] = association.spi;
    this.#listener.activated(tunnel, association.spi);
  }

  #openSocket(id: number, fd: number): void {
    const known = this.sockets.get(id);
    if (known === undefined) this.sockets.set(id, { id, fd });
    else known.fd = fd;
    this.#readiness.addSocket(fd, id);
  }

  #closeSocket(id: number): void {
    const socket = this.sockets.get(id);
    if (socket === undefined || socket.fd < 0) return;
    this.#readiness.remove(socket.fd);
    socket.fd = -1;
    for (const tunnel of this.tunnels.values()) {
      for (const path of tunnel.paths) {
        if (path.socket === socket) this.#listener.pathLost(tunnel, path);
      }
    }
  }

  #addPath(command: Extract<WorkerCommand, { kind: 'addPath' }>): void {
    const tunnel = this.#require(command.tunnel);
    const path = tunnel.addPath(
      command,
      this.#socket(command.socket),
      this.#arena,
      this.#names,
      this.#listener.now(),
    );
    path.path.lastHeardAt = this.#listener.now();
  }

  #movePath(command: Extract<WorkerCommand, { kind: 'movePath' }>): void {
    const tunnel = this.#require(command.tunnel);
    const path = tunnel.pathById(command.path);
    if (path === undefined) return;
    path.socket = this.#socket(command.socket);
    if (command.remote !== undefined) setRemote(path, command.remote, this.#arena);
    path.segmented = true;
    this.#listener.pathRestarted(tunnel, path);
  }

  #weightPath(command: Extract<WorkerCommand, { kind: 'weightPath' }>): void {
    const path = this.#require(command.tunnel).pathById(command.path);
    if (path !== undefined) path.weight = command.weight;
  }

  #removePath(id: number, pathId: number): void {
    const tunnel = this.tunnels.get(id);
    const index = tunnel?.paths.findIndex((path) => path.path.id === pathId) ?? -1;
    if (tunnel === undefined || index < 0) return;
    const [removed] = tunnel.paths.splice(index, 1);
    if (removed === undefined) return;
    this.#names.give(removed.name);
    this.streams.forget(id, removed);
  }

  /** The first word has come on a connection. */
  streamHeard(stream: PathStream): void {
    const tunnel = this.tunnels.get(stream.tunnel);
    const path = tunnel?.pathById(stream.path);
    if (tunnel === undefined || path === undefined) return;
    if (this.streams.heard(path, stream)) this.#listener.streamOpened(tunnel, path);
  }

  /** A stream that is of no use any more: its path may have to go without. */
  endStream(stream: PathStream, reason: StreamEnd): void {
    const tunnel = this.tunnels.get(stream.tunnel);
    const path = tunnel?.pathById(stream.path);
    if (tunnel === undefined || path === undefined) return;
    if (this.streams.close(path, stream)) this.#listener.streamClosed(tunnel, path);
    this.#listener.streamGivenUp(tunnel.id, stream.path, stream.fd, reason);
  }

  #openStream({ tunnel: id, path: pathId, fd }: Extract<WorkerCommand, { kind: 'openStream' }>): void {
    const tunnel = this.tunnels.get(id);
    const path = tunnel?.pathById(pathId);
    // The path went while its connection was under way, which goes with it.
    if (tunnel === undefined || path === undefined) return;
    if (this.streams.open(id, path, fd)) this.#listener.streamOpened(tunnel, path);
  }

  #closeStream({ tunnel: id, path: pathId, fd }: Extract<WorkerCommand, { kind: 'closeStream' }>): void {
    const tunnel = this.tunnels.get(id);
    const path = tunnel?.pathById(pathId);
    if (tunnel === undefined || path === undefined) return;
    const stream = this.streams.withDescriptor(id, path, fd);
    if (stream === undefined) return;
    if (this.streams.close(path, stream)) this.#listener.streamClosed(tunnel, path);
  }

  /** A socket may be named before it is open: its link has no address yet. */
  #socket(id: number): LinkSocket {
    const known = this.sockets.get(id);
    if (known !== undefined) return known;
    const closed: LinkSocket = { id, fd: -1 };
    this.sockets.set(id, closed);
    return closed;
  }

  #require(id: number): TunnelPlane {
    const tunnel = this.tunnels.get(id);
    if (tunnel === undefined) throw new RangeError(`there is no tunnel ${id}`);
    return tunnel;
  }
}
