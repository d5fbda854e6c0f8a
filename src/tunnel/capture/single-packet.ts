/**
 * One control message, one path report or one AGGFRAG payload by itself, as somebody copied it from a log or a debugger.
 *
 * Contract: pure, never throws. The first bytes tell which it is (0 begins a payload, 1 a report); it must be whole, with nothing behind a message. Bytes
 * behind a report's records are allowed, as on the wire.
 */

import { bundleMarker, type HeaderProblem } from '../control/bundle-header.ts';
import { Deframer, type Frame } from '../control/deframer.ts';
import { type DecodeResult, decodeMessage } from '../control/message-codec.ts';
import {
  type GapsHeader,
  gapMissing,
  gapReceived,
  type ReceptionRecord,
  type ReportHeader,
  readGaps,
  readRecord,
  readReportHeader,
  recordOffset,
} from '../path/report.ts';
import { type AggfragContent, readAggfrag } from './aggfrag-blocks.ts';

/** Rows of sequence numbers that are missing, both ends included. */
export type MissingPart = GapsHeader & {
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
};

export type SinglePacket =
  | { readonly kind: 'message'; readonly frame: Frame; readonly decoded: DecodeResult }
  | {
      readonly kind: 'report';
      readonly header: ReportHeader;
      readonly records: readonly ReceptionRecord[];
      /** What is missing; absent from a report without that part. */
      readonly missing: MissingPart | undefined;
    }
  | { readonly kind: 'aggfrag'; readonly content: AggfragContent }
  | { readonly kind: 'badHeader'; readonly problem: HeaderProblem }
  | { readonly kind: 'cutShort' | 'tooLong' | 'neither' };

export function readSinglePacket(bytes: Uint8Array): SinglePacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length >= 4 && view.getUint32(0) === bundleMarker) return readMessage(bytes);
  const content = readAggfrag(view);
  return content === undefined ? readReport(view) : { kind: 'aggfrag', content };
}

function readMessage(bytes: Uint8Array): SinglePacket {
  const deframer = new Deframer();
  const { frames, problem } = deframer.push(bytes);
  const [frame] = frames;
  if (frame === undefined)
    return problem === undefined ? { kind: 'cutShort' } : { kind: 'badHeader', problem };
  if (frames.length > 1 || problem !== undefined || deframer.pendingBytes > 0) return { kind: 'tooLong' };
  return { kind: 'message', frame, decoded: decodeMessage(frame) };
}

function readReport(view: DataView): SinglePacket {
  const header = {
    answerAtOnce: false,
    trial: false,
    size: false,
    path: 0,
    number: 0,
    stamp: 0,
    echo: 0,
    held: 0,
  };
  const count = readReportHeader(view, 0, view.byteLength, header);
  if (count < 0) return { kind: 'neither' };
  const records = Array.from({ length: count }, (_, index) => {
    const record = { path: 0, age: 0, spi: 0, newest: 0, packets: 0, bytes: 0 };
    readRecord(view, recordOffset(0, index), record);
    return record;
  });
  return { kind: 'report', header, records, missing: readMissing(view, recordOffset(0, count)) };
}

function readMissing(view: DataView, at: number): MissingPart | undefined {
  const header = { spi: 0, floor: 0, kept: 0 };
  const count = readGaps(view, at, view.byteLength - at, header);
  if (count < 0) return undefined;
  const gaps: { from: number; to: number }[] = [];
  let from = header.floor;
  for (let index = 0; index < count; index++) {
    const missing = gapMissing(view, at, index);
    if (missing > 0) gaps.push({ from, to: from + missing - 1 });
    from += missing + gapReceived(view, at, index);
  }
  return { ...header, gaps };
}
