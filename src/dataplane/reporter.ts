/**
 * Reports between the two ends of a tunnel: writes ours, reads theirs, and keeps the paths' states by them.
 *
 * Contract: `arrived` takes an authentic report; `service` sends what is due and makes due transitions, and tells when it
 * wants to be called again. A path whose peer is heard from another address follows it (NAT, DHCP).
 */
import type { Arena } from '../linux/arena.ts';
import { readSocketAddress, SOCKET_ADDRESS_LENGTH, sameSocketAddress } from '../linux/socket-address.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import type { Carrier } from '../tunnel/path/carrier.ts';
import { QUEUE_TARGET } from '../tunnel/path/delivery.ts';
import { type PathState, REPORT_INTERVAL } from '../tunnel/path/path.ts';
import {
  gapMissing,
  gapReceived,
  LONGEST_AGE,
  RECORD_LENGTH,
  REPORT_HEADER_LENGTH,
  REPORT_LONGEST,
  type ReceptionRecord,
  type ReportHeader,
  readGaps,
  readRecord,
  readReportHeader,
  recordOffset,
  writeGaps,
  writeRecord,
  writeReportHeader,
} from '../tunnel/path/report.ts';
import { count, pathSlot, tunnelSlot } from './counters.ts';
import type { Arrival } from './inbound.ts';
import type { Outbound } from './outbound.ts';
import { PathSizes, type SizeListener, settleLimit } from './path-sizes.ts';
import type { PathStream } from './path-stream.ts';
import type { CarrierEvidence, RemoteAddress } from './protocol.ts';
import { type PlanePath, publishPath, type TunnelPlane } from './tunnel-plane.ts';

/** Where the peer sends again what was lost, it is waited for so long at least (µs): a path's death takes time to be noticed. */
const REPAIR_PATIENCE = 300_000;
/** How often the shared figures of a path are renewed when nothing else happens (µs). */
const PUBLISH_INTERVAL = 100_000;

export type PathListener = {
  pathChanged(tunnel: TunnelPlane, path: PlanePath, from: PathState, now: number): void;
  pathMoved(tunnel: TunnelPlane, path: PlanePath, remote: RemoteAddress): void;
  carrierChanged(tunnel: TunnelPlane, path: PlanePath, evidence: CarrierEvidence): void;
  /** Nothing is answered on the path's own connection. */
  streamSilent(stream: PathStream): void;
} & SizeListener;

