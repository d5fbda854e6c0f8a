/**
 * Frames out of a capture file, pcap or pcapng, as its bytes come.
 *
 * Contract: takes chunks in any division and gives the same frames as for the whole file at once. Never throws and holds at
 * most one unfinished record; the first problem ends the reading, what came before it stays. Blocks of pcapng that
 * hold no frame are skipped by their length.
 * Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 */

export type CapturedFrame = {
  /** LINKTYPE_ of the interface that it was captured on. */
  readonly linkType: number;
  /** Since 1970, by the clock of the machine that captured; undefined where the file does not say. */
  readonly atMillis: number | undefined;
  readonly bytes: Uint8Array;
};

export type CaptureProblem = 'empty' | 'notACapture' | 'badRecord' | 'cutShort';

/** What one step over the bytes gives: a frame or none and where the next step begins, or why there is none. */
type Step = { readonly next: number; readonly frame?: CapturedFrame } | 'more' | CaptureProblem;

type Interface = { readonly linkType: number; readonly ticksPerMilli: number };

type Format =
  | { readonly kind: 'pcap'; readonly little: boolean; readonly via: Interface }
  | { readonly kind: 'pcapng'; little: boolean; interfaces: Interface[] };

/** The longest frame that libpcap writes (MAXIMUM_SNAPLEN); a longer one is a lie. */
const longestFrameBytes = 262_144;
/** A block's frame, and options beside it. */
const longestBlockBytes = 2 * longestFrameBytes;
const maxInterfaces = 1_024;

const pcapHeaderBytes = 24;
const recordHeaderBytes = 16;
const blockHeadBytes = 8;
const sectionHeader = 0x0a0d0d0a;
const byteOrderMagic = 0x1a2b3c4d;
const block = { interface: 1, simplePacket: 3, enhancedPacket: 6 } as const;
/** Option of an interface: the unit of its times. */
const timeResolutionOption = 9;

const pcapMagics: readonly { magic: number; ticksPerMilli: number }[] = [
  { magic: 0xa1b2c3d4, ticksPerMilli: 1e3 },
  { magic: 0xa1b23c4d, ticksPerMilli: 1e6 },
];

export class CaptureReader {
  #rest: Uint8Array = new Uint8Array();
  #format: Format | undefined;
  #problem: CaptureProblem | undefined;

