/**
 * ESP as the standards describe it, and nothing else: the judge of the packet path's wire format.
 *
 * One packet at a time, by node:crypto, with no regard to speed and no code shared with the product, so that an
 * error in one is not an error in both. Sources: RFC 4303 (ESP; 2.1-2.8 packet, 2.2.1 and appendix A2 extended
 * sequence numbers), RFC 4106 (AES-GCM: 3.1 IV, 4 nonce, 5 additional data, 6 tag of 16 octets), RFC 3948 2.1 (in UDP:
 * the ESP packet is the payload, its SPI is never 0).
 *
 * Contract: `sealEsp` returns the ESP packet; `openEsp` returns what was in it or says why it is not valid. Both
 * throw nothing on the content of packets.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';

export type EspKeys = {
  readonly spi: number;
  /** 32 octets: AES-256. */
  readonly key: Buffer;
  /** 4 octets: the fixed part of the nonce. */
  readonly salt: Buffer;
};

export type EspContent = {
  /** The whole 64-bit extended sequence number. */
  readonly sequence: bigint;
  readonly nextHeader: number;
  readonly payload: Buffer;
};

export type OpenedEsp =
  | ({ readonly valid: true } & EspContent)
  | { readonly valid: false; readonly reason: string };

export const nextHeaders = { ipv4: 4, ipv6: 41, none: 59, aggfrag: 144 } as const;

const headerLength = 8;
const ivLength = 8;
const tagLength = 16;
/** Pad length and next header. */
const trailerLength = 2;

/** The IV need only be unique for a key (RFC 4106, 3.1): by default it is the sequence number. */
export function sealEsp(
  keys: EspKeys,
  content: EspContent,
  iv: Buffer = bigEndian64(content.sequence),
): Buffer {
  const padding = (4 - ((content.payload.length + trailerLength) % 4)) % 4;
  const trailer = Buffer.from([
    ...Array.from({ length: padding }, (_, i) => i + 1),
    padding,
    content.nextHeader,
  ]);
  const cipher = createCipheriv('aes-256-gcm', keys.key, Buffer.concat([keys.salt, iv]), {
    authTagLength: tagLength,
  });
  cipher.setAAD(additionalData(keys.spi, content.sequence));
  const sealed = Buffer.concat([cipher.update(Buffer.concat([content.payload, trailer])), cipher.final()]);
  const header = Buffer.alloc(headerLength);
  header.writeUInt32BE(keys.spi, 0);
  header.writeUInt32BE(Number(content.sequence & 0xffff_ffffn), 4);
  return Buffer.concat([header, iv, sealed, cipher.getAuthTag()]);
}

/**
 * `near` is a sequence number known to be less than 2^31 away from the packet's own, such as the last one received:
 * the upper half is not in the packet and is derived from it.
 */
export function openEsp(keys: EspKeys, packet: Buffer, near: bigint): OpenedEsp {
  if (packet.length < headerLength + ivLength + trailerLength + tagLength) return invalid('too short');
  if (packet.length % 4 !== 0) return invalid('not aligned to 4 octets');
  if (packet.readUInt32BE(0) !== keys.spi) return invalid('another SPI');
  const sequence = extend(packet.readUInt32BE(4), near);
  const plain = decrypt(keys, packet, sequence);
  if (plain === undefined) return invalid('the tag does not verify');
  const padding = plain[plain.length - 2] ?? 0;
  const length = plain.length - trailerLength - padding;
  if (length < 0) return invalid('more padding than packet');
  for (let i = 0; i < padding; i++)
    if (plain[length + i] !== i + 1) return invalid('padding is not 1, 2, 3, …');
  return {
    valid: true,
    sequence,
    nextHeader: plain[plain.length - 1] ?? 0,
    payload: plain.subarray(0, length),
  };
}

/** The number with the given lower half that is closest to `near` and not negative. */
function extend(low: number, near: bigint): bigint {
  const half = 1n << 31n;
  const base = near > half ? near - half : 0n;
  const candidate = (base & ~0xffff_ffffn) | BigInt(low);
  return candidate < base ? candidate + (1n << 32n) : candidate;
}

function decrypt(keys: EspKeys, packet: Buffer, sequence: bigint): Buffer | undefined {
  const iv = packet.subarray(headerLength, headerLength + ivLength);
  const nonce = Buffer.concat([keys.salt, iv]);
  const decipher = createDecipheriv('aes-256-gcm', keys.key, nonce, { authTagLength: tagLength });
  decipher.setAAD(additionalData(keys.spi, sequence));
  decipher.setAuthTag(packet.subarray(packet.length - tagLength));
  const sealed = packet.subarray(headerLength + ivLength, packet.length - tagLength);
  try {
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** SPI and the 64-bit sequence number (RFC 4106, 5, figure 3). */
function additionalData(spi: number, sequence: bigint): Buffer {
  const data = Buffer.alloc(12);
  data.writeUInt32BE(spi, 0);
  data.writeBigUInt64BE(sequence, 4);
  return data;
}

function bigEndian64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

function invalid(reason: string): OpenedEsp {
  return { valid: false, reason };
}
