/**
 * The packets of the rehearsal, as a TUN device would give them: a virtio header and an IP packet.
 *
 * A lone UDP datagram with an open checksum, and a TCP superpacket of some segments. What is merged again at the far
 * end is the same to the byte, identification and checksum included.
 */
import { checksumOf, fold, sumWords } from '../tunnel/offload/checksum.ts';
import {
  segmentation,
  VIRTIO_HEADER_LENGTH,
  virtioFlag,
  writeVirtioHeader,
} from '../tunnel/offload/virtio-header.ts';

const SEGMENT_BYTES = 1_380;
const SEGMENTS = 20;
const IP_HEADER = 20;
const ADDRESSES = [192, 0, 2, 1, 192, 0, 2, 2];

export function rehearsalPackets(): Uint8Array[] {
  return [udpPacket(), tcpPacket()];
}

function udpPacket(): Uint8Array {
  const { bytes, data } = ipPacket(17, 8 + 56);
  const transport = VIRTIO_HEADER_LENGTH + IP_HEADER;
  data.setUint16(transport, 33_434);
  data.setUint16(transport + 2, 33_435);
  data.setUint16(transport + 4, 8 + 56);
  openChecksum(data, transport + 6, 17, 8 + 56);
  writeVirtioHeader(data, 0, {
    flags: virtioFlag.needsChecksum,
    segmentation: segmentation.none,
    headerLength: IP_HEADER + 8,
    segmentSize: 0,
    checksumStart: IP_HEADER,
    checksumOffset: 6,
  });
  return bytes;
}

function tcpPacket(): Uint8Array {
  const length = 20 + SEGMENTS * SEGMENT_BYTES;
  const { bytes, data } = ipPacket(6, length);
  const transport = VIRTIO_HEADER_LENGTH + IP_HEADER;
  data.setUint16(transport, 50_000);
  data.setUint16(transport + 2, 50_001);
  data.setUint8(transport + 12, 5 << 4);
  data.setUint8(transport + 13, 0x10);
  data.setUint16(transport + 14, 512);
  openChecksum(data, transport + 16, 6, length);
  writeVirtioHeader(data, 0, {
    flags: virtioFlag.needsChecksum,
    segmentation: segmentation.tcp4,
    headerLength: IP_HEADER + 20,
    segmentSize: SEGMENT_BYTES,
    checksumStart: IP_HEADER,
    checksumOffset: 16,
  });
  return bytes;
}

function ipPacket(protocol: number, payload: number): { bytes: Uint8Array; data: DataView } {
  const bytes = new Uint8Array(VIRTIO_HEADER_LENGTH + IP_HEADER + payload);
  const data = new DataView(bytes.buffer);
  for (let at = VIRTIO_HEADER_LENGTH + IP_HEADER + 20; at < bytes.length; at++) bytes[at] = at;
  data.setUint8(VIRTIO_HEADER_LENGTH, 0x45);
  data.setUint16(VIRTIO_HEADER_LENGTH + 2, IP_HEADER + payload);
  data.setUint8(VIRTIO_HEADER_LENGTH + 8, 64);
  data.setUint8(VIRTIO_HEADER_LENGTH + 9, protocol);
  bytes.set(ADDRESSES, VIRTIO_HEADER_LENGTH + 12);
  data.setUint16(VIRTIO_HEADER_LENGTH + 10, checksumOf(sumWords(data, VIRTIO_HEADER_LENGTH, IP_HEADER)));
  return { bytes, data };
}

function openChecksum(data: DataView, field: number, protocol: number, length: number): void {
  data.setUint16(field, fold(sumWords(data, VIRTIO_HEADER_LENGTH + 12, 8) + protocol + length));
}
