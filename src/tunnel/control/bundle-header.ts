/**
 * The header before every control message.
 *
 * Contract: 16 bytes, four big-endian 32-bit numbers: marker, message id, message type, length. The length counts the
 * header itself. Says whether a header is acceptable, never throws on what a peer sent.
 * Source: seed row S4.3 ("4 bytes indicate a valid packet, 4 bytes contain a message ID, 4 bytes contain a message
 * type and 4 bytes indicate a message length, including the header itself").
 */

export const bundleHeaderBytes = 16;

/** "BSTY": tells a bundle message from anything else at its first four bytes. */
export const bundleMarker = 0x42535459;

/** A control message is a few hundred bytes; this is what one peer can make the other hold for an unfinished one. */
export const maxControlMessageBytes = 16 * 1024;

/** `length` counts header and body. */
export type BundleHeader = { readonly messageId: number; readonly type: number; readonly length: number };

export type HeaderProblem = 'wrongMarker' | 'lengthTooShort' | 'lengthTooLong';

export type HeaderResult =
  | { readonly ok: true; readonly header: BundleHeader }
  | { readonly ok: false; readonly problem: HeaderProblem };

/** Reads the header from the first 16 bytes of `bytes`, which must be there. */
export function decodeBundleHeader(
  bytes: Uint8Array,
  maxMessageBytes = maxControlMessageBytes,
): HeaderResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bundleHeaderBytes);
  if (view.getUint32(0) !== bundleMarker) return { ok: false, problem: 'wrongMarker' };
  const length = view.getUint32(12);
  if (length < bundleHeaderBytes) return { ok: false, problem: 'lengthTooShort' };
  if (length > maxMessageBytes) return { ok: false, problem: 'lengthTooLong' };
  return { ok: true, header: { messageId: view.getUint32(4), type: view.getUint32(8), length } };
}

/** One whole message. @throws RangeError when the body is longer than any receiver accepts */
export function encodeBundle(messageId: number, type: number, body: Uint8Array): Uint8Array {
  const length = bundleHeaderBytes + body.length;
  if (length > maxControlMessageBytes)
    throw new RangeError(`a control message of ${length} bytes is too long`);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bundleMarker);
  view.setUint32(4, messageId);
  view.setUint32(8, type);
  view.setUint32(12, length);
  bytes.set(body, bundleHeaderBytes);
  return bytes;
}
