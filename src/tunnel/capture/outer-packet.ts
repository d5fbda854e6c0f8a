/**
 * What lies in a captured frame: a UDP datagram or a piece of a TCP connection, with its two ends.
 *
 * Contract: pure, never throws; undefined for every other frame, for later fragments and for what is cut short before its
 * payload. The payload is what was captured of it and may be shorter than it was on the wire.
 * Source: RFC 791, RFC 8200 (4), RFC 768, RFC 9293 (3.1), the link types of tcpdump.org.
 */
import { type Endpoint, ipAddressOf } from '../../network/ip-address.ts';

export type OuterPacket = { readonly source: Endpoint; readonly destination: Endpoint } & (
  | { readonly protocol: 'udp'; readonly payload: Uint8Array }
  | {
      readonly protocol: 'tcp';
      /** Of the first byte of the payload, or of the SYN. */
      readonly sequence: number;
      readonly isSyn: boolean;
      readonly payload: Uint8Array;
    }
);

const linkType = { null: 0, ethernet: 1, raw: 101, sll: 113, ipv4: 228, ipv6: 229, sll2: 276 } as const;
const etherType = { ipv4: 0x0800, vlan: 0x8100, ipv6: 0x86dd, providerVlan: 0x88a8 } as const;
const protocolNumber = { tcp: 6, udp: 17 } as const;
/** Hop-by-hop, routing, destination: headers before the payload that tell their length. */
const extensions: readonly number[] = [0, 43, 60];
const flagSyn = 0x02;

type Payload = { readonly protocol: number; readonly bytes: Uint8Array };

export function readOuterPacket(type: number, frame: Uint8Array): OuterPacket | undefined {
  const packet = networkLayer(type, frame);
  const version = (packet?.[0] ?? 0) >> 4;
  if (packet === undefined) return undefined;
  if (version === 4) return readIpv4(packet);
  return version === 6 ? readIpv6(packet) : undefined;
}

function networkLayer(type: number, frame: Uint8Array): Uint8Array | undefined {
  switch (type) {
    case linkType.null:
      return frame.subarray(4);
    case linkType.raw:
    case linkType.ipv4:
    case linkType.ipv6:
      return frame;
    case linkType.sll:
      return isIp(uint16(frame, 14)) ? frame.subarray(16) : undefined;
    case linkType.sll2:
      return isIp(uint16(frame, 0)) ? frame.subarray(20) : undefined;
    case linkType.ethernet:
      return behindEthernet(frame);
    default:
      return undefined;
  }
}

function behindEthernet(frame: Uint8Array): Uint8Array | undefined {
  let at = 12;
  // A provider's tag and a customer's, at the most.
  for (let tags = 0; tags < 2; tags++) {
    const type = uint16(frame, at);
    if (type !== etherType.vlan && type !== etherType.providerVlan) break;
    at += 4;
  }
  return isIp(uint16(frame, at)) ? frame.subarray(at + 2) : undefined;
}

function isIp(type: number): boolean {
  return type === etherType.ipv4 || type === etherType.ipv6;
}

function readIpv4(packet: Uint8Array): OuterPacket | undefined {
  const headerBytes = ((packet[0] ?? 0) & 15) * 4;
  const total = uint16(packet, 2);
  const isLaterFragment = (uint16(packet, 6) & 0x1fff) !== 0;
  if (headerBytes < 20 || packet.length < headerBytes || total < headerBytes || isLaterFragment)
    return undefined;
  const payload = { protocol: packet[9] ?? 0, bytes: packet.subarray(headerBytes, total) };
  return readTransport(packet.subarray(12, 16), packet.subarray(16, 20), payload);
}

function readIpv6(packet: Uint8Array): OuterPacket | undefined {
  if (packet.length < 40) return undefined;
  let protocol = packet[6] ?? 0;
  let bytes = packet.subarray(40, 40 + uint16(packet, 4));
  while (extensions.includes(protocol) && bytes.length >= 8) {
    protocol = bytes[0] ?? 0;
    bytes = bytes.subarray(8 + (bytes[1] ?? 0) * 8);
  }
  return readTransport(packet.subarray(8, 24), packet.subarray(24, 40), { protocol, bytes });
}

function readTransport(
  source: Uint8Array,
  destination: Uint8Array,
  { protocol, bytes }: Payload,
): OuterPacket | undefined {
  if (bytes.length < 8) return undefined;
  const ends = {
    source: { address: ipAddressOf(source), port: uint16(bytes, 0) },
    destination: { address: ipAddressOf(destination), port: uint16(bytes, 2) },
  };
  if (protocol === protocolNumber.udp) {
    const length = Math.max(8, uint16(bytes, 4));
    return { ...ends, protocol: 'udp', payload: bytes.subarray(8, length) };
  }
  const headerBytes = ((bytes[12] ?? 0) >> 4) * 4;
  if (protocol !== protocolNumber.tcp || headerBytes < 20 || bytes.length < headerBytes) return undefined;
  const sequence = (uint16(bytes, 4) * 0x1_0000 + uint16(bytes, 6)) >>> 0;
  const isSyn = ((bytes[13] ?? 0) & flagSyn) !== 0;
  return { ...ends, protocol: 'tcp', sequence, isSyn, payload: bytes.subarray(headerBytes) };
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}
