/**
 * What an AGGFRAG payload has in it, block by block, as far as it can be told from the payload alone.
 *
 * Contract: pure, never throws, whatever the bytes are. A block that goes on in the next payload has fewer bytes here than it says.
 * Source: RFC 9347, 6.1.
 */
import {
  AGGFRAG_HEADER_LENGTH,
  blockKind,
  blockLength,
  blockOffsetOf,
  isAggfrag,
  NO_BLOCK,
} from '../aggfrag/format.ts';

export type AggfragBlock = {
  /** `rest`: of the packet that an earlier payload began; `unknown`: no block begins like this. */
  readonly kind: 'rest' | 'ipv4' | 'ipv6' | 'padding' | 'unknown';
  /** In this payload. */
  readonly bytes: number;
  /** Of the whole inner packet, as far as it is told. */
  readonly length?: number;
};

export type AggfragContent = {
  readonly subType: number;
  readonly blockOffset: number;
  readonly blocks: readonly AggfragBlock[];
};

/** @returns undefined for what is no payload of sub-type 0 */
export function readAggfrag(view: DataView): AggfragContent | undefined {
  if (!isAggfrag(view, 0, view.byteLength)) return undefined;
  const blockOffset = blockOffsetOf(view, 0);
  const end = view.byteLength;
  const blocks: AggfragBlock[] = [];
  const rest = Math.min(blockOffset, end - AGGFRAG_HEADER_LENGTH);
  if (rest > 0) blocks.push({ kind: 'rest', bytes: rest });
  for (let at = AGGFRAG_HEADER_LENGTH + rest; at < end; ) {
    const block = readBlock(view, at, end - at);
    blocks.push(block);
    at += block.bytes;
  }
  return { subType: view.getUint8(0), blockOffset, blocks };
}

/** What cannot be told apart goes up to the end. */
function readBlock(view: DataView, at: number, left: number): AggfragBlock {
  const nibble = view.getUint8(at) >> 4;
  if (nibble === blockKind.padding) return { kind: 'padding', bytes: left };
  const length = blockLength(view, at, left);
  if (length === NO_BLOCK) return { kind: 'unknown', bytes: left };
  const kind = nibble === blockKind.ipv4 ? 'ipv4' : 'ipv6';
  return length === 0 ? { kind, bytes: left } : { kind, bytes: Math.min(length, left), length };
}
