/**
 * How ESP packets travel in a path's own TCP connection: each behind a bundle header.
 *
 * ```
 *  0  marker u32 ("BSTY")   4  message id u32 (counts from 1, modulo 2^32)
 *  8  type u32 (14)         12 length u32 (header included: 16 to 16,384)
 *  16 the ESP packet
 * ```
 * Contract: `writeFrameHeader` fills the caller's memory. `frameLength` tells from the first bytes of a frame how long it is,
 * that more bytes are needed, or that this is no frame: from there nothing can be found again. Allocates nothing.
 * Source: S4.7, docs/control-protocol.md.
 */
import { bundleHeaderBytes, bundleMarker, maxControlMessageBytes } from '../control/bundle-header.ts';

export const FRAME_HEADER_LENGTH = bundleHeaderBytes;
/** The type of a frame with an ESP packet; frames of other types are skipped. */
export const ESP_FRAME = 14;
/** As long as a message; a packet of the largest MTU has about half of it. */
export const FRAME_LONGEST = maxControlMessageBytes;

/** What `frameLength` says of a frame that has not wholly come. */
export const MORE_NEEDED = 0;
export const NO_FRAME = -1;

/** @param packet the length of what follows the header */
export function writeFrameHeader(data: DataView, at: number, id: number, packet: number): void {
  data.setUint32(at, bundleMarker);
  data.setUint32(at + 4, id);
  data.setUint32(at + 8, ESP_FRAME);
  data.setUint32(at + 12, FRAME_HEADER_LENGTH + packet);
}

/** @returns the length of the frame that begins at `at`, `MORE_NEEDED` or `NO_FRAME` */
export function frameLength(data: DataView, at: number, end: number): number {
  if (end - at < FRAME_HEADER_LENGTH) return MORE_NEEDED;
  if (data.getUint32(at) !== bundleMarker) return NO_FRAME;
  const length = data.getUint32(at + 12);
  if (length < FRAME_HEADER_LENGTH || length > FRAME_LONGEST) return NO_FRAME;
  return length > end - at ? MORE_NEEDED : length;
}

export function isEspFrame(data: DataView, at: number): boolean {
  return data.getUint32(at + 8) === ESP_FRAME;
}
