/**
 * An Ethernet frame with one UDP datagram over IPv4, as a well-behaved or an ill-behaved sender would make it.
 *
 * Contract: pure. Both checksums are right, whatever the payload is: what is bad shall get as far as the program.
 * Source: RFC 791, RFC 768, RFC 1071.
 */
export type UdpFrame = {
  /** 6 bytes each. */
  readonly sourceMac: Uint8Array;
  readonly destinationMac: Uint8Array;
  /** 4 bytes each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
};

const ETHERNET = 14;
const IP = 20;
const UDP = 8;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;

export function udpFrame(options: UdpFrame): Uint8Array {
  const { payload } = options;
  const frame = new Uint8Array(ETHERNET + IP + UDP + payload.length);
  const view = new DataView(frame.buffer);
  frame.set(options.destinationMac, 0);
  frame.set(options.sourceMac, 6);
  view.setUint16(12, ETHERTYPE_IPV4);
  writeIpHeader(view, frame, options);
  const udp = ETHERNET + IP;
  const length = UDP + payload.length;
  view.setUint16(udp, options.sourcePort);
  view.setUint16(udp + 2, options.destinationPort);
  view.setUint16(udp + 4, length);
  frame.set(payload, udp + UDP);
  const pseudoHeader = onesSum(view, ETHERNET + 12, 8) + PROTOCOL_UDP + length;
  // 0 means "no checksum"; its other representation is sent.
  view.setUint16(udp + 6, folded(onesSum(view, udp, length) + pseudoHeader) || 0xffff);
  return frame;
}

function writeIpHeader(view: DataView, frame: Uint8Array, { source, destination, payload }: UdpFrame): void {
  view.setUint8(ETHERNET, 0x45);
  view.setUint16(ETHERNET + 2, IP + UDP + payload.length);
  view.setUint16(ETHERNET + 6, DONT_FRAGMENT);
  view.setUint8(ETHERNET + 8, TTL);
  view.setUint8(ETHERNET + 9, PROTOCOL_UDP);
  frame.set(source, ETHERNET + 12);
  frame.set(destination, ETHERNET + 16);
  view.setUint16(ETHERNET + 10, folded(onesSum(view, ETHERNET, IP)));
}

function onesSum(view: DataView, offset: number, length: number): number {
  let sum = 0;
  for (let at = 0; at + 1 < length; at += 2) sum += view.getUint16(offset + at);
  return length % 2 === 1 ? sum + (view.getUint8(offset + length - 1) << 8) : sum;
}

function folded(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + (rest >>> 16);
  return ~rest & 0xffff;
}
