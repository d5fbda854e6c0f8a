/**
 * The packet worker: one thread that sleeps in epoll and moves packets between TUN devices and links.
 *
 * Contract: `run` returns after the command `stop`. Between two sleeps it serves every descriptor that is ready, then
 * what is due by the clock. It never returns to an event loop; the main thread reaches it by a wake event and a port.
 * Source: design, "The data plane".
 */

import { Arena } from '../linux/arena.ts';
import { monotonicMicros } from '../linux/clock.ts';
import { RECEIVER_ARENA_BYTES } from '../linux/datagram-receiver.ts';
import { Epoll } from '../linux/epoll.ts';
import { returnFreeMemory } from '../linux/free-memory.ts';
import type { WakeEvent } from '../linux/wake-event.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import type { PathState } from '../tunnel/path/path.ts';
import { STEP } from '../tunnel/schedule/guard.ts';
import type { Arrival } from './arrival.ts';
import { count, tunnelSlot, workerSlot } from './counters.ts';
import { Doze } from './doze.ts';
import { HOLD_SLOTS, holdArenaBytes } from './hold-memory.ts';
import { INBOUND_ARENA_BYTES, Inbound } from './inbound.ts';
import { OUTBOUND_ARENA_BYTES, Outbound } from './outbound.ts';
import { settleLimit } from './path-sizes.ts';
import { isBlocked, type PathStream, STREAM_ARENA_BYTES } from './path-stream.ts';
import { Plane } from './plane.ts';
import type { CarrierEvidence, RemoteAddress, StreamEnd, WorkerCommand, WorkerEvent } from './protocol.ts';
import { Reporter } from './reporter.ts';
import { SENT_MEMORY_BYTES } from './sent-memory.ts';
import type { PlanePath, TunnelPlane } from './tunnel-plane.ts';

/** Tokens of epoll: the wake event, a watched descriptor, then sockets, tunnels and streams by their id. */
const WAKE = 0;
const WATCHED = 1;
const SOCKET = 0x1000_0000;
const TUNNEL = 0x2000_0000;
const STREAM = 0x3000_0000;
const ID = 0x0fff_ffff;

/** A device that is held is not looked at more often than this (µs). */
const HOLD_AT_LEAST = 1_000;

/** Socket addresses and associations of all tunnels, 28 and 344 bytes each; probes. Memory that is not used costs nothing. */
const SMALL_ARENA_BYTES = 4 * 1024 * 1024;

const ARENA_BYTES =
  RECEIVER_ARENA_BYTES +
  OUTBOUND_ARENA_BYTES +
  INBOUND_ARENA_BYTES +
  STREAM_ARENA_BYTES +
  holdArenaBytes(HOLD_SLOTS) +
  SENT_MEMORY_BYTES +
  SMALL_ARENA_BYTES;

/** How the worker hears from the main thread and answers it. */
export type WorkerLine = {
  /** The next command, if there is one. */
  receive(): WorkerCommand | undefined;
  tell(event: WorkerEvent): void;
};

export class PacketWorker {
  readonly #line: WorkerLine;
  readonly #wake: WakeEvent;
  readonly #epoll = new Epoll();
  readonly #arena = new Arena(ARENA_BYTES);
  readonly #counters: Float64Array;
  readonly #clock: () => number;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #reporter: Reporter;
  readonly #plane: Plane;
  readonly #doze = new Doze();
  #watchedFd = -1;
  #now = DOUBLE_ZERO;
  /** When the first tunnel wants to be served (µs). */
  #serviceAt = DOUBLE_ZERO;
  #stopped = false;

