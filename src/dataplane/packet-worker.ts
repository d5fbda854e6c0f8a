/**
 * The packet worker: one thread that sleeps in epoll and moves packets between TUN devices and links.
 *
 * Contract: `run` returns after the command `stop`. Between two sleeps it serves every descriptor that is ready, then
 * what is due by the clock. It never returns to an event loop; the main thread reaches it by a wake event and a port.
 * Source: design, "The data plane".
 */
import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import { Arena } from '../linux/arena.ts';
import { RECEIVER_ARENA_BYTES } from '../linux/datagram-receiver.ts';
import { Epoll } from '../linux/epoll.ts';
import type { WakeEvent } from '../linux/wake-event.ts';
import type { PathState } from '../tunnel/path/path.ts';
import { AssociationMemory, InboundAssociation, OutboundAssociation } from './association.ts';
import { count, tunnelSlot, workerSlot } from './counters.ts';
import { type Arrival, Inbound } from './inbound.ts';
import { OUTBOUND_ARENA_BYTES, Outbound } from './outbound.ts';
import type { RemoteAddress, WorkerCommand, WorkerEvent } from './protocol.ts';
import { rehearse } from './rehearsal.ts';
import { Reporter } from './reporter.ts';
import { type LinkSocket, NameMemory, type PlanePath, setRemote, TunnelPlane } from './tunnel-plane.ts';

/** Tokens of epoll: the wake event, a watched descriptor, then sockets and tunnels by their id. */
const WAKE = 0;
const WATCHED = 1;
const SOCKET = 0x1000_0000;
const TUNNEL = 0x2000_0000;
const ID = 0x0fff_ffff;

/** Socket addresses, nonces and associated data of all tunnels: 28 and 24 bytes each. */
const SMALL_ARENA_BYTES = 1024 * 1024;

/**
 * After a packet the worker looks again without sleeping for this long (µs): an answer that comes at once is then not
 * delayed by waking up. Longer would take time from the programs that talk through the tunnel.
 */
const SPIN_MICROS = 0;

export class PacketWorker {
  readonly #port: MessagePort;
  readonly #wake: WakeEvent;
  readonly #epoll = new Epoll();
  readonly #arena = new Arena(RECEIVER_ARENA_BYTES + OUTBOUND_ARENA_BYTES + SMALL_ARENA_BYTES);
  readonly #memory = new AssociationMemory(this.#arena);
  readonly #names = new NameMemory(this.#arena);
  readonly #counters: Float64Array;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #reporter: Reporter;
  readonly #sockets = new Map<number, LinkSocket>();
  readonly #tunnels = new Map<number, TunnelPlane>();
  #watchedFd = -1;
  #now = 0;
  #serviceAt = 0;
  #stopped = false;

