/**
 * How large the packets of a tunnel may be: probes its paths for what comes through, and keeps the limit that all of them take.
 *
 * Contract: `service` sends the probes that are due and is called whenever a path is looked at; `arrived` takes a size probe or
 * the answer to one. A lost probe counts nowhere: it is booked neither as sent nor as received, and no path is in question for it.
 * Nothing is probed, and nothing limited, for a peer that does not put together what was cut.
 * Source: RFC 8899; RFC 9347.
 */
import type { Arena } from '../linux/arena.ts';
import { ESP_PAYLOAD_OFFSET, ESP_TAG_LENGTH, ESP_TRAILER_LENGTH } from '../tunnel/esp/format.ts';
import { BASE_SIZE } from '../tunnel/path/mtu-search.ts';
import {
  openReportHeader,
  REPORT_HEADER_LENGTH,
  type ReportHeader,
  writeReportHeader,
} from '../tunnel/path/report.ts';
import { LONGEST_OWN, type Outbound } from './outbound.ts';
import {
  NO_SIZE_LIMIT,
  outerHeaders,
  type PlanePath,
  sealedLimit,
  type TunnelPlane,
} from './tunnel-plane.ts';

/** A padded probe takes longer than a report, above all on a slow line; nothing waits for its verdict (µs). */
const PATIENCE = 100_000;
/** ESP around a payload that needs no padding. */
const ESP_AROUND = ESP_PAYLOAD_OFFSET + ESP_TRAILER_LENGTH + ESP_TAG_LENGTH;

export type SizeListener = { mtuChanged(tunnel: TunnelPlane, path: PlanePath): void };

export class PathSizes {
  readonly #arena: Arena;
  readonly #outbound: Outbound;
  readonly #listener: SizeListener;
  readonly #buffer: number;
  readonly #header = openReportHeader();

  constructor(arena: Arena, outbound: Outbound, listener: SizeListener) {
    this.#arena = arena;
    this.#outbound = outbound;
    this.#listener = listener;
    this.#header.size = true;
    // Nobody writes behind the header: what pads a probe stays zero.
    this.#buffer = arena.reserve(LONGEST_OWN);
  }

  /** @returns when it wants to be called again (µs) */
  service(tunnel: TunnelPlane, path: PlanePath, now: number): number {
    const { mtu } = path;
    if (tunnel.outbound?.aggfrag !== true || path.carriers.carrier !== 'udp') return Number.POSITIVE_INFINITY;
    const { state, marks } = path.path;
    if (state !== 'up' && state !== 'suspect') {
      mtu.pause();
      return Number.POSITIVE_INFINITY;
    }
    if (mtu.takeWantsProof(now, marks.coveredSentAt)) path.path.askNow(now);
    for (;;) {
      const size = mtu.poll(now, marks.coveredSentAt);
      this.#tellNews(tunnel, path);
      // What is not known to carry is asked about the size in use at most.
      if (size === 0 || (state === 'suspect' && mtu.state !== 'complete')) break;
      const fate = this.#probe(tunnel, path, size, now);
      if (fate === 'sent') mtu.sent(now, path.path.deadline + PATIENCE);
      else if (fate === 'tooBig') mtu.refused(now);
      if (fate !== 'tooBig') break;
    }
    settleLimit(tunnel);
    return mtu.dueAt;
  }

  /** @param header of the report */
  arrived(tunnel: TunnelPlane, path: PlanePath, { answerAtOnce, number }: ReportHeader, now: number): void {
    if (answerAtOnce) {
      this.#write(path, number, false, now);
      this.#outbound.sendSizeProbe(tunnel, path, this.#buffer, REPORT_HEADER_LENGTH);
      return;
    }
    path.mtu.answered(number, now);
    this.#tellNews(tunnel, path);
    settleLimit(tunnel);
  }

  /** The kernel refused data. */
  tooBig(tunnel: TunnelPlane, path: PlanePath): void {
    if (tunnel.outbound?.aggfrag !== true || path.carriers.carrier !== 'udp' || !path.mtu.tooBig()) return;
    this.#tellNews(tunnel, path);
    settleLimit(tunnel);
  }

  #probe(tunnel: TunnelPlane, path: PlanePath, size: number, now: number) {
    const sealed = (size - outerHeaders(path)) & ~3;
    this.#write(path, (path.mtu.number + 1) >>> 0, true, now);
    return this.#outbound.sendSizeProbe(tunnel, path, this.#buffer, sealed - ESP_AROUND);
  }

  #write(path: PlanePath, number: number, asks: boolean, now: number): void {
    const header = this.#header;
    header.answerAtOnce = asks;
    header.path = path.path.id;
    header.number = number;
    header.stamp = now >>> 0 || 1;
    writeReportHeader(this.#arena.data, this.#buffer, header, 0);
  }

  #tellNews(tunnel: TunnelPlane, path: PlanePath): void {
    if (path.mtu.takeNews()) this.#listener.mtuChanged(tunnel, path);
  }
}

/** The smallest of what the paths take that carry. Without one the limit stays as it is. */
export function settleLimit(tunnel: TunnelPlane): void {
  if (tunnel.outbound?.aggfrag !== true) {
    tunnel.sizeLimit = NO_SIZE_LIMIT;
    return;
  }
  let least = NO_SIZE_LIMIT;
  for (let index = 0; index < tunnel.paths.length; index++) {
    const path = tunnel.paths[index] as PlanePath;
    const { state } = path.path;
    if (state === 'up' || state === 'suspect') least = Math.min(least, sealedLimit(path));
  }
  if (least < NO_SIZE_LIMIT) tunnel.sizeLimit = least;
  else if (tunnel.sizeLimit === NO_SIZE_LIMIT) tunnel.sizeLimit = FIRST_LIMIT;
}

/** What every path takes of which nothing is known yet, over either family. */
const FIRST_LIMIT = BASE_SIZE - 48;