  /** @param wake readable when there are commands; @param clock µs, never goes back */
  constructor(line: WorkerLine, wake: WakeEvent, counters: SharedArrayBuffer, clock = monotonicMicros) {
    this.#line = line;
    this.#clock = clock;
    this.#wake = wake;
    this.#counters = new Float64Array(counters);
    this.#plane = new Plane(
      this.#arena,
      {
        addTunnel: (fd, id) => this.#epoll.add(fd, TUNNEL | id),
        addSocket: (fd, id) => this.#epoll.add(fd, SOCKET | id),
        addStream: (fd, id) => this.#epoll.add(fd, STREAM | id),
        remove: (fd) => this.#epoll.remove(fd),
      },
      {
        now: () => this.#now,
        pathLost: (tunnel, path) => this.#reporter.lost(tunnel, path, this.#now),
        pathRestarted: (tunnel, path) => this.#reporter.restart(tunnel, path, this.#now),
        streamOpened: (tunnel, path) => this.#reporter.streamOpened(tunnel, path, this.#now),
        streamClosed: (tunnel, path) => this.#reporter.streamClosed(tunnel, path, this.#now),
        streamGivenUp: (tunnel, path, fd, reason) =>
          this.#line.tell({ kind: 'streamLost', tunnel, path, fd, reason }),
        activated: (tunnel, spi) => this.#activated(tunnel, spi),
        removed: (tunnel) => this.#inbound.abandon(tunnel, this.#now),
      },
    );
    this.#outbound = new Outbound(
      this.#arena,
      this.#plane.sealer,
      {
        dataSent: (tunnel, path) => this.#dataSent(tunnel, path),
        sendFailed: (tunnel, path) => this.#sendFailed(tunnel, path),
        tooBig: (tunnel, path) => this.#tooBig(tunnel, path),
        streamFull: (path, stream) => this.#awaitRoom(path, stream),
      },
      SENT_MEMORY_BYTES,
    );
    this.#inbound = new Inbound(
      this.#arena,
      {
        now: () => {
          this.#now = this.#clock();
          return this.#now;
        },
        reportArrived: (tunnel, arrival, offset, length) =>
          this.#reportArrived(tunnel, arrival, offset, length),
        heardOn: (tunnel) => this.#plane.activatePending(tunnel),
        tunnel: (id) => this.#plane.tunnels.get(id),
        dueAt: (tunnel, at) => this.#dueAt(tunnel, at),
      },
      this.#plane.associations,
      this.#plane.opener,
      this.#counters,
      HOLD_SLOTS,
    );
    this.#reporter = new Reporter(this.#arena, this.#outbound, {
      pathChanged: (tunnel, path, from, now) => this.#pathChanged(tunnel, path, from, now),
      pathMoved: (tunnel, path, remote) => this.#pathMoved(tunnel, path, remote),
      carrierChanged: (tunnel, path, evidence) => this.#carrierChanged(tunnel, path, evidence),
      mtuChanged: (tunnel, path) => this.#mtuChanged(tunnel, path),
      streamSilent: (stream) => this.#endStream(stream, 'silent'),
    });
    this.#epoll.add(wake.fd, WAKE);
  }

  run(): void {
    this.#line.tell({ kind: 'ready' });
    while (!this.#stopped) this.nap();
    this.#line.tell({ kind: 'stopped' });
  }

  /** As `turn`, but while a conversation goes on it ends after a nap, with nothing done for anybody. */
  nap(): void {
    if (this.#do(this.#epoll.wait(this.#doze.timeout(this.#timeoutMillis(), this.#now)))) return;
    this.#plane.cacheWarmer.warm();
  }

  /** Sleeps until something is ready or due, and does it. */
  turn(): void {
    this.#do(this.#epoll.wait(this.#timeoutMillis()));
  }

  /** Does what is ready or due, and does not sleep. @returns whether there was anything */
  look(): boolean {
    return this.#do(this.#epoll.wait(0));
  }

  /** When something is due by the clock (µs). */
  get dueAt(): number {
    return this.#serviceAt;
  }

  get tunnels(): ReadonlyMap<number, TunnelPlane> {
    return this.#plane.tunnels;
  }

  /** Ends what `run` would have used; for a worker that never ran. */
  close(): void {
    this.#plane.close();
    this.#epoll.close();
    this.#arena.empty();
  }

  #do(ready: number): boolean {
    this.#now = this.#clock();
    if (ready > 0) this.#serve(ready);
    const due = this.#now >= this.#serviceAt;
    if (due) this.#service();
    return due || ready > 0;
  }

  #serve(ready: number): void {
    count(this.#counters, workerSlot.wakeups);
    for (let index = 0; index < ready; index++) {
      const token = this.#epoll.token(index);
      if (token >= STREAM) this.#drainStream(token & ID);
      else if (token >= TUNNEL) this.#drainTunnel(token & ID);
      else if (token >= SOCKET) this.#drainSocket(token & ID);
      else if (token === WAKE) this.#drainCommands();
      else this.#reportWatched();
    }
  }

  #drainTunnel(id: number): void {
    const tunnel = this.#plane.tunnels.get(id);
    if (tunnel === undefined) return;
    this.#drainDevice(tunnel);
  }

  #drainDevice(tunnel: TunnelPlane): void {
    const there = this.#outbound.drain(tunnel, this.#now);
    // A deleted device stays readable for ever. The main thread sees it go by the route monitor and brings another.
    if (!there) this.#epoll.remove(tunnel.tunFd);
    else if (tunnel.heldUntil > this.#now) this.#hold(tunnel);
  }

  /** Every path has as much as it should: until one has room again the device's own queue pushes back on the senders. */
  #hold(tunnel: TunnelPlane): void {
    this.#dueAt(tunnel, tunnel.heldUntil + HOLD_AT_LEAST);
    if (tunnel.held) return;
    tunnel.held = true;
    this.#epoll.mute(tunnel.tunFd, TUNNEL | tunnel.id);
  }

  #letGo(tunnel: TunnelPlane): void {
    tunnel.held = false;
    if (tunnel.tunFd < 0) return;
    this.#drainDevice(tunnel);
    if (!tunnel.held) this.#epoll.listen(tunnel.tunFd, TUNNEL | tunnel.id);
  }

  #drainSocket(id: number): void {
    const socket = this.#plane.sockets.get(id);
    if (socket === undefined || socket.fd < 0) return;
    const tunnel = this.#inbound.drain(socket, this.#now);
    if (tunnel === undefined) return;
    // What was asked of this machine itself was answered by the kernel while the packet was handed over.
    this.#drainDevice(tunnel);
  }

  #drainStream(id: number): void {
    const stream = this.#plane.streams.get(id);
    if (stream === undefined) return;
    if (stream.armed && !this.#outbound.flush(stream)) return this.#endStream(stream, 'ended');
    if (stream.armed && !isBlocked(stream)) this.#roomAgain(stream);
    const wasSilent = !stream.mayWrite;
    const tunnel = this.#inbound.drainStream(stream, this.#now);
    if (wasSilent && stream.mayWrite) this.#plane.streamHeard(stream);
    const end = this.#inbound.streamEnd;
    if (end !== undefined) this.#endStream(stream, end);
    if (tunnel !== undefined) this.#drainDevice(tunnel);
  }

  #awaitRoom(path: PlanePath, stream: PathStream): void {
    stream.armed = true;
    path.delivery.blocked = path.carriers.carrier === 'tcp';
    this.#epoll.listenForRoom(stream.fd, STREAM | stream.id);
  }

  #roomAgain(stream: PathStream): void {
    stream.armed = false;
    this.#epoll.listen(stream.fd, STREAM | stream.id);
    const tunnel = this.#plane.tunnels.get(stream.tunnel);
    const path = tunnel?.pathById(stream.path);
    if (tunnel === undefined || path?.stream !== stream) return;
    path.delivery.blocked = false;
    if (tunnel.held) this.#letGo(tunnel);
  }

  #endStream(stream: PathStream, reason: StreamEnd): void {
    this.#plane.endStream(stream, reason);
    this.#inbound.forget();
    const tunnel = this.#plane.tunnels.get(stream.tunnel);
    if (tunnel !== undefined) this.#dueAt(tunnel, 0);
  }

  #drainCommands(): void {
    this.#wake.clear();
    for (let command = this.#line.receive(); command !== undefined; command = this.#line.receive()) {
      this.#carryOut(command);
    }
    for (const tunnel of this.#plane.tunnels.values()) this.#dueAt(tunnel, 0);
  }

  #carryOut(command: WorkerCommand): void {
    try {
      if (command.kind === 'watch') this.#watch(command.fd);
      else if (command.kind === 'release') this.#line.tell({ kind: 'released', ticket: command.ticket });
      else if (command.kind === 'returnMemory') returnFreeMemory();
      else if (command.kind === 'stop') this.#stopped = true;
      else this.#plane.carryOut(command);
    } catch (error) {
      this.#line.tell({ kind: 'trouble', message: `${command.kind}: ${String(error)}` });
    }
    this.#inbound.forget();
  }

  #watch(fd: number): void {
    this.#watchedFd = fd;
    this.#epoll.add(fd, WATCHED);
  }

  #reportWatched(): void {
    // The main thread drains it and asks again: a descriptor that stays readable would not let the worker sleep.
    this.#epoll.remove(this.#watchedFd);
    this.#line.tell({ kind: 'watched' });
  }

  #reportArrived(tunnel: TunnelPlane, arrival: Arrival, offset: number, length: number): void {
    this.#reporter.arrived(tunnel, arrival, offset, length, this.#now);
    this.#dueAt(tunnel, 0);
  }

  #dataSent(tunnel: TunnelPlane, path: PlanePath): void {
    this.#doze.talked(this.#now);
    this.#dueAt(tunnel, path.path.nextDeadline);
    const association = tunnel.outbound;
    if (association === undefined) return;
    tunnel.counters[tunnelSlot.sendingSequence] = association.sequence;
    if (association.sequence < association.packetLimit || tunnel.rekeyAsked) return;
    tunnel.rekeyAsked = true;
    this.#line.tell({ kind: 'rekeyDue', tunnel: tunnel.id, spi: association.spi });
  }

  #activated(tunnel: TunnelPlane, spi: number): void {
    this.#line.tell({ kind: 'outboundActive', tunnel: tunnel.id, spi });
    for (const { path } of tunnel.paths) path.keysCame(this.#now);
    settleLimit(tunnel);
    this.#dueAt(tunnel, 0);
  }

  #sendFailed(tunnel: TunnelPlane, path: PlanePath): void {
    this.#reporter.sendFailed(tunnel, path, this.#now);
    // What was to go over it goes over others.
    this.#dueAt(tunnel, 0);
  }

  #tooBig(tunnel: TunnelPlane, path: PlanePath): void {
    this.#reporter.tooBig(tunnel, path);
    // What the path takes is asked at once.
    this.#dueAt(tunnel, 0);
  }

  #mtuChanged(tunnel: TunnelPlane, path: PlanePath): void {
    const { before, size: after, cause } = path.mtu;
    const { id } = path.path;
    this.#line.tell({ kind: 'pathMtu', tunnel: tunnel.id, path: id, before, after, cause });
  }

  #pathChanged(tunnel: TunnelPlane, path: PlanePath, from: PathState, now: number): void {
    this.#line.tell({
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
    this.#line.tell({ kind: 'pathMoved', tunnel: tunnel.id, path: path.path.id, remote });
  }

  #carrierChanged(tunnel: TunnelPlane, path: PlanePath, evidence: CarrierEvidence): void {
    path.delivery.blocked = path.carriers.carrier === 'tcp' && path.stream?.armed === true;
    this.#inbound.forget();
    this.#line.tell({
      kind: 'pathCarrier',
      tunnel: tunnel.id,
      path: path.path.id,
      to: path.carriers.carrier,
      evidence,
    });
  }

  /** Hundreds of tunnels are idle while one is busy: those for which nothing is due cost a look at the time. */
  #service(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const tunnel of this.#plane.tunnels.values()) {
      if (this.#now >= tunnel.serviceAt) this.#serviceTunnel(tunnel);
      next = Math.min(next, tunnel.serviceAt);
    }
    this.#serviceAt = next;
  }

  /** The guard looks when there is something to do anyway: it does not wake an idle worker. */
  #watchOver(tunnel: TunnelPlane): void {
    tunnel.guardAt = this.#now + STEP;
    const carried = tunnel.counters[tunnelSlot.innerSentBytes] as number;
    const verdict = tunnel.guard.observe(tunnel.paths, carried, this.#now);
    if (verdict === undefined) return;
    const { kind, path, withIt, withoutIt, best, pause } = verdict;
    const figures = { withIt, withoutIt, best, pauseMillis: pause / 1000 };
    const demoted = kind === 'demoted';
    this.#line.tell({ kind: 'pathGuarded', tunnel: tunnel.id, path: path.path.id, demoted, ...figures });
  }

  #serviceTunnel(tunnel: TunnelPlane): void {
    tunnel.serviceAt = Number.POSITIVE_INFINITY;
    const reportAt = this.#reporter.service(tunnel, this.#now);
    this.#dueAt(tunnel, Math.min(reportAt, this.#inbound.service(tunnel, this.#now)));
    if (tunnel.paths.length > 1 && this.#now >= tunnel.guardAt) this.#watchOver(tunnel);
    if (!tunnel.held && tunnel.sent.wanted > 0) this.#drainDevice(tunnel);
    if (!tunnel.held) return;
    const roomAt = tunnel.heldUntil + HOLD_AT_LEAST;
    if (this.#now >= roomAt) this.#letGo(tunnel);
    else this.#dueAt(tunnel, roomAt);
  }

  #dueAt(tunnel: TunnelPlane, at: number): void {
    if (at < tunnel.serviceAt) tunnel.serviceAt = at;
    if (at < this.#serviceAt) this.#serviceAt = at;
  }

  #timeoutMillis(): number {
    if (this.#serviceAt === Number.POSITIVE_INFINITY) return -1;
    return Math.max(0, Math.ceil((this.#serviceAt - this.#now) / 1000));
  }
}
