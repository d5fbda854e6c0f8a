/**
 * ICMP echo requests of 64 bytes, and telling our own replies from everything else that comes.
 *
 * Contract: pure; never throws, whatever a stranger sends. A reply is ours when identifier and the random token in its
 * payload are: the token can't be guessed from outside of the way. The source address is the caller's to compare.
 * Source: S1.1 (64-byte echoes); RFC 792, RFC 4443 section 4, RFC 1071 (checksum).
 */

import type { IpFamily } from '../network/ip-address.ts';

export type EchoIdentity = { readonly identifier: number; readonly token: Uint8Array };

export const echoTokenBytes = 16;
const echoBytes = 64;
const headerBytes = 8;
const echoTypes = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;

/** The checksum of ICMPv6 is the kernel's business: it covers the addresses, which it chooses. */
export function encodeEcho(
  family: IpFamily,
  { identifier, token }: EchoIdentity,
  sequence: number,
): Uint8Array {
  const bytes = new Uint8Array(echoBytes);
  const data = new DataView(bytes.buffer);
  bytes[0] = echoTypes[family].request;
  data.setUint16(4, identifier);
  data.setUint16(6, sequence);
  bytes.set(token, headerBytes);
  if (family === 4) data.setUint16(2, internetChecksum(bytes));
  return bytes;
}

/** @param packet as a raw socket gives it: with its header in IPv4, without in IPv6. @returns the sequence number of a reply that is ours */
export function readEchoReply(
  family: IpFamily,
  identity: EchoIdentity,
  packet: Uint8Array,
): number | undefined {
  const message = family === 4 ? packet.subarray(ipv4HeaderBytes(packet)) : packet;
  if (message.length !== echoBytes || message[0] !== echoTypes[family].reply || message[1] !== 0)
    return undefined;
  // A raw socket gets ICMP of IPv4 before the kernel has looked at the checksum.
  if (family === 4 && internetChecksum(message) !== 0) return undefined;
  const data = new DataView(message.buffer, message.byteOffset, message.length);
  if (data.getUint16(4) !== identity.identifier) return undefined;
  const isOurs = identity.token.every((byte, index) => message[headerBytes + index] === byte);
  return isOurs ? data.getUint16(6) : undefined;
}

/** More than the packet has where there is none. */
function ipv4HeaderBytes(packet: Uint8Array): number {
  const first = packet[0] ?? 0;
  const length = (first & 0x0f) * 4;
  return first >> 4 === 4 && length >= 20 ? length : packet.length;
}

/** Zero over bytes that hold their own checksum. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2)
    sum += ((bytes[index] ?? 0) << 8) + (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
