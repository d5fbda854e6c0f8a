/**
 * The header before each packet of a TUN device with offloads.
 *
 * Layout (little-endian on the machines we run on): flags u8, segmentation type u8, header length u16, segment size
 * u16, checksum start u16, checksum offset u16. Source: virtio 1.2, 5.1.6; linux/virtio_net.h.
 */
export const VIRTIO_HEADER_LENGTH = 10;

export const virtioFlag = { needsChecksum: 1 } as const;

export const segmentation = { none: 0, tcp4: 1, tcp6: 4, udp: 5, ecn: 0x80 } as const;

export type VirtioFields = {
  flags: number;
  segmentation: number;
  headerLength: number;
  segmentSize: number;
  checksumStart: number;
  checksumOffset: number;
};

export function writeVirtioHeader(data: DataView, at: number, fields: VirtioFields): void {
  data.setUint8(at, fields.flags);
  data.setUint8(at + 1, fields.segmentation);
  data.setUint16(at + 2, fields.headerLength, true);
  data.setUint16(at + 4, fields.segmentSize, true);
  data.setUint16(at + 6, fields.checksumStart, true);
  data.setUint16(at + 8, fields.checksumOffset, true);
}

/** Reads into `fields`, which the caller keeps: nothing is allocated. */
export function readVirtioHeader(data: DataView, at: number, fields: VirtioFields): void {
  fields.flags = data.getUint8(at);
  fields.segmentation = data.getUint8(at + 1);
  fields.headerLength = data.getUint16(at + 2, true);
  fields.segmentSize = data.getUint16(at + 4, true);
  fields.checksumStart = data.getUint16(at + 6, true);
  fields.checksumOffset = data.getUint16(at + 8, true);
}
