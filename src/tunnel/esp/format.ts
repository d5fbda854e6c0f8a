/**
 * The layout of an ESP packet with AES-GCM and extended sequence numbers.
 *
 * ```
 *  0        4         8              16                      n            n+16
 *  | SPI    | sequence | IV           | payload, padding, 2  | tag        |
 *  |        | low half |              | trailer bytes        | (ICV)      |
 * ```
 * The associated data is SPI, high half, low half; the nonce is the salt and the IV (packet-number.ts).
 *
 * Source: RFC 4303 (2.1 to 2.4, 2.6), RFC 4106 (3 to 5).
 */
export const ESP_HEADER_LENGTH = 8;
export const IV_LENGTH = 8;
/** Where the payload begins. */
export const ESP_PAYLOAD_OFFSET = ESP_HEADER_LENGTH + IV_LENGTH;
export const ESP_TAG_LENGTH = 16;
/** Pad length and next header. */
export const ESP_TRAILER_LENGTH = 2;
/** The smallest packet that can be one: no payload, padded to 4 bytes. */
export const ESP_SHORTEST = ESP_PAYLOAD_OFFSET + 4 + ESP_TAG_LENGTH;

/** What follows in the payload (IANA protocol numbers). */
export const nextHeader = {
  ipv4: 4,
  ipv6: 41,
  /** A dummy packet: every ESP receiver discards it silently (RFC 4303, 2.6). Path reports travel in these. */
  none: 59,
  /** Several inner packets, or pieces of them (RFC 9347, 6.1; `tunnel/aggfrag`). */
  aggfrag: 144,
  /**
   * An inner packet whose TCP or UDP checksum holds only the sum over the pseudo-header, between peers that agreed
   * on it when the tunnel was opened (an experimental number, RFC 3692).
   */
  unfinishedChecksum: 253,
} as const;

/** Padding bytes that bring payload and trailer to a multiple of 4 (RFC 4303, 2.4). */
export function paddingFor(payloadLength: number): number {
  return (4 - ((payloadLength + ESP_TRAILER_LENGTH) & 3)) & 3;
}

/** Bytes of the whole ESP packet for an inner packet of this length. */
export function sealedLength(payloadLength: number): number {
  return ESP_PAYLOAD_OFFSET + payloadLength + paddingFor(payloadLength) + ESP_TRAILER_LENGTH + ESP_TAG_LENGTH;
}
