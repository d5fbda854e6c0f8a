/**
 * Answers an ICMP echo request (RFC 792, RFC 4443 4.1) given as a bare IP packet, so that the kernel's own `ping` judges
 * what an end without an IP stack sealed.
 *
 * Contract: `echoReply` returns the reply, or undefined for any other packet. IPv4 headers without options only.
 */

type Layout = {
  readonly headerLength: number;
  readonly addresses: number;
  readonly addressLength: number;
  readonly request: number;
  readonly reply: number;
};

const ipv4: Layout = { headerLength: 20, addresses: 12, addressLength: 4, request: 8, reply: 0 };
const ipv6: Layout = { headerLength: 40, addresses: 8, addressLength: 16, request: 128, reply: 129 };

export function echoReply(packet: Buffer): Buffer | undefined {
  const layout = layoutOf(packet);
  if (layout === undefined || packet[layout.headerLength] !== layout.request) return undefined;
  const reply = Buffer.from(packet);
  const { addresses, addressLength, headerLength } = layout;
  packet.copy(reply, addresses + addressLength, addresses, addresses + addressLength);
  packet.copy(reply, addresses, addresses + addressLength, addresses + 2 * addressLength);
  reply[headerLength] = layout.reply;
  const change = (layout.request - layout.reply) << 8;
  reply.writeUInt16BE(adjustChecksum(packet.readUInt16BE(headerLength + 2), change), headerLength + 2);
  return reply;
}

function layoutOf(packet: Buffer): Layout | undefined {
  if (packet.length >= 28 && packet[0] === 0x45 && packet[9] === 1) return ipv4;
  if (packet.length >= 48 && (packet[0] ?? 0) >> 4 === 6 && packet[6] === 58) return ipv6;
  return undefined;
}

/** The checksum after a 16-bit word shrank by `decrease` (RFC 1624; a negative decrease is growth). */
function adjustChecksum(checksum: number, decrease: number): number {
  const sum = checksum + decrease + (decrease < 0 ? 0xffff : 0);
  return sum > 0xffff ? (sum & 0xffff) + 1 : sum;
}
