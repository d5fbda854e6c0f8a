/**
 * Reading an Ethernet frame as far as the emulator must.
 *
 * Contract: pure; reads only what lies inside `offset … offset + length`; allocates nothing. What is no IP packet
 * (ARP) or is cut short has no protocol. VLAN tags are not looked behind.
 */
import type { BlockedProtocol } from './impairments.ts';

export const ETHERNET_HEADER = 14;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IPV6_HEADER = 40;
const NEXT_HEADER_FRAGMENT = 44;
const FRAGMENT_HEADER = 8;

/** The protocol by which a frame can be blocked: ICMP echo (of both families), TCP, UDP. */
export function blockableProtocol(
  bytes: Uint8Array,
  offset: number,
  length: number,
): BlockedProtocol | undefined {
  if (length < ETHERNET_HEADER + 20) return undefined;
  const ethertype = (bytes[offset + 12]! << 8) | bytes[offset + 13]!;
  const packet = offset + ETHERNET_HEADER;
  const end = offset + length;
  if (ethertype === ETHERTYPE_IPV4) {
    return classify(bytes, bytes[packet + 9]!, packet + (bytes[packet]! & 0x0f) * 4, end);
  }
  if (ethertype !== ETHERTYPE_IPV6 || length < ETHERNET_HEADER + IPV6_HEADER) return undefined;
  const nextHeader = bytes[packet + 6]!;
  const payload = packet + IPV6_HEADER;
  if (nextHeader !== NEXT_HEADER_FRAGMENT) return classify(bytes, nextHeader, payload, end);
  return payload < end ? classify(bytes, bytes[payload]!, payload + FRAGMENT_HEADER, end) : undefined;
}

function classify(
  bytes: Uint8Array,
  protocol: number,
  payload: number,
  end: number,
): BlockedProtocol | undefined {
  switch (protocol) {
    case 6:
      return 'tcp';
    case 17:
      return 'udp';
    case 1: // ICMP: echo reply and request only, since errors are the business of other protocols.
      return payload < end && (bytes[payload] === 0 || bytes[payload] === 8) ? 'icmp' : undefined;
    case 58: // ICMPv6: neighbour discovery must go on.
      return payload < end && (bytes[payload] === 128 || bytes[payload] === 129) ? 'icmp' : undefined;
    default:
      return undefined;
  }
}
