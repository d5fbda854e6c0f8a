/**
 * Which flows are kept in order among themselves: those of a lane.
 *
 * Packets of one flow always take the same lane, so a flow is in order; packets of another lane never wait for it. There
 * are few lanes, so flows share them by chance.
 *
 * Contract: pure, reads the packet's headers only. Fragments are told apart by their addresses alone, as only the first
 * has ports; so all packets of a flow that is fragmented now and then may take two lanes.
 */
import { LANES } from '../esp/packet-number.ts';
import { isIpv4 } from '../offload/ip-packet.ts';

const TCP = 6;
const UDP = 17;
const IPV6_HEADER_LENGTH = 40;
/** More fragments, and the offset. */
const FRAGMENT = 0x3fff;

/** @param offset of an IP packet whose header is whole. @returns 1 to 15 */
export function laneOfPacket(data: DataView, offset: number): number {
  const hash = isIpv4(data, offset) ? ipv4Hash(data, offset) : ipv6Hash(data, offset);
  // Fibonacci hashing: the high bits depend on all of the low ones.
  return 1 + ((Math.imul(hash, 0x9e37_79b1) >>> 16) % (LANES - 1));
}

function ipv4Hash(data: DataView, offset: number): number {
  const addresses = data.getUint32(offset + 12) ^ Math.imul(data.getUint32(offset + 16), 31);
  const protocol = data.getUint8(offset + 9);
  const fragment = (data.getUint16(offset + 6) & FRAGMENT) !== 0;
  if (fragment || (protocol !== TCP && protocol !== UDP)) return addresses ^ protocol;
  return addresses ^ ports(data, offset + 4 * (data.getUint8(offset) & 15)) ^ protocol;
}

function ipv6Hash(data: DataView, offset: number): number {
  let addresses = 0;
  for (let at = offset + 8; at < offset + IPV6_HEADER_LENGTH; at += 4) {
    addresses = Math.imul(addresses, 31) ^ data.getUint32(at);
  }
  const protocol = data.getUint8(offset + 6);
  if (protocol !== TCP && protocol !== UDP) return addresses ^ protocol;
  return addresses ^ ports(data, offset + IPV6_HEADER_LENGTH) ^ protocol;
}

function ports(data: DataView, at: number): number {
  return Math.imul(data.getUint32(at), 0x85eb_ca6b);
}
