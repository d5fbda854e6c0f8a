/**
 * Frames in a file, for the process that sends them: each behind its length as 4 bytes, little-endian.
 *
 * Contract: pure. `unpackFrames` throws a RangeError for a file that is cut off.
 */
export function packFrames(frames: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(frames.reduce((sum, frame) => sum + 4 + frame.length, 0));
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const frame of frames) {
    view.setUint32(at, frame.length, true);
    packed.set(frame, at + 4);
    at += 4 + frame.length;
  }
  return packed;
}

export function unpackFrames(packed: Uint8Array): Uint8Array[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < packed.length; ) {
    const length = view.getUint32(at, true);
    if (at + 4 + length > packed.length) throw new RangeError('the last frame is cut off');
    frames.push(packed.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return frames;
}
