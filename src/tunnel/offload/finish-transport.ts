/**
 * The transport checksum of a whole inner packet: completing one that is open, and telling whether one is right.
 *
 * Contract: the packet was checked to be an IP packet of its length. Allocates nothing.
 * Source: RFC 9293, 3.1; RFC 768; RFC 8200, 8.1.
 */
import { finishChecksum, fold, sumWords } from './checksum.ts';
import {
  isIpv4,
  protocol,
  TCP_CHECKSUM,
  transportOffset,
  transportProtocol,
  UDP_CHECKSUM,
} from './ip-packet.ts';

/** Completes the checksum of a TCP or UDP packet whose checksum field has the sum over the pseudo-header. */
export function finishTransport(data: DataView, start: number, end: number): void {
  const transport = transportOffset(data, start, end);
  const tcp = transportProtocol(data, start) === protocol.tcp;
  finishChecksum(data, transport, end, transport + (tcp ? TCP_CHECKSUM : UDP_CHECKSUM));
}

/** Whether the packet is TCP or UDP with a checksum, and that is right. */
export function isTransportWhole(data: DataView, start: number, end: number): boolean {
  const number = transportProtocol(data, start);
  const transport = transportOffset(data, start, end);
  if (number === 0 || transport < 0) return false;
  const isUdp = number === protocol.udp;
  if (transport + (isUdp ? 8 : 20) > end) return false;
  // None at all (RFC 768).
  if (isUdp && data.getUint16(transport + UDP_CHECKSUM) === 0) return false;
  const addresses = isIpv4(data, start) ? sumWords(data, start + 12, 8) : sumWords(data, start + 8, 32);
  return fold(addresses + number + (end - transport) + sumWords(data, transport, end - transport)) === 0xffff;
}