  push(chunk: Uint8Array): CapturedFrame[] {
    if (this.#problem !== undefined) return [];
    const bytes = joined(this.#rest, chunk);
    const frames: CapturedFrame[] = [];
    let at = 0;
    for (;;) {
      const step = this.#step(bytes.subarray(at));
      if (step === 'more') break;
      if (typeof step === 'string') {
        this.#problem = step;
        return frames;
      }
      if (step.frame !== undefined) frames.push(step.frame);
      at += step.next;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }

  /** After the last chunk: what is wrong with the file, if anything is. */
  end(): CaptureProblem | undefined {
    if (this.#problem !== undefined) return this.#problem;
    if (this.#format !== undefined) return this.#rest.length > 0 ? 'cutShort' : undefined;
    return this.#rest.length === 0 ? 'empty' : 'notACapture';
  }

  #step(bytes: Uint8Array): Step {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.#format === undefined) return this.#readFormat(view);
    return this.#format.kind === 'pcap'
      ? readRecord(view, this.#format.little, this.#format.via)
      : readBlock(view, this.#format);
  }

  #readFormat(view: DataView): Step {
    if (view.byteLength < 4) return 'more';
    if (view.getUint32(0) === sectionHeader) {
      this.#format = { kind: 'pcapng', little: false, interfaces: [] };
      return readBlock(view, this.#format);
    }
    for (const little of [true, false]) {
      const known = pcapMagics.find(({ magic }) => view.getUint32(0, little) === magic);
      if (known === undefined) continue;
      if (view.byteLength < pcapHeaderBytes) return 'more';
      // The upper bits tell about checksums of frames.
      const linkType = view.getUint32(20, little) & 0xffff;
      this.#format = { kind: 'pcap', little, via: { linkType, ticksPerMilli: known.ticksPerMilli } };
      return { next: pcapHeaderBytes };
    }
    return 'notACapture';
  }
}

function readRecord(view: DataView, little: boolean, { linkType, ticksPerMilli }: Interface): Step {
  if (view.byteLength < recordHeaderBytes) return 'more';
  const length = view.getUint32(8, little);
  if (length > longestFrameBytes) return 'badRecord';
  const next = recordHeaderBytes + length;
  if (view.byteLength < next) return 'more';
  const atMillis = view.getUint32(0, little) * 1e3 + view.getUint32(4, little) / ticksPerMilli;
  return { next, frame: { linkType, atMillis, bytes: bytesOf(view, recordHeaderBytes, length) } };
}

function readBlock(view: DataView, format: Extract<Format, { kind: 'pcapng' }>): Step {
  if (view.byteLength < blockHeadBytes + 4) return 'more';
  if (view.getUint32(0) === sectionHeader) {
    const little = view.getUint32(blockHeadBytes, true) === byteOrderMagic;
    if (!little && view.getUint32(blockHeadBytes) !== byteOrderMagic) return 'notACapture';
    format.little = little;
    format.interfaces = [];
  }
  const { little } = format;
  const length = view.getUint32(4, little);
  if (length < blockHeadBytes + 4 || length % 4 !== 0 || length > longestBlockBytes) return 'badRecord';
  if (view.byteLength < length) return 'more';
  if (view.getUint32(length - 4, little) !== length) return 'badRecord';
  const body = new DataView(view.buffer, view.byteOffset + blockHeadBytes, length - blockHeadBytes - 4);
  switch (view.getUint32(0, little)) {
    case block.interface:
      return readInterface(body, format) ?? { next: length };
    case block.enhancedPacket:
      return framed(readEnhanced(body, format), length);
    case block.simplePacket:
      return framed(readSimple(body, format), length);
    default:
      return { next: length };
  }
}

function framed(frame: CapturedFrame | undefined, next: number): Step {
  return frame === undefined ? 'badRecord' : { next, frame };
}

function readInterface(
  body: DataView,
  { little, interfaces }: Extract<Format, { kind: 'pcapng' }>,
): CaptureProblem | undefined {
  if (body.byteLength < 8 || interfaces.length === maxInterfaces) return 'badRecord';
  interfaces.push({ linkType: body.getUint16(0, little), ticksPerMilli: ticksIn(body, little) });
  return undefined;
}

/** Microseconds unless an option says another power of ten or two. */
function ticksIn(body: DataView, little: boolean): number {
  for (let at = 8; at + 4 <= body.byteLength; ) {
    const [code, length] = [body.getUint16(at, little), body.getUint16(at + 2, little)];
    if (code === 0) break;
    if (code === timeResolutionOption && length === 1 && at + 5 <= body.byteLength) {
      const resolution = body.getUint8(at + 4);
      const power = resolution & 0x7f;
      return (resolution & 0x80 ? 2 ** power : 10 ** power) / 1e3;
    }
    at += 4 + length + (-length & 3);
  }
  return 1e3;
}

function readEnhanced(
  body: DataView,
  { little, interfaces }: Extract<Format, { kind: 'pcapng' }>,
): CapturedFrame | undefined {
  if (body.byteLength < 20) return undefined;
  const via = interfaces[body.getUint32(0, little)];
  const length = body.getUint32(12, little);
  if (via === undefined || length > body.byteLength - 20) return undefined;
  const ticks = body.getUint32(4, little) * 2 ** 32 + body.getUint32(8, little);
  return { linkType: via.linkType, atMillis: ticks / via.ticksPerMilli, bytes: bytesOf(body, 20, length) };
}

/** It has no time, and its length is that of the block, unless the frame was shorter. */
function readSimple(
  body: DataView,
  { little, interfaces }: Extract<Format, { kind: 'pcapng' }>,
): CapturedFrame | undefined {
  const via = interfaces[0];
  if (body.byteLength < 4 || via === undefined) return undefined;
  const length = Math.min(body.getUint32(0, little), body.byteLength - 4);
  return { linkType: via.linkType, atMillis: undefined, bytes: bytesOf(body, 4, length) };
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
