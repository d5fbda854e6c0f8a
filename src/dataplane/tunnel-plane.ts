/**
 * One tunnel as the packet worker sees it: its device, its keys, its paths.
 *
 * Contract: plain state that `outbound`, `inbound` and `reporter` work on; nothing here touches the machine. Path
 * objects are made when a path is added and live until it is removed.
 */
import type { Arena } from '../linux/arena.ts';
import { clockOriginMillis } from '../linux/clock.ts';
import { SOCKET_ADDRESS_LENGTH, writeSocketAddress } from '../linux/socket-address.ts';
import { Assembly } from '../tunnel/aggfrag/reassembly.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import { LANES } from '../tunnel/esp/packet-number.ts';
import { FRAME_HEADER_LENGTH, FRAME_LONGEST } from '../tunnel/esp/stream-frame.ts';
import { InnerSources } from '../tunnel/inner-sources.ts';
import { Patience } from '../tunnel/order/patience.ts';
import { Resequencer } from '../tunnel/order/resequencer.ts';
import { type Carrier, CarrierChoice } from '../tunnel/path/carrier.ts';
import { Delivery } from '../tunnel/path/delivery.ts';
import { MtuSearch } from '../tunnel/path/mtu-search.ts';
import { Path } from '../tunnel/path/path.ts';
import { MAX_PATHS } from '../tunnel/path/report.ts';
import { Missing } from '../tunnel/repair/missing.ts';
import { SentLog } from '../tunnel/repair/sent-log.ts';
import { byArrival } from '../tunnel/schedule/by-arrival.ts';
import { byWeight } from '../tunnel/schedule/by-weight.ts';
import { Guard } from '../tunnel/schedule/guard.ts';
import type { ScheduledPath, Scheduler } from '../tunnel/schedule/scheduler.ts';
import { TrafficClasses } from '../tunnel/schedule/traffic-classes.ts';
import type { InboundAssociation, OutboundAssociation } from './association.ts';
import { pathSlot } from './counters.ts';
import type { PathStream } from './path-stream.ts';
import type { RemoteAddress, WorkerCommand } from './protocol.ts';

/** Longer than any packet, and an integer to V8, as infinity is not. */
export const NO_SIZE_LIMIT = 0x3fff_ffff;

/** Where nothing is known of a link: Ethernet's (bytes). */
const DEFAULT_MTU = 1_500;

/** A link's UDP socket. Paths refer to the object, so that one that is opened again serves them all. */
export type LinkSocket = { readonly id: number; fd: number };

export type PlanePath = ScheduledPath & {
  readonly path: Path;
  /** -1 for one of its own. */
  readonly link: number;
  readonly carriers: CarrierChoice;
  /** Whether this side makes the connection, and speaks first there. */
  readonly initiates: boolean;
  /** By what the peer sends. */
  heardBy: Carrier;
  /** Its own TCP connection, while there is one. */
  stream: PathStream | undefined;
  socket: LinkSocket;
  /** Where the remote socket address lies in the arena, and how long it is (0: not known yet). */
  readonly name: number;
  nameLength: number;
  /** The largest packet that comes through by UDP. */
  readonly mtu: MtuSearch;
  /** Whether the kernel takes bursts apart for us on this way out. */
  segmented: boolean;
  readonly counters: Float64Array;
  /** What was received on this path, for our reports: newest number, under which SPI, when (µs), how much. */
  receivedSpi: number;
  receivedNewest: number;
  receivedAt: number;
  /** When data came over it last (µs): reports alone do not make it one that others have to wait for. */
  receivedDataAt: number;
  receivedPackets: number;
  receivedBytes: number;
  /** The newest report received on this path: under which SPI, its number and stamp, and when it came (µs). */
  reportSpi: number;
  /** The SPI of the reports before: what still comes under it is old. */
  earlierReportSpi: number;
  reportNumber: number;
  reportStamp: number;
  reportAt: number;
  /** The number of our own newest report. */
  ownReports: number;
  answerDue: boolean;
};

