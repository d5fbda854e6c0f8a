/**
 * The reports that two tunnel ends exchange over every path: what was received where, and a stamp to measure by.
 *
 * A report is the payload of an ESP dummy packet (next header 59), so it is sealed like data, takes a sequence number
 * of the tunnel, and any other ESP implementation discards it. Big-endian:
 * ```
 *  0  version u8 (1)      1  flags u8 (1: answer at once, 2: trial, 4: size)   2  path u16
 *  4  number u32          8  stamp u32 (µs, sender's clock) 12 echo u32 (stamp of the newest report received here)
 *  16 held u32 (µs between that report's arrival and now)   20 records u8, 3 bytes of zero
 *  24 records: path u16, age u16 (time since the newest packet came, in steps of 32 µs; 65,535 for longer), SPI u32,
 *     newest u64 (sequence number), packets u32, bytes u32
 * ```
 * Behind the records, what is missing:
 * ```
 *  0  SPI u32 (under which it is missing)  4 gaps u16, zero u16   8 floor u64   16 kept u64
 *  24 gaps: missing u16, received u16 (so many from `floor` on, then so many after them, and so on)
 * ```
 * A trial asks whether what it came by, UDP or the path's TCP connection, carries both ways; the answer is a trial that asks
 * for none, by the same way. Neither says by which way the path's packets go.
 *
 * A size probe asks whether a packet of its size comes through: it has no records, is padded with zeros, and is answered at once by
 * one without padding, without a question, that has its path and number. Nothing else in either counts.
 *
 * `floor` is the first number that is missing; `kept` is the first of the reporter's own numbers that it could send again.
 *
 * Contract: what writes fills the caller's memory; what reads fills the caller's objects, allocates nothing, and refuses
 * what is too short or of another version. Bytes behind the known ones are skipped, so that a later version may add some.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import { MAX_GAPS } from '../repair/missing.ts';

export const REPORT_VERSION = 1;
export const REPORT_HEADER_LENGTH = 24;
export const RECORD_LENGTH = 24;
/** Paths of one tunnel at most: a report of so many still fits into every packet, sealed and over IPv6. */
export const MAX_PATHS = 32;
export const GAPS_HEADER_LENGTH = 24;
const GAP_LENGTH = 4;
export const REPORT_LONGEST =
  REPORT_HEADER_LENGTH + MAX_PATHS * RECORD_LENGTH + GAPS_HEADER_LENGTH + MAX_GAPS * GAP_LENGTH;

const ANSWER_AT_ONCE = 1;
const TRIAL = 2;
const SIZE = 4;
const AGE_STEP = 32;
const OLDEST = 0xffff;
/** Packets that came longer ago than this (µs) are as old as this. */
export const LONGEST_AGE = OLDEST * AGE_STEP;
const TWO_32 = 0x1_0000_0000;

export type ReportHeader = {
  answerAtOnce: boolean;
  trial: boolean;
  /** A size probe, or the answer to one. */
  size: boolean;
  path: number;
  number: number;
  stamp: number;
  echo: number;
  held: number;
};

export type ReceptionRecord = {
  path: number;
  /** How long before the report's stamp the newest packet came (µs); at least `LONGEST_AGE` when it is not known. */
  age: number;
  spi: number;
  newest: number;
  packets: number;
  bytes: number;
};

/** A header to be filled again and again. */
export function openReportHeader(): ReportHeader {
  return {
    answerAtOnce: false,
    trial: false,
    size: false,
    path: 0,
    number: DOUBLE_ZERO,
    stamp: DOUBLE_ZERO,
    echo: DOUBLE_ZERO,
    held: DOUBLE_ZERO,
  };
}

/** A record to be filled again and again. */
export function openReceptionRecord(): ReceptionRecord {
  return {
    path: 0,
    age: DOUBLE_ZERO,
    spi: DOUBLE_ZERO,
    newest: DOUBLE_ZERO,
    packets: DOUBLE_ZERO,
    bytes: DOUBLE_ZERO,
  };
}

export function writeReportHeader(data: DataView, at: number, header: ReportHeader, records: number): void {
  data.setUint8(at, REPORT_VERSION);
  const asks = header.answerAtOnce ? ANSWER_AT_ONCE : 0;
  data.setUint8(at + 1, asks | (header.trial ? TRIAL : 0) | (header.size ? SIZE : 0));
  data.setUint16(at + 2, header.path);
  data.setUint32(at + 4, header.number);
  data.setUint32(at + 8, header.stamp);
  data.setUint32(at + 12, header.echo);
  data.setUint32(at + 16, header.held);
  data.setUint32(at + 20, records << 24);
}

