/**
 * Which keys come out of a control session: for ESP, and for the proofs of its paths.
 *
 * Contract: names the exporter's label and context for every security association of a tunnel; the exporter itself is
 * TLS's. Every pair of direction, member and SPI has its own context, so no two associations ever share a key.
 * Context of an ESP key: direction (1 byte: 0 towards the responder, 1 towards the initiator), member of a gateway pair (1 byte),
 * SPI (4 bytes, big-endian). Context of a path's: its id (2 bytes, big-endian), under a label of its own.
 * Source: RFC 8446 section 7.5 and RFC 5705 (exporter; labels of private use start with "EXPORTER-"), RFC 4106
 * section 8.1 (AES-GCM key material: the key, then 4 bytes of salt).
 */

import { linkTicketBytes } from './messages.ts';

export const espKeyLabel = 'EXPORTER-backstay-esp';
export const linkKeyLabel = 'EXPORTER-backstay-link';

const keyBytes = 32;
export const saltBytes = 4;
export const keyMaterialBytes = keyBytes + saltBytes;

const linkKeyBytes = 32;
export const linkMaterialBytes = linkKeyBytes + linkTicketBytes;

export type Role = 'initiator' | 'responder';

/** What the exporter is asked for, and what the key is then used for. */
export type EspKeyRequest = {
  readonly use: 'seal' | 'open';
  readonly spi: number;
  readonly member: number;
  readonly label: typeof espKeyLabel;
  readonly context: Uint8Array;
  readonly length: typeof keyMaterialBytes;
};

/** What the ends of a path prove themselves by. */
export type LinkCredential = {
  /** Names session and path to the responder; it is sent in the clear, and says nothing to anybody else. */
  readonly ticket: Uint8Array;
  readonly key: Uint8Array;
};

export type LinkKeyRequest = {
  readonly label: typeof linkKeyLabel;
  readonly context: Uint8Array;
  readonly length: typeof linkMaterialBytes;
};

export type EspKey = { readonly key: Uint8Array; readonly salt: Uint8Array };

/** The association on which this side sends: its SPI was chosen by the other side. */
export function sealingKey(role: Role, outboundSpi: number, member = 0): EspKeyRequest {
  return keyRequest('seal', role === 'initiator' ? 0 : 1, outboundSpi, member);
}

/** The association on which this side receives: its SPI was chosen here. */
export function openingKey(role: Role, inboundSpi: number, member = 0): EspKeyRequest {
  return keyRequest('open', role === 'initiator' ? 1 : 0, inboundSpi, member);
}

/** Cuts the exporter's output; both parts are views of it. */
export function splitKeyMaterial(material: Uint8Array): EspKey {
  if (material.length !== keyMaterialBytes)
    throw new RangeError(`key material has ${keyMaterialBytes} bytes`);
  return { key: material.subarray(0, keyBytes), salt: material.subarray(keyBytes) };
}

export function linkKeyRequest(pathId: number): LinkKeyRequest {
  return { label: linkKeyLabel, context: Uint8Array.of(pathId >>> 8, pathId), length: linkMaterialBytes };
}

/** Cuts the exporter's output; both parts are views of it. */
export function splitLinkMaterial(material: Uint8Array): LinkCredential {
  if (material.length !== linkMaterialBytes)
    throw new RangeError(`a path's key material has ${linkMaterialBytes} bytes`);
  return { key: material.subarray(0, linkKeyBytes), ticket: material.subarray(linkKeyBytes) };
}

function keyRequest(use: 'seal' | 'open', direction: 0 | 1, spi: number, member: number): EspKeyRequest {
  const context = new Uint8Array(6);
  const view = new DataView(context.buffer);
  view.setUint8(0, direction);
  view.setUint8(1, member);
  view.setUint32(2, spi);
  return { use, spi, member, label: espKeyLabel, context, length: keyMaterialBytes };
}