export class TunnelPlane {
  readonly id: number;
  /** -1 while the device is gone. */
  tunFd: number;
  udpOffload: boolean;
  readonly innerSources: InnerSources;
  readonly counters: Float64Array;
  readonly paths: PlanePath[] = [];
  readonly scheduler: Scheduler;
  readonly guard = new Guard();
  /** When the guard looks next (µs). */
  guardAt = DOUBLE_ZERO;
  readonly classes: TrafficClasses;
  /** The path that each pinned class is on, by its id; -1 for none yet. */
  readonly pinned: Int32Array;
  /** What is subtracted from the peer's clock so that differences of the clocks are small (µs, modulo 2^32). */
  clockReference = DOUBLE_ZERO;
  clockKnown = false;
  /** Until then every path has as much as it should, and the device is not read (µs). */
  heldUntil = DOUBLE_ZERO;
  held = false;
  /** When reports, order or room have to be looked at (µs). */
  serviceAt = DOUBLE_ZERO;
  outbound: OutboundAssociation | undefined;
  /** New keys that wait for the peer to be heard on the inbound SPI that belongs to them. */
  pending: { readonly association: OutboundAssociation; readonly whenHeardOn: number } | undefined;
  rekeyAsked = false;
  /** How long packets are waited for. */
  readonly patience = new Patience();
  #lanes: readonly Resequencer[] | undefined;
  #assemblies: readonly Assembly[] | undefined;
  /** No sealed packet is longer, where the peer can put together what was cut (`path-sizes.ts`). */
  sizeLimit = NO_SIZE_LIMIT;
  /** What the newest keys received, for our reports of what is missing. */
  received: InboundAssociation | undefined;
  readonly missing = new Missing();
  /** What was sent under the newest keys and may have to be sent again. */
  readonly sent = new SentLog();
  /** The first of the peer's numbers that it could send again; 0 while it has not told. */
  peerKept = DOUBLE_ZERO;
  lastReportAt = DOUBLE_ZERO;
  /** The newest report of all paths: its stamp, and under which SPI it came. */
  newestStamp = DOUBLE_ZERO;
  newestStampSpi = DOUBLE_ZERO;
  orderSpi = DOUBLE_ZERO;
  earlierOrderSpi = DOUBLE_ZERO;
  /** When data that arrived has to be reported (µs). */
  reportAt = Number.POSITIVE_INFINITY;

  constructor(command: Extract<WorkerCommand, { kind: 'addTunnel' }>) {
    this.id = command.tunnel;
    this.tunFd = command.tunFd;
    this.udpOffload = command.udpOffload;
    this.innerSources = new InnerSources(command.innerSources);
    this.counters = new Float64Array(command.counters);
    this.classes = new TrafficClasses(command.classes ?? []);
    this.pinned = new Int32Array(this.classes.count).fill(-1);
    this.scheduler = command.schedule === 'weight' ? byWeight : byArrival;
  }

  /**
   * The order of what arrives, by lane, under the newest SPI heard; under the one before, packets are not waited for. The
   * first is there for what has no lane, and never used. Most of many tunnels carry nothing: they have none.
   */
  get lanes(): readonly Resequencer[] {
    this.#lanes ??= Array.from({ length: LANES }, () => new Resequencer(this.patience));
    return this.#lanes;
  }

  /** Per lane, the packet of which only the beginning has come. */
  get assemblies(): readonly Assembly[] {
    this.#assemblies ??= Array.from({ length: LANES }, () => new Assembly());
    return this.#assemblies;
  }

