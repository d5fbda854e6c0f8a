/**
 * The numbered packets that the simulator sends through the tunnel: UDP of both families, alone or as superpackets.
 *
 * Contract: each packet's payload begins with its flow and its number in the flow. `innerPacket` makes what a TUN device
 * would give, one header for all segments; `readInner` finds every numbered packet in what a TUN device is given.
 */
import { checksumOf, fold, sumWords } from '../src/tunnel/offload/checksum.ts';
import {
  readVirtioHeader,
  segmentation,
  VIRTIO_HEADER_LENGTH,
  type VirtioFields,
  virtioFlag,
  writeVirtioHeader,
} from '../src/tunnel/offload/virtio-header.ts';

import type { ClassRule, TransferMode } from '../src/tunnel/schedule/traffic-classes.ts';

export const endNames = ['a', 'b'] as const;
export type EndName = (typeof endNames)[number];

export function otherEnd(name: EndName): EndName {
  return name === 'a' ? 'b' : 'a';
}

export type Flow = {
  readonly id: number;
  readonly from: EndName;
  readonly family: 4 | 6;
  /** Bytes of each packet's payload, 8 at least. */
  readonly payload: number;
  /** Whether its packets leave with open checksums, as a machine's own do: such ones may be merged. */
  readonly open: boolean;
  /** Packets that leave the device together behind one header; more than one needs an open checksum. */
  readonly segments: number;
};

const UDP = 17;
const UDP_HEADER = 8;
const PORT = 40_000;

/** Source networks of the ends: 192.0.2.0/25 and 2001:db8::/64 are a's. */
export const networks: Readonly<Record<EndName, readonly { bytes: Uint8Array; length: number }[]>> = {
  a: [
    { bytes: Uint8Array.of(192, 0, 2, 0), length: 25 },
    { bytes: ipv6(0), length: 64 },
  ],
  b: [
    { bytes: Uint8Array.of(192, 0, 2, 128), length: 25 },
    { bytes: ipv6(1), length: 64 },
  ],
};

/** The class of the flows with these numbers. */
export function classOfFlows(mode: TransferMode, first: number, last: number): ClassRule {
  const sourcePorts = [[PORT + first, PORT + last]] as const;
  return { mode, from: [], to: [], protocols: [UDP], ports: [], sourcePorts, dscps: [] };
}

/** `count` packets of the flow from this number on, behind a virtio header. */
export function innerPacket(flow: Flow, number: number, count: number): Uint8Array {
  const ipLength = flow.family === 4 ? 20 : 40;
  const body = UDP_HEADER + count * flow.payload;
  const bytes = new Uint8Array(VIRTIO_HEADER_LENGTH + ipLength + body);
  const data = new DataView(bytes.buffer);
  writeIpHeader(flow, data, body);
  const udp = VIRTIO_HEADER_LENGTH + ipLength;
  data.setUint16(udp, PORT + flow.id);
  data.setUint16(udp + 2, PORT);
  data.setUint16(udp + 4, body);
  for (let index = 0; index < count; index++) {
    const at = udp + UDP_HEADER + index * flow.payload;
    data.setUint32(at, flow.id);
    data.setUint32(at + 4, number + index);
  }
  if (flow.open) leaveOpen(flow, data, ipLength, body, count);
  return bytes;
}

/** Calls `each` for every numbered packet. @returns false when there is something else in it */
export function readInner(bytes: Uint8Array, each: (flow: number, number: number) => void): boolean {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  readVirtioHeader(data, 0, virtio);
  const ipLength = (bytes[VIRTIO_HEADER_LENGTH] as number) >> 4 === 4 ? 20 : 40;
  const payload = VIRTIO_HEADER_LENGTH + ipLength + UDP_HEADER;
  const length = bytes.length - payload;
  if (length < 8) return false;
  const size = virtio.segmentation === segmentation.none ? length : virtio.segmentSize;
  if (size < 8) return false;
  for (let at = payload; at < bytes.length; at += size) each(data.getUint32(at), data.getUint32(at + 4));
  return true;
}

const virtio: VirtioFields = {
  flags: 0,
  segmentation: 0,
  headerLength: 0,
  segmentSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
};

function writeIpHeader({ family, from, id }: Flow, data: DataView, body: number): void {
  const ip = VIRTIO_HEADER_LENGTH;
  const bytes = new Uint8Array(data.buffer);
  const ends = from === 'a' ? [0, 1] : [1, 0];
  if (family === 4) {
    data.setUint8(ip, 0x45);
    data.setUint16(ip + 2, 20 + body);
    data.setUint8(ip + 8, 64);
    data.setUint8(ip + 9, UDP);
    ends.forEach((end, index) => {
      bytes.set([192, 0, 2, 128 * end + 1 + (id % 100)], ip + 12 + 4 * index);
    });
    data.setUint16(ip + 10, checksumOf(sumWords(data, ip, 20)));
    return;
  }
  data.setUint8(ip, 0x60);
  data.setUint16(ip + 4, body);
  data.setUint8(ip + 6, UDP);
  data.setUint8(ip + 7, 64);
  ends.forEach((end, index) => {
    bytes.set(ipv6(end), ip + 8 + 16 * index);
  });
}

/** What the device's machine left to be done: the checksum, and cutting. */
function leaveOpen(flow: Flow, data: DataView, ipLength: number, body: number, count: number): void {
  const addresses = flow.family === 4 ? 8 : 32;
  const end = VIRTIO_HEADER_LENGTH + ipLength;
  data.setUint16(end + 6, fold(sumWords(data, end - addresses, addresses) + UDP + body));
  writeVirtioHeader(data, 0, {
    flags: virtioFlag.needsChecksum,
    segmentation: count > 1 ? segmentation.udp : segmentation.none,
    headerLength: ipLength + UDP_HEADER,
    segmentSize: count > 1 ? flow.payload : 0,
    checksumStart: ipLength,
    checksumOffset: 6,
  });
}

function ipv6(end: number): Uint8Array {
  return Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, end, 0, 0, 0, 0, 0, 0, 0, 1]);
}
