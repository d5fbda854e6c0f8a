/**
 * Reading the few fields of inner IP packets that the packet path needs.
 *
 * Contract: offsets into the caller's memory; nothing beyond `end` is read; nothing is allocated.
 * Source: RFC 791, RFC 1122 (3.2.1.3), RFC 4291 (2.5), RFC 8200, RFC 9293, RFC 768.
 */
export const protocol = { tcp: 6, udp: 17 } as const;

/** Where the checksum lies in the transport header. */
export const TCP_CHECKSUM = 16;
export const UDP_CHECKSUM = 6;

const IPV6_HEADER_LENGTH = 40;

/** fe80::/10, its ten bits. */
const LINK_LOCAL_BITS = 0xfe80 >>> 6;

export function isIpv4(data: DataView, start: number): boolean {
  return data.getUint8(start) >> 4 === 4;
}

/** Where the IP header ends (extension headers of IPv6 count as payload); -1 for what is no IP packet. */
export function transportOffset(data: DataView, start: number, end: number): number {
  if (end - start < 20) return -1;
  const first = data.getUint8(start);
  if (first >> 4 === 4) {
    const headerLength = (first & 0x0f) * 4;
    return headerLength >= 20 && start + headerLength <= end ? start + headerLength : -1;
  }
  if (first >> 4 === 6) return end - start >= IPV6_HEADER_LENGTH ? start + IPV6_HEADER_LENGTH : -1;
  return -1;
}

/**
 * The length of the IP packet that begins at `start`, by its own account, without what pads it; -1 when there is none
 * or it does not lie wholly before `end`.
 */
export function packetLength(data: DataView, start: number, end: number): number {
  if (transportOffset(data, start, end) < 0) return -1;
  const length = statedLength(data, start);
  return length <= end - start && transportOffset(data, start, start + length) >= 0 ? length : -1;
}

function statedLength(data: DataView, start: number): number {
  return isIpv4(data, start) ? data.getUint16(start + 2) : data.getUint16(start + 4) + IPV6_HEADER_LENGTH;
}

/** TCP or UDP right behind the IP header, not a fragment; 0 for everything else. */
export function transportProtocol(data: DataView, start: number): number {
  const ipv4 = isIpv4(data, start);
  if (ipv4 && (data.getUint16(start + 6) & 0x3fff) !== 0) return 0;
  const number = data.getUint8(start + (ipv4 ? 9 : 6));
  return number === protocol.tcp || number === protocol.udp ? number : 0;
}

/** Whether the far side can find the checksum by itself from the headers alone. */
export function isPlainTransport(data: DataView, start: number, checksumOffset: number): boolean {
  const number = transportProtocol(data, start);
  return number === protocol.tcp
    ? checksumOffset === TCP_CHECKSUM
    : number === protocol.udp && checksumOffset === UDP_CHECKSUM;
}

/**
 * Whether the source keeps the packet on its own link: it has none yet, or an IPv6 link-local one. The kernel makes such
 * packets by itself on every device that comes up, to report the multicast groups it is in.
 */
export function isLinkScoped(data: DataView, start: number): boolean {
  if (isIpv4(data, start)) return data.getInt32(start + 12) === 0;
  const first = data.getInt32(start + 8);
  if (first >>> 22 === LINK_LOCAL_BITS) return true;
  return (
    first === 0 &&
    data.getInt32(start + 12) === 0 &&
    data.getInt32(start + 16) === 0 &&
    data.getInt32(start + 20) === 0
  );
}
