/**
 * Asking the next hop who it is: ARP for IPv4, neighbour discovery for IPv6.
 *
 * Contract: pure; never throws, whatever comes. Neither protocol numbers its questions: an answer proves only that the
 * neighbour is there now. Source: RFC 826, RFC 4861 sections 4.3, 4.4 and 7.1.2.
 */

export const arpBytes = 28;
/** Of the link-layer addresses of Ethernet, which both are about here. */
export const hardwareBytes = 6;

/** @param hardware ours, 6 bytes; addresses of 4 bytes */
export function encodeArpRequest(hardware: Uint8Array, own: Uint8Array, wanted: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(arpBytes);
  bytes.set([0, 1, 8, 0, hardwareBytes, 4, 0, 1]);
  bytes.set(hardware, 8);
  bytes.set(own, 14);
  bytes.set(wanted, 24);
  return bytes;
}

/** Whether it is `wanted`'s answer to us. */
export function isArpReply(
  packet: Uint8Array,
  hardware: Uint8Array,
  own: Uint8Array,
  wanted: Uint8Array,
): boolean {
  return (
    packet.length >= arpBytes &&
    same(packet, 0, Uint8Array.of(0, 1, 8, 0, hardwareBytes, 4, 0, 2)) &&
    same(packet, 14, wanted) &&
    same(packet, 18, hardware) &&
    same(packet, 24, own)
  );
}

const solicitation = 135;
const advertisement = 136;

/** With the checksum left to the kernel. @param wanted 16 bytes */
export function encodeSolicitation(hardware: Uint8Array, wanted: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(32);
  bytes[0] = solicitation;
  bytes.set(wanted, 8);
  // Source link-layer address, one unit of 8 bytes: without it the answer would need a question first.
  bytes.set([1, 1], 24);
  bytes.set(hardware, 26);
  return bytes;
}

/** `ff02::1:ffXX:XXXX`, where whoever has the address listens. */
export function solicitedNodeAddress(wanted: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0x02]);
  bytes.set([1, 0xff], 11);
  bytes.set(wanted.subarray(13), 13);
  return bytes;
}

/** @param hopLimit of the packet: less than 255 has come through a router, so not from a neighbour */
export function isAdvertisementOf(
  packet: Uint8Array,
  wanted: Uint8Array,
  hopLimit: number | undefined,
): boolean {
  const [type, code] = packet;
  return (
    hopLimit === 255 && packet.length >= 24 && type === advertisement && code === 0 && same(packet, 8, wanted)
  );
}

function same(packet: Uint8Array, offset: number, bytes: Uint8Array): boolean {
  return bytes.every((byte, index) => packet[offset + index] === byte);
}