  constructor(port: MessagePort, wake: WakeEvent, counters: SharedArrayBuffer) {
    this.#port = port;
    this.#wake = wake;
    this.#counters = new Float64Array(counters);
    this.#outbound = new Outbound(this.#arena, {
      dataSent: (tunnel, path) => this.#dataSent(tunnel, path),
      sendFailed: (tunnel, path) => this.#reporter.sendFailed(tunnel, path, this.#now),
    });
    this.#inbound = new Inbound(
      this.#arena,
      {
        reportArrived: (tunnel, arrival, offset, length) =>
          this.#reportArrived(tunnel, arrival, offset, length),
        heardOn: (tunnel) => this.#activatePending(tunnel),
        tunnel: (id) => this.#tunnels.get(id),
        dueAt: (at) => this.#dueAt(at),
      },
      this.#counters,
    );
    this.#reporter = new Reporter(this.#arena, this.#outbound, {
      pathChanged: (tunnel, path, from, now) => this.#pathChanged(tunnel, path, from, now),
      pathMoved: (tunnel, path, remote) => this.#pathMoved(tunnel, path, remote),
    });
    this.#epoll.add(wake.fd, WAKE);
  }

  run(): void {
    rehearse();
    this.#tell({ kind: 'ready' });
    let busyUntil = 0;
    while (!this.#stopped) {
      const spinning = this.#now < busyUntil;
      const ready = this.#epoll.wait(spinning ? 0 : this.#timeoutMillis());
      this.#now = clockMicros();
      if (ready > 0 && this.#serve(ready)) busyUntil = this.#now + SPIN_MICROS;
      if (this.#now >= this.#serviceAt) this.#service();
    }
    this.#tell({ kind: 'stopped' });
  }

  /** @returns whether packets were among what was ready */
  #serve(ready: number): boolean {
    count(this.#counters, workerSlot.wakeups);
    let packets = false;
    for (let index = 0; index < ready; index++) {
      const token = this.#epoll.token(index);
      if (token >= TUNNEL) packets = this.#drainTunnel(token & ID) || packets;
      else if (token >= SOCKET) packets = this.#drainSocket(token & ID) || packets;
      else if (token === WAKE) this.#drainCommands();
      else this.#reportWatched();
    }
    return packets;
  }

  #drainTunnel(id: number): boolean {
    const tunnel = this.#tunnels.get(id);
    return tunnel !== undefined && this.#outbound.drain(tunnel, this.#now) > 0;
  }

  #drainSocket(id: number): boolean {
    const socket = this.#sockets.get(id);
    if (socket === undefined || socket.fd < 0) return false;
    return this.#inbound.drain(socket, this.#now) > 0;
  }

  #drainCommands(): void {
    this.#wake.clear();
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#carryOut(received.message as WorkerCommand);
    }
  }

  #carryOut(command: WorkerCommand): void {
    try {
      this.#handle(command);
    } catch (error) {
      this.#tell({ kind: 'trouble', message: `${command.kind}: ${String(error)}` });
    }
    this.#inbound.forget();
    this.#serviceAt = 0;
  }

  #handle(command: WorkerCommand): void {
    switch (command.kind) {
      case 'addTunnel':
        return this.#addTunnel(command);
      case 'removeTunnel':
        return this.#removeTunnel(command.tunnel);
      case 'changeDevice':
        return this.#changeDevice(command);
      case 'addInbound':
        this.#inbound.associations.set(command.spi, new InboundAssociation(this.#memory, command));
        return;
      case 'removeInbound':
        this.#inbound.associations.get(command.spi)?.close();
        this.#inbound.associations.delete(command.spi);
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
      case 'watch':
        this.#watchedFd = command.fd;
        this.#epoll.add(command.fd, WATCHED);
        return;
      case 'release':
        return this.#tell({ kind: 'released', ticket: command.ticket });
      case 'stop':
        this.#stopped = true;
        return;
    }
  }

  #addTunnel(command: Extract<WorkerCommand, { kind: 'addTunnel' }>): void {
    const tunnel = new TunnelPlane(command);
    this.#tunnels.set(tunnel.id, tunnel);
    this.#epoll.add(tunnel.tunFd, TUNNEL | tunnel.id);
  }

  #removeTunnel(id: number): void {
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined) return;
    this.#epoll.remove(tunnel.tunFd);
    tunnel.takeAssociationsOf(this.#inbound.associations);
    for (const path of tunnel.paths) this.#names.give(path.name);
    this.#tunnels.delete(id);
  }

  #changeDevice({ tunnel: id, tunFd, udpOffload }: Extract<WorkerCommand, { kind: 'changeDevice' }>): void {
    const tunnel = this.#require(id);
    if (tunnel.tunFd >= 0) this.#epoll.remove(tunnel.tunFd);
    tunnel.tunFd = tunFd;
    tunnel.udpOffload = udpOffload;
    if (tunFd >= 0) this.#epoll.add(tunFd, TUNNEL | id);
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
    const tunnel = this.#tunnels.get(id);
    tunnel?.outbound?.close();
    tunnel?.pending?.association.close();
    if (tunnel === undefined) return;
    tunnel.outbound = undefined;
    tunnel.pending = undefined;
  }

  #activatePending(tunnel: TunnelPlane): void {
    const { pending } = tunnel;
    if (pending === undefined) return;
    tunnel.pending = undefined;
    this.#activate(tunnel, pending.association);
  }

  #activate(tunnel: TunnelPlane, association: OutboundAssociation): void {
    tunnel.outbound?.close();
    tunnel.outbound = association;
    tunnel.rekeyAsked = false;
    tunnel.counters[tunnelSlot.sendingSpi] = association.spi;
    this.#tell({ kind: 'outboundActive', tunnel: tunnel.id, spi: association.spi });
    this.#serviceAt = 0;
  }

  #openSocket(id: number, fd: number): void {
    const known = this.#sockets.get(id);
    if (known === undefined) this.#sockets.set(id, { id, fd });
    else known.fd = fd;
    this.#epoll.add(fd, SOCKET | id);
  }

  #closeSocket(id: number): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined || socket.fd < 0) return;
    this.#epoll.remove(socket.fd);
    socket.fd = -1;
    for (const tunnel of this.#tunnels.values()) {
      for (const path of tunnel.paths) {
        if (path.socket === socket) this.#reporter.lost(tunnel, path, this.#now);
      }
    }
  }

  #addPath(command: Extract<WorkerCommand, { kind: 'addPath' }>): void {
    const tunnel = this.#require(command.tunnel);
    const path = tunnel.addPath(command, this.#socket(command.socket), this.#arena, this.#names, this.#now);
    path.path.lastHeardAt = this.#now;
  }

  #movePath(command: Extract<WorkerCommand, { kind: 'movePath' }>): void {
    const tunnel = this.#require(command.tunnel);
    const path = tunnel.pathById(command.path);
    if (path === undefined) return;
    path.socket = this.#socket(command.socket);
    if (command.remote !== undefined) setRemote(path, command.remote, this.#arena);
    path.segmented = true;
    this.#reporter.restart(tunnel, path, this.#now);
  }

  #weightPath(command: Extract<WorkerCommand, { kind: 'weightPath' }>): void {
    const path = this.#require(command.tunnel).pathById(command.path);
    if (path !== undefined) path.weight = command.weight;
  }

  #removePath(id: number, pathId: number): void {
    const tunnel = this.#tunnels.get(id);
    const index = tunnel?.paths.findIndex((path) => path.path.id === pathId) ?? -1;
    if (tunnel === undefined || index < 0) return;
    const [removed] = tunnel.paths.splice(index, 1);
    if (removed !== undefined) this.#names.give(removed.name);
  }

  /** A socket may be named before it is open: its link has no address yet. */
  #socket(id: number): LinkSocket {
    const known = this.#sockets.get(id);
    if (known !== undefined) return known;
    const closed: LinkSocket = { id, fd: -1 };
    this.#sockets.set(id, closed);
    return closed;
  }

  #require(id: number): TunnelPlane {
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined) throw new RangeError(`there is no tunnel ${id}`);
    return tunnel;
  }

  #reportWatched(): void {
    // The main thread drains it and asks again: a descriptor that stays readable would not let the worker sleep.
    this.#epoll.remove(this.#watchedFd);
    this.#tell({ kind: 'watched' });
  }

  #reportArrived(tunnel: TunnelPlane, arrival: Arrival, offset: number, length: number): void {
    this.#reporter.arrived(tunnel, arrival, offset, length, this.#now);
    this.#dueAt(0);
  }

  #dataSent(tunnel: TunnelPlane, path: PlanePath): void {
    this.#dueAt(path.path.nextDeadline);
    const association = tunnel.outbound;
    if (association === undefined) return;
    tunnel.counters[tunnelSlot.sendingSequence] = association.sequence;
    if (association.sequence < association.packetLimit || tunnel.rekeyAsked) return;
    tunnel.rekeyAsked = true;
    this.#tell({ kind: 'rekeyDue', tunnel: tunnel.id, spi: association.spi });
  }

  #pathChanged(tunnel: TunnelPlane, path: PlanePath, from: PathState, now: number): void {
    this.#tell({
      kind: 'pathState',
      tunnel: tunnel.id,
      path: path.path.id,
      from,
      to: path.path.state,
      evidence: {
        silentMillis: path.path.silentFor / 1000,
        unansweredProbes: path.path.unanswered,
        roundTripMillis: path.path.rtt / 1000,
        lastHeardMillisAgo: (now - path.path.lastHeardAt) / 1000,
      },
    });
  }

  #pathMoved(tunnel: TunnelPlane, path: PlanePath, remote: RemoteAddress): void {
    this.#tell({ kind: 'pathMoved', tunnel: tunnel.id, path: path.path.id, remote });
  }

  #service(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const tunnel of this.#tunnels.values()) {
      next = Math.min(next, this.#reporter.service(tunnel, this.#now));
    }
    this.#serviceAt = next;
  }

  #dueAt(at: number): void {
    if (at < this.#serviceAt) this.#serviceAt = at;
  }

  #timeoutMillis(): number {
    if (this.#serviceAt === Number.POSITIVE_INFINITY) return -1;
    return Math.max(0, Math.ceil((this.#serviceAt - this.#now) / 1000));
  }

  #tell(event: WorkerEvent): void {
    this.#port.postMessage(event);
  }
}

/** Monotonic µs; whole, so that it can be stamped into reports. */
function clockMicros(): number {
  return Math.floor(performance.now() * 1000);
}