  /**
   * What was sent to us under these keys before this number is not under way any more: links deliver in order (RFC 1990,
   * 4). A path that brought nothing for as long as packets needed lately has nothing under way. Infinity without a path.
   */
  notUnderWayBefore(spi: number, now: number): number {
    const patience = this.patience.learnt;
    let lowest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.paths.length; index++) {
      const path = this.paths[index] as PlanePath;
      // Where the peer repairs, it checks for itself what is lost: a path without data need not be waited for.
      const heardAt = this.peerKept > 0 ? path.receivedDataAt : path.path.lastHeardAt;
      if (now - heardAt > patience) continue;
      const newest = path.receivedSpi === spi ? path.receivedNewest : 0;
      if (newest < lowest) lowest = newest;
    }
    return lowest;
  }

  pathById(id: number): PlanePath | undefined {
    for (let index = 0; index < this.paths.length; index++) {
      const candidate = this.paths[index] as PlanePath;
      if (candidate.path.id === id) return candidate;
    }
    return undefined;
  }

  /** @throws RangeError when there are as many as a report has room for */
  addPath(
    command: Extract<WorkerCommand, { kind: 'addPath' }>,
    socket: LinkSocket,
    arena: Arena,
    names: NameMemory,
    now: number,
  ): PlanePath {
    if (this.paths.length === MAX_PATHS) throw new RangeError(`a tunnel has at most ${MAX_PATHS} paths`);
    const added: PlanePath = {
      path: new Path(command.path, command.keepaliveMillis * 1000, now),
      link: command.link ?? -1,
      carriers: new CarrierChoice(command.encapsulation ?? 'auto'),
      initiates: command.initiates ?? false,
      mtu: new MtuSearch(command.mtu ?? DEFAULT_MTU),
      heardBy: 'udp',
      stream: undefined,
      delivery: new Delivery(command.rate),
      weight: command.weight + DOUBLE_ZERO,
      clock: DOUBLE_ZERO,
      demoted: false,
      socket,
      name: names.take(),
      nameLength: 0,
      segmented: true,
      counters: new Float64Array(command.counters),
      receivedSpi: DOUBLE_ZERO,
      receivedNewest: DOUBLE_ZERO,
      receivedAt: DOUBLE_ZERO,
      receivedDataAt: DOUBLE_ZERO,
      receivedPackets: DOUBLE_ZERO,
      receivedBytes: DOUBLE_ZERO,
      reportSpi: DOUBLE_ZERO,
      earlierReportSpi: DOUBLE_ZERO,
      reportNumber: DOUBLE_ZERO,
      reportStamp: DOUBLE_ZERO,
      reportAt: DOUBLE_ZERO,
      ownReports: 0,
      answerDue: false,
    };
    this.paths.push(added);
    setRemote(added, command.remote, arena);
    publishPath(added);
    return added;
  }

  /** When the first gap in any lane is given up (µs); Infinity when nothing waits. */
  get orderDueAt(): number {
    let due = Number.POSITIVE_INFINITY;
    if (this.#lanes === undefined) return due;
    for (let lane = 1; lane < LANES; lane++) {
      due = Math.min(due, (this.#lanes[lane] as Resequencer).dueAt);
    }
    return due;
  }

  takeAssociationsOf(inbound: Map<number, InboundAssociation>): void {
    this.outbound?.close();
    this.pending?.association.close();
    this.outbound = undefined;
    this.pending = undefined;
    for (const association of inbound.values()) {
      if (association.tunnel !== this.id) continue;
      association.close();
      inbound.delete(association.spi | 0);
    }
  }
}

/** Socket addresses of removed paths are used again. */
export class NameMemory {
  readonly #arena: Arena;
  readonly #free: number[] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  take(): number {
    return this.#free.pop() ?? this.#arena.reserve(SOCKET_ADDRESS_LENGTH);
  }

  give(offset: number): void {
    this.#free.push(offset);
  }
}

export function setRemote(path: PlanePath, remote: RemoteAddress | undefined, arena: Arena): void {
  path.nameLength =
    remote === undefined ? 0 : writeSocketAddress(arena, path.name, remote.address, remote.port);
  // Another way out may well take bursts apart.
  path.segmented = true;
}

/** Whether a packet can be sent by what carries the path. */
export function hasWayOut(path: PlanePath): boolean {
  if (path.carriers.carrier === 'tcp') return path.stream?.mayWrite === true;
  return hasUdp(path);
}

export function hasUdp({ nameLength, socket }: PlanePath): boolean {
  return nameLength > 0 && socket.fd >= 0;
}

/** IP and UDP in front of an ESP packet. */
export function outerHeaders({ nameLength }: PlanePath): number {
  return nameLength === 28 ? 48 : 28;
}

/** The longest sealed packet that comes through on the path, as far as is known. */
export function sealedLimit(path: PlanePath): number {
  if (path.carriers.carrier === 'tcp') return FRAME_LONGEST - FRAME_HEADER_LENGTH;
  return (path.mtu.size - outerHeaders(path)) & ~3;
}

/** States as numbers, in the order in which `status` knows them. */
export const pathStates = ['probing', 'up', 'suspect', 'down'] as const;

/** Copies what the main thread shows of a path to the shared counters. */
export function publishPath(plane: PlanePath): void {
  const { counters, path } = plane;
  counters[pathSlot.state] = pathStates.indexOf(path.state);
  counters[pathSlot.byTcp] = plane.carriers.carrier === 'tcp' ? 1 : 0;
  counters[pathSlot.roundTripMillis] = path.rtt / 1000;
  counters[pathSlot.demoted] = plane.demoted ? 1 : 0;
  counters[pathSlot.lineRate] = plane.delivery.measuredRate;
  counters[pathSlot.lineQueueMillis] = plane.delivery.queue / 1000;
  counters[pathSlot.lineLoss] = plane.delivery.loss;
  counters[pathSlot.roundTripVariationMillis] = path.rttVariation / 1000;
  // Each thread's clock starts with the thread; with its origin added both threads mean the same.
  counters[pathSlot.lastHeardAtMillis] = clockOriginMillis + path.lastHeardAt / 1000;
  counters[pathSlot.receivedPackets] = plane.receivedPackets;
  counters[pathSlot.receivedBytes] = plane.receivedBytes;
  counters[pathSlot.mtu] = plane.mtu.isKnown && plane.carriers.carrier === 'udp' ? plane.mtu.size : 0;
  counters[pathSlot.segmentedSending] = plane.segmented ? 1 : 0;
}