export function writeRecord(data: DataView, at: number, record: ReceptionRecord): void {
  data.setUint16(at, record.path);
  data.setUint16(at + 2, Math.min(OLDEST, Math.round(record.age / AGE_STEP)));
  data.setUint32(at + 4, record.spi);
  writeU64(data, at + 8, record.newest);
  data.setUint32(at + 16, record.packets);
  data.setUint32(at + 20, record.bytes);
}

/** @returns how many records follow, or -1 for what is no report that we understand */
export function readReportHeader(data: DataView, at: number, length: number, into: ReportHeader): number {
  if (length < REPORT_HEADER_LENGTH || data.getUint8(at) !== REPORT_VERSION) return -1;
  const records = data.getUint8(at + 20);
  if (records > MAX_PATHS || length < REPORT_HEADER_LENGTH + records * RECORD_LENGTH) return -1;
  into.answerAtOnce = (data.getUint8(at + 1) & ANSWER_AT_ONCE) !== 0;
  into.trial = (data.getUint8(at + 1) & TRIAL) !== 0;
  into.size = (data.getUint8(at + 1) & SIZE) !== 0;
  into.path = data.getUint16(at + 2);
  into.number = data.getUint32(at + 4);
  into.stamp = data.getUint32(at + 8);
  into.echo = data.getUint32(at + 12);
  into.held = data.getUint32(at + 16);
  return records;
}

/** Whether a report is a size probe, or the answer to one: the path's packets are not measured by them. */
export function isSizeProbe(data: DataView, at: number, length: number): boolean {
  if (length < REPORT_HEADER_LENGTH || data.getUint8(at) !== REPORT_VERSION) return false;
  return (data.getUint8(at + 1) & SIZE) !== 0;
}

export function readRecord(data: DataView, at: number, into: ReceptionRecord): void {
  into.path = data.getUint16(at);
  into.age = data.getUint16(at + 2) * AGE_STEP;
  into.spi = data.getUint32(at + 4);
  into.newest = readU64(data, at + 8);
  into.packets = data.getUint32(at + 16);
  into.bytes = data.getUint32(at + 20);
}

export type GapsHeader = { spi: number; floor: number; kept: number };

/** @param runs pairs of missing and received. @returns how many bytes it took */
export function writeGaps(
  data: DataView,
  at: number,
  header: GapsHeader,
  runs: Uint16Array,
  gaps: number,
): number {
  data.setUint32(at, header.spi);
  data.setUint16(at + 4, gaps);
  data.setUint16(at + 6, 0);
  writeU64(data, at + 8, header.floor);
  writeU64(data, at + 16, header.kept);
  for (let index = 0; index < 2 * gaps; index++) {
    data.setUint16(at + GAPS_HEADER_LENGTH + 2 * index, runs[index] as number);
  }
  return GAPS_HEADER_LENGTH + gaps * GAP_LENGTH;
}

/** @returns how many gaps follow, or -1 where there are none that we understand */
export function readGaps(data: DataView, at: number, length: number, into: GapsHeader): number {
  if (length < GAPS_HEADER_LENGTH) return -1;
  const gaps = data.getUint16(at + 4);
  if (gaps > MAX_GAPS || length < GAPS_HEADER_LENGTH + gaps * GAP_LENGTH) return -1;
  into.spi = data.getUint32(at);
  into.floor = readU64(data, at + 8);
  into.kept = readU64(data, at + 16);
  return gaps;
}

/** How many are missing in gap i. */
export function gapMissing(data: DataView, at: number, index: number): number {
  return data.getUint16(at + GAPS_HEADER_LENGTH + GAP_LENGTH * index);
}

/** How many came after gap i. */
export function gapReceived(data: DataView, at: number, index: number): number {
  return data.getUint16(at + GAPS_HEADER_LENGTH + GAP_LENGTH * index + 2);
}

/** Where record i of a report at `at` lies. */
export function recordOffset(at: number, index: number): number {
  return at + REPORT_HEADER_LENGTH + index * RECORD_LENGTH;
}

function writeU64(data: DataView, at: number, value: number): void {
  data.setUint32(at, Math.floor(value / TWO_32));
  data.setUint32(at + 4, value % TWO_32);
}

function readU64(data: DataView, at: number): number {
  return data.getUint32(at) * TWO_32 + data.getUint32(at + 4);
}
