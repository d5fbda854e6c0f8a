/**
 * What a peer's reports bring, and what is due on a tunnel's paths: the reports' heads and records, and what is missing.
 *
 * Contract: `arrived` takes an authentic report; `service` sends what is due and makes due transitions, and tells when it
 * wants to be called again. Everything that happens to a path is told here, and handed on: what its change of state brings to
 * `path-verdicts.ts`, by what and where to its packets go to `path-ways.ts`, how large they may be to `path-sizes.ts`.
 */
import type { Arena } from '../linux/arena.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import { QUEUE_TARGET } from '../tunnel/path/delivery.ts';
import { REPORT_INTERVAL } from '../tunnel/path/path.ts';
import {
  gapMissing,
  gapReceived,
  LONGEST_AGE,
  openReceptionRecord,
  openReportHeader,
  readGaps,
  readRecord,
  readReportHeader,
  recordOffset,
} from '../tunnel/path/report.ts';
import type { Arrival } from './arrival.ts';
import { count, pathSlot, tunnelSlot } from './counters.ts';
import type { Outbound } from './outbound.ts';
import { PathSizes, type SizeListener } from './path-sizes.ts';
import { PathVerdicts, type VerdictListener } from './path-verdicts.ts';
import { PathWays, type WayListener } from './path-ways.ts';
import { ReportWriter } from './report-writer.ts';
import { type PlanePath, publishPath, type TunnelPlane } from './tunnel-plane.ts';

/** Where the peer sends again what was lost, it is waited for so long at least (µs): a path's death takes time to be noticed. */
const REPAIR_PATIENCE = 300_000;
/** How often the shared figures of a path are renewed when nothing else happens (µs). */
const PUBLISH_INTERVAL = 100_000;

export type PathListener = VerdictListener & WayListener & SizeListener;

export class Reporter {
  readonly #arena: Arena;
  readonly #writer: ReportWriter;
  readonly #verdicts: PathVerdicts;
  readonly #ways: PathWays;
  readonly #sizes: PathSizes;
  readonly #header = openReportHeader();
  readonly #record = openReceptionRecord();
  readonly #gaps = { spi: DOUBLE_ZERO, floor: DOUBLE_ZERO, kept: DOUBLE_ZERO };
  readonly #reception = {
    spi: DOUBLE_ZERO,
    newest: DOUBLE_ZERO,
    arrivedClock: DOUBLE_ZERO,
    packets: DOUBLE_ZERO,
    bytes: DOUBLE_ZERO,
  };

  constructor(arena: Arena, outbound: Outbound, listener: PathListener) {
    this.#arena = arena;
    this.#writer = new ReportWriter(arena, outbound);
    this.#verdicts = new PathVerdicts(listener);
    this.#ways = new PathWays(arena, this.#writer, this.#verdicts, listener);
    this.#sizes = new PathSizes(arena, outbound, listener);
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
    const { trial, answerAtOnce } = header;
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
    if (path !== undefined && trial) return this.#ways.trial(tunnel, path, arrival, answerAtOnce, now);
    // The answer goes out only now, so that it says what this report changed.
    if (path?.answerDue === true) this.#writer.report(tunnel, path, false, now);
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
      if (path.path.poll(now)) this.#verdicts.changed(tunnel, path, before, now);
      this.#ways.service(tunnel, path, now);
      if (now >= path.path.probeAt) this.#writer.report(tunnel, path, true, now);
      else if (reportDue && path.path.state === 'up') this.#writer.report(tunnel, path, false, now);
      next = Math.min(next, this.#sizes.service(tunnel, path, now), path.path.nextDeadline);
      publishPath(path);
    }
    return Math.min(next, tunnel.reportAt);
  }

  /** A local failure to send, told by the outbound side. */
  sendFailed(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    this.#verdicts.failed(tunnel, path, now);
  }

  /** The kernel refused data of the size that the path is thought to take. */
  tooBig(tunnel: TunnelPlane, path: PlanePath): void {
    this.#sizes.tooBig(tunnel, path);
  }

  /** The path's socket was closed. */
  lost(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    this.#verdicts.lost(tunnel, path, now);
  }

  /** The path starts from the beginning, over another socket or to another address. */
  restart(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    path.reportNumber = 0;
    path.reportStamp = 0;
    path.receivedSpi = 0;
    this.#verdicts.restart(tunnel, path, now);
  }

  /** The path's own connection is there. */
  streamOpened(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    this.#ways.streamOpened(tunnel, path, now);
  }

  /** The path's own connection is no more. */
  streamClosed(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    this.#ways.streamClosed(tunnel, path, now);
  }

  #takeHeader(tunnel: TunnelPlane, path: PlanePath, arrival: Arrival, now: number): void {
    const header = this.#header;
    if (this.#isNewest(path, arrival.spi)) {
      path.reportNumber = header.number;
      path.reportStamp = header.stamp;
      path.reportAt = now;
      this.#ways.heard(tunnel, path, arrival, now);
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

  #takeRecord(tunnel: TunnelPlane, now: number): void {
    const record = this.#record;
    const path = tunnel.pathById(record.path);
    if (path === undefined) return;
    if (record.spi === tunnel.outbound?.spi) tunnel.sent.reported(record.path, record.newest);
    path.counters[pathSlot.peerReceivedPackets] = record.packets;
    if (record.age < LONGEST_AGE) this.#measure(tunnel, path, now);
    const before = path.path.state;
    if (path.path.covered(record.spi, record.newest, now)) this.#verdicts.changed(tunnel, path, before, now);
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
    // Of a burst that came in part, that part.
    if (tunnel.sent.wanted > 0) tunnel.sent.arrived(0, this.#gaps.floor);
    const again = now - this.#repairTime(tunnel);
    let number = this.#gaps.floor;
    for (let index = 0; index < gaps; index++) {
      const missing = gapMissing(data, at, index);
      const received = gapReceived(data, at, index);
      tunnel.sent.missing(number, missing, again, now);
      if (tunnel.sent.wanted > 0) tunnel.sent.arrived(number + missing, received);
      number += missing + received;
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
}