export class Reporter {
  readonly #arena: Arena;
  readonly #outbound: Outbound;
  readonly #listener: PathListener;
  readonly #sizes: PathSizes;
  readonly #buffer: number;
  readonly #header: ReportHeader = {
    answerAtOnce: false,
    trial: false,
    size: false,
    path: 0,
    number: 0,
    stamp: 0,
    echo: 0,
    held: 0,
  };
  readonly #record: ReceptionRecord = {
    path: 0,
    age: DOUBLE_ZERO,
    spi: 0,
    newest: 0,
    packets: 0,
    bytes: 0,
  };
  readonly #gaps = { spi: 0, floor: DOUBLE_ZERO, kept: DOUBLE_ZERO };
  readonly #reception = { spi: 0, newest: 0, arrivedClock: 0, packets: 0, bytes: 0 };

  constructor(arena: Arena, outbound: Outbound, listener: PathListener) {
    this.#arena = arena;
    this.#outbound = outbound;
    this.#listener = listener;
    this.#sizes = new PathSizes(arena, outbound, listener);
    this.#buffer = arena.reserve(REPORT_LONGEST + 16);
  }

  arrived(tunnel: TunnelPlane, arrival: Arrival, offset: number, length: number, now: number): void {
    const data = this.#arena.data;
    const header = this.#header;
    const records = readReportHeader(data, offset, length, header);
    if (records < 0) {
      count(tunnel.counters, tunnelSlot.reportsRefused);
      return;
    }
    count(tunnel.counters, tunnelSlot.reportsReceived);
    const path = tunnel.pathById(header.path);
    const { trial, answerAtOnce } = this.#header;
    if (header.size) {
      if (path !== undefined) this.#sizes.arrived(tunnel, path, header, now);
      return;
    }
    if (path !== undefined && !trial) this.#takeHeader(tunnel, path, arrival, now);
    for (let index = 0; index < records; index++) {
      readRecord(data, recordOffset(offset, index), this.#record);
      this.#takeRecord(tunnel, now);
    }
    this.#takeGaps(tunnel, arrival.spi, recordOffset(offset, records), offset + length, now);
    if (path !== undefined && trial) return this.#takeTrial(tunnel, path, arrival, answerAtOnce, now);
    // The answer goes out only now, so that it says what this report changed.
    if (path?.answerDue === true) this.#send(tunnel, path, false, now);
  }

  /** Sends what is due on this tunnel's paths. @returns when it wants to be called again (µs) */
  service(tunnel: TunnelPlane, now: number): number {
    const reportDue = now >= tunnel.reportAt;
    if (reportDue) {
      tunnel.reportAt = Number.POSITIVE_INFINITY;
      tunnel.lastReportAt = now;
    }
    let next = now + PUBLISH_INTERVAL;
    for (let index = 0; index < tunnel.paths.length; index++) {
      const path = tunnel.paths[index] as PlanePath;
      const before = path.path.state;
      if (path.path.poll(now)) this.#changed(tunnel, path, before, now);
      this.#chooseCarrier(tunnel, path, now);
      if (now >= path.path.probeAt) this.#send(tunnel, path, true, now);
      else if (reportDue && path.path.state === 'up') this.#send(tunnel, path, false, now);
      next = Math.min(next, this.#sizes.service(tunnel, path, now), path.path.nextDeadline);
      publishPath(path);
    }
    return Math.min(next, tunnel.reportAt);
  }

  /** A local failure to send, told by the outbound side. */
  sendFailed(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const before = path.path.state;
    if (path.path.failed(now)) this.#changed(tunnel, path, before, now);
  }

  /** The kernel refused data of the size that the path is thought to take. */
  tooBig(tunnel: TunnelPlane, path: PlanePath): void {
    this.#sizes.tooBig(tunnel, path);
  }

  /** The path's socket was closed. */
  lost(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const before = path.path.state;
    path.delivery.forget();
    if (path.path.lost(now)) this.#changed(tunnel, path, before, now);
  }

  /** The path starts from the beginning, over another socket or to another address. */
  restart(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const before = path.path.state;
    path.reportNumber = 0;
    path.reportStamp = 0;
    path.receivedSpi = 0;
    path.mtu.restart();
    path.delivery.forget();
    if (path.path.restart(now)) this.#changed(tunnel, path, before, now);
  }

  /** The path's own connection is there: by the first word on it the other end learns so. */
  streamOpened(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    path.carriers.opened();
    if (path.carriers.carrier === 'tcp') path.path.askNow(now);
    else if (path.initiates && path.carriers.allows('tcp')) this.#try(tunnel, path, 'tcp', true, now);
  }

  /** The path's own connection is no more. */
  streamClosed(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const carried = path.carriers.carrier === 'tcp';
    const evidence = evidenceOf(path, 'lost', now);
    const changed = path.carriers.closed();
    if (!carried) return;
    path.mtu.restart();
    path.delivery.forget();
    path.path.marks.clear();
    this.sendFailed(tunnel, path, now);
    if (changed) this.#listener.carrierChanged(tunnel, path, evidence);
  }

  #chooseCarrier(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const { carriers, stream } = path;
    switch (carriers.poll(path.path.state, path.path.since, now)) {
      case 'stay':
        return;
      case 'try':
        this.#try(tunnel, path, carriers.carrier === 'tcp' ? 'udp' : 'tcp', true, now);
        return carriers.trialSent(now);
      case 'turn':
        return this.#turn(tunnel, path, 'trials', now);
      case 'abandon':
        if (stream !== undefined) this.#listener.streamSilent(stream);
    }
  }

  #turn(tunnel: TunnelPlane, path: PlanePath, cause: 'trials' | 'peer', now: number): void {
    const before = path.path.state;
    const evidence = evidenceOf(path, cause, now);
    path.carriers.turn(now);
    path.mtu.restart();
    path.delivery.forget();
    // What was under way by the other carrier may be lost; where it is not, the far side takes the first copy.
    if (before === 'up') tunnel.sent.pathDied(path.path.id, now);
    if (path.path.turned(now)) this.#changed(tunnel, path, before, now);
    else tunnel.sent.pathLives(path.path.id);
    this.#listener.carrierChanged(tunnel, path, evidence);
  }

  #takeTrial(tunnel: TunnelPlane, path: PlanePath, arrival: Arrival, asks: boolean, now: number): void {
    const carrier = carrierOf(arrival);
    if (!path.carriers.allows(carrier)) return;
    if (carrier === 'udp' && path.heardBy === 'tcp') this.#learnName(path, arrival);
    if (asks) this.#try(tunnel, path, carrier, false, now);
    else path.carriers.trialAnswered(carrier, now);
  }

  /** Asks whether the carrier carries both ways, or says so. */
  #try(tunnel: TunnelPlane, path: PlanePath, carrier: Carrier, asks: boolean, now: number): void {
    const length = this.#write(tunnel, path, asks, now, true);
    this.#outbound.sendTrial(tunnel, path, carrier, this.#buffer, length);
  }

  #takeHeader(tunnel: TunnelPlane, path: PlanePath, arrival: Arrival, now: number): void {
    const header = this.#header;
    if (this.#isNewest(path, arrival.spi)) {
      path.reportNumber = header.number;
      path.reportStamp = header.stamp;
      path.reportAt = now;
      this.#follow(tunnel, path, arrival, now);
      if (header.echo !== 0) {
        const roundTrip = ((now >>> 0) - header.echo - header.held) >>> 0;
        // A clock that is read in both directions cannot run backwards; what is absurd is not used.
        if (roundTrip < 60_000_000) path.path.measured(Math.max(1, roundTrip));
      }
    }
    path.path.heard(now);
    if (!header.answerAtOnce) return;
    path.answerDue = true;
    path.path.asked(now);
  }

  /** A peer that started anew, which brings new keys, counts its reports from the beginning. */
  #isNewest(path: PlanePath, spi: number): boolean {
    if (spi === path.reportSpi) return this.#header.number > path.reportNumber;
    if (spi === path.earlierReportSpi) return false;
    path.earlierReportSpi = path.reportSpi;
    path.reportSpi = spi;
    return true;
  }

  /** The peer is heard on this path from where we did not expect it: its address changed. */
  #follow(tunnel: TunnelPlane, path: PlanePath, arrival: Arrival, now: number): void {
    const carrier = carrierOf(arrival);
    const known = path.nameLength > 0;
    const turned = path.heardBy !== carrier;
    const moved = carrier === 'udp' && !this.#isNamed(path, arrival);
    if (!turned && !moved) return;
    // The packet that told us was booked on no path, as its way was another one.
    bookFirst(path, arrival, now);
    path.heardBy = carrier;
    if (turned && path.carriers.follows(carrier)) this.#turn(tunnel, path, 'peer', now);
    if (!moved) return;
    const remote = this.#learnName(path, arrival);
    if (known && path.carriers.carrier === 'udp') this.#restartAfterMove(tunnel, path, now);
    this.#listener.pathMoved(tunnel, path, remote);
  }

  /** Whether a datagram came from where the path is known to lead. */
  #isNamed(path: PlanePath, { socket, sender }: Arrival): boolean {
    const { data } = this.#arena;
    return path.nameLength > 0 && path.socket === socket && sameSocketAddress(data, path.name, data, sender);
  }

  #learnName(path: PlanePath, arrival: Arrival): RemoteAddress {
    const arena = this.#arena;
    path.socket = arrival.socket;
    arena.bytes.copyWithin(path.name, arrival.sender, arrival.sender + SOCKET_ADDRESS_LENGTH);
    const remote = readSocketAddress(arena, arrival.sender);
    path.nameLength = remote.address.length === 16 ? 28 : 16;
    path.segmented = true;
    return remote;
  }

  #restartAfterMove(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const before = path.path.state;
    path.mtu.restart();
    path.delivery.forget();
    if (path.path.restart(now)) this.#changed(tunnel, path, before, now);
  }

  #takeRecord(tunnel: TunnelPlane, now: number): void {
    const record = this.#record;
    const path = tunnel.pathById(record.path);
    if (path === undefined) return;
    if (record.spi === tunnel.outbound?.spi) tunnel.sent.reported(record.path, record.newest);
    path.counters[pathSlot.peerReceivedPackets] = record.packets;
    if (record.age < LONGEST_AGE) this.#measure(tunnel, path, now);
    const before = path.path.state;
    if (path.path.covered(record.spi, record.newest, now)) this.#changed(tunnel, path, before, now);
  }

  /** What the peer misses is sent again; what it has need not be kept. */
  #takeGaps(tunnel: TunnelPlane, spi: number, at: number, end: number, now: number): void {
    const data = this.#arena.data;
    const gaps = readGaps(data, at, end - at, this.#gaps);
    if (gaps < 0) return;
    if (spi === tunnel.orderSpi && this.#gaps.kept > tunnel.peerKept) {
      tunnel.peerKept = this.#gaps.kept;
      tunnel.patience.least = REPAIR_PATIENCE;
    }
    if (this.#gaps.spi !== tunnel.outbound?.spi || !this.#isNewestOfAll(tunnel, spi)) return;
    tunnel.sent.complete(this.#gaps.floor);
    const again = now - this.#repairTime(tunnel);
    let number = this.#gaps.floor;
    for (let index = 0; index < gaps; index++) {
      const missing = gapMissing(data, at, index);
      tunnel.sent.missing(number, missing, again, now);
      number += missing + gapReceived(data, at, index);
    }
  }

  /**
   * Reports come over all paths: one that took a slow path tells of gaps that were filled since, and later reports of
   * other paths make them look like losses.
   */
  #isNewestOfAll(tunnel: TunnelPlane, spi: number): boolean {
    const { stamp } = this.#header;
    const later = ((stamp - tunnel.newestStamp) | 0) > 0;
    if (spi === tunnel.newestStampSpi && !later) return false;
    tunnel.newestStamp = stamp;
    tunnel.newestStampSpi = spi;
    return true;
  }

  /** What was sent again should have been reported after this time (µs). */
  #repairTime(tunnel: TunnelPlane): number {
    let longest = 0;
    for (let index = 0; index < tunnel.paths.length; index++) {
      const { path } = tunnel.paths[index] as PlanePath;
      if (path.state === 'up') longest = Math.max(longest, path.rtt + 4 * path.rttVariation);
    }
    return longest + QUEUE_TARGET + 2 * REPORT_INTERVAL;
  }

  /** What the record says of the line. */
  #measure(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const record = this.#record;
    const arrivedClock = (this.#header.stamp - record.age) >>> 0;
    if (!tunnel.clockKnown) {
      tunnel.clockKnown = true;
      tunnel.clockReference = (arrivedClock - (now >>> 0)) >>> 0;
    }
    const reception = this.#reception;
    reception.spi = record.spi;
    reception.newest = record.newest;
    reception.arrivedClock = (arrivedClock - tunnel.clockReference) >>> 0;
    reception.packets = record.packets;
    reception.bytes = record.bytes;
    path.delivery.received(reception, path.path.rtt, now);
  }

  #changed(tunnel: TunnelPlane, path: PlanePath, from: PathState, now: number): void {
    if (from === 'up') tunnel.sent.pathDied(path.path.id, now);
    if (path.path.state === 'up') tunnel.sent.pathLives(path.path.id);
    if (path.path.state === 'up') tunnel.scheduler.joined(tunnel.paths, path);
    if (path.path.state === 'suspect') path.mtu.suspect(now);
    settleLimit(tunnel);
    publishPath(path);
    this.#listener.pathChanged(tunnel, path, from, now);
    if (path.path.state === 'suspect') this.#suspectAlike(tunnel, path, now);
  }

  /**
   * Paths die together: those of the same link, and one that is silent as long as the one in question while the peer is heard
   * over others. They would be taken for what the first one lost; a probe tells in a round trip whether they live.
   */
  #suspectAlike(tunnel: TunnelPlane, questioned: PlanePath, now: number): void {
    const { lastHeardAt } = questioned.path;
    let heardAt = 0;
    for (const { path } of tunnel.paths) heardAt = Math.max(heardAt, path.lastHeardAt);
    const othersHeard = heardAt - lastHeardAt >= 2 * REPORT_INTERVAL;
    for (const other of tunnel.paths) {
      const sameLink = other.link >= 0 && other.link === questioned.link;
      const sameSilence = othersHeard && other.path.lastHeardAt <= lastHeardAt + REPORT_INTERVAL;
      if (other.path.state !== 'up' || !(sameLink || sameSilence)) continue;
      if (other.path.failed(now)) this.#changed(tunnel, other, 'up', now);
    }
  }

  #send(tunnel: TunnelPlane, path: PlanePath, answerAtOnce: boolean, now: number): void {
    path.answerDue = false;
    const length = this.#write(tunnel, path, answerAtOnce, now, false);
    const sequence = this.#outbound.sendOwn(tunnel, path, this.#buffer, length, now);
    if (answerAtOnce) path.path.probed(now);
    const association = tunnel.outbound;
    if (sequence === 0 || association === undefined) return;
    count(tunnel.counters, tunnelSlot.reportsSent);
    count(path.counters, pathSlot.sentPackets);
    if (answerAtOnce) path.path.probeSent(association.spi, sequence, now);
    else path.path.answered(association.spi, sequence, now);
  }

  #write(tunnel: TunnelPlane, path: PlanePath, answerAtOnce: boolean, now: number, trial: boolean): number {
    const data = this.#arena.data;
    const header = this.#header;
    path.ownReports++;
    header.answerAtOnce = answerAtOnce;
    header.trial = trial;
    header.size = false;
    header.path = path.path.id;
    header.number = path.ownReports;
    header.stamp = now >>> 0 || 1;
    header.echo = path.reportStamp;
    header.held = path.reportStamp === 0 ? 0 : Math.min(0xffff_ffff, now - path.reportAt) >>> 0;
    writeReportHeader(data, this.#buffer, header, tunnel.paths.length);
    for (let index = 0; index < tunnel.paths.length; index++) {
      this.#writeRecord(tunnel.paths[index] as PlanePath, recordOffset(this.#buffer, index), now);
    }
    const length = REPORT_HEADER_LENGTH + tunnel.paths.length * RECORD_LENGTH;
    return length + this.#writeGaps(tunnel, this.#buffer + length, now);
  }

  #writeGaps(tunnel: TunnelPlane, at: number, now: number): number {
    const { received, missing, sent, outbound } = tunnel;
    if (received !== undefined) {
      missing.survey(received.window, now);
    }
    const gaps = this.#gaps;
    gaps.spi = received?.spi ?? 0;
    gaps.floor = missing.floor;
    gaps.kept = sent.oldest > 0 ? sent.oldest : (outbound?.sequence ?? 0) + 1;
    return writeGaps(this.#arena.data, at, gaps, missing.runs, missing.gaps);
  }

  #writeRecord(path: PlanePath, at: number, now: number): void {
    const record = this.#record;
    record.path = path.path.id;
    record.spi = path.receivedSpi;
    record.newest = path.receivedNewest;
    record.age = now - path.receivedAt;
    record.packets = path.receivedPackets >>> 0;
    record.bytes = path.receivedBytes >>> 0;
    writeRecord(this.#arena.data, at, record);
  }
}

function carrierOf({ stream }: Arrival): Carrier {
  return stream === undefined ? 'udp' : 'tcp';
}

/** A packet that was booked on no path, as it came by an unknown way, belongs to this one. */
function bookFirst(path: PlanePath, { spi, sequence, length }: Arrival, now: number): void {
  path.receivedSpi = spi;
  path.receivedNewest = sequence;
  path.receivedAt = now;
  path.receivedPackets++;
  path.receivedBytes += length;
}

function evidenceOf(
  { path, carriers }: PlanePath,
  cause: CarrierEvidence['cause'],
  now: number,
): CarrierEvidence {
  return {
    cause,
    answeredTrials: carriers.answers,
    lastHeardMillisAgo: Math.max(0, now - path.lastHeardAt) / 1000,
  };
}
