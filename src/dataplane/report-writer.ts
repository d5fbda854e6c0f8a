/**
 * Composes our reports and trials, and sends them.
 *
 * Contract: `report` sends over what carries the path, and books the packet as the path's own; `trial` goes by the carrier that
 * is named and is booked nowhere. Whatever either says is as of now. Allocates nothing.
 */
import type { Arena } from '../linux/arena.ts';
import { DOUBLE_ZERO } from '../tunnel/double-zero.ts';
import type { Carrier } from '../tunnel/path/carrier.ts';
import {
  openReceptionRecord,
  openReportHeader,
  RECORD_LENGTH,
  REPORT_HEADER_LENGTH,
  REPORT_LONGEST,
  recordOffset,
  writeGaps,
  writeRecord,
  writeReportHeader,
} from '../tunnel/path/report.ts';
import { count, pathSlot, tunnelSlot } from './counters.ts';
import type { Outbound } from './outbound.ts';
import type { PlanePath, TunnelPlane } from './tunnel-plane.ts';

export class ReportWriter {
  readonly #arena: Arena;
  readonly #outbound: Outbound;
  readonly #buffer: number;
  readonly #header = openReportHeader();
  readonly #record = openReceptionRecord();
  readonly #gaps = { spi: DOUBLE_ZERO, floor: DOUBLE_ZERO, kept: DOUBLE_ZERO };

  constructor(arena: Arena, outbound: Outbound) {
    this.#arena = arena;
    this.#outbound = outbound;
    this.#buffer = arena.reserve(REPORT_LONGEST + 16);
  }

  /** @param answerAtOnce makes it a probe */
  report(tunnel: TunnelPlane, path: PlanePath, answerAtOnce: boolean, now: number): void {
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

  /** Asks whether the carrier carries both ways, or says so. */
  trial(tunnel: TunnelPlane, path: PlanePath, carrier: Carrier, asks: boolean, now: number): void {
    const length = this.#write(tunnel, path, asks, now, true);
    this.#outbound.sendTrial(tunnel, path, carrier, this.#buffer, length);
  }

  #write(tunnel: TunnelPlane, path: PlanePath, answerAtOnce: boolean, now: number, trial: boolean): number {
    const data = this.#arena.data;
    const header = this.#header;
    path.ownReports++;
    header.answerAtOnce = answerAtOnce;
    header.trial = trial;
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
}
