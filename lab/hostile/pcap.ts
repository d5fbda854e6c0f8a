/**
 * UDP payloads out of a capture file.
 *
 * Contract: pure; reads little-endian pcap of Ethernet frames with IPv4 (what tcpdump writes here), skips whatever else
 * is in it. Source: draft-ietf-opsawg-pcap, RFC 791, RFC 768.
 */
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 14;
const UDP_HEADER = 8;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;

export function udpPayloads(pcap: Buffer): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    const payload = payloadOf(pcap.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length));
    if (payload !== undefined) payloads.push(payload);
    at += RECORD_HEADER + length;
  }
  return payloads;
}

function payloadOf(frame: Buffer): Uint8Array | undefined {
  if (frame.length < ETHERNET + 20 + UDP_HEADER || frame.readUInt16BE(12) !== ETHERTYPE_IPV4)
    return undefined;
  if (frame[ETHERNET + 9] !== PROTOCOL_UDP) return undefined;
  const udp = ETHERNET + (frame[ETHERNET]! & 15) * 4;
  return Uint8Array.from(frame.subarray(udp + UDP_HEADER, udp + frame.readUInt16BE(udp + 4)));
}
