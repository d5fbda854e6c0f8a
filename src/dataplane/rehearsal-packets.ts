/**
 * The packets of the rehearsal, as a TUN device would give them: a virtio header and an IP packet.
 *
 * Of each family: echo requests with nothing left to do, one of them too long for a packet on the wire, a lone UDP datagram with an open checksum, a bare TCP
 * acknowledgement, and a TCP superpacket of some segments. What is merged again at the far end is the same to the byte,
 * identification and checksum included. Besides, what no tunnel takes.
 */
import { checksumOf, fold, sumWords } from '../tunnel/offload/checksum.ts';
import {
  segmentation,
  VIRTIO_HEADER_LENGTH,
  virtioFlag,
  writeVirtioHeader,
} from '../tunnel/offload/virtio-header.ts';
import type { ClassRule } from '../tunnel/schedule/traffic-classes.ts';

const SEGMENT_BYTES = 1_340;
/** In one burst, so that it comes out in one piece. */
export const ONE_BURST = 20;
/** As long as a superpacket gets: it may come out in pieces. */
export const WHOLE = 46;
/** The last segment is a short one. */
const LAST_SEGMENT_BYTES = 700;
/** With timestamps, as Linux and all others send it (RFC 7323). */
const TCP_HEADER_LENGTH = 32;
const TIMESTAMPS = [1, 1, 8, 10, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1];
/** Sequence numbers go through zero in a superpacket. */
const FIRST_SEQUENCE = 0xffff_f000;
/** An IP packet that fits into no link of the rehearsal once it is sealed. */
const LONG_BYTES = 1_500;
const IP = VIRTIO_HEADER_LENGTH;

type Family = {
  readonly headerLength: number;
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly echo: number;
  readonly superpacket: number;
};

const families: readonly Family[] = [
  {
    headerLength: 20,
    source: [192, 0, 2, 1],
    destination: [192, 0, 2, 2],
    echo: 1,
    superpacket: segmentation.tcp4,
  },
  {
    headerLength: 40,
    source: [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    destination: [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
    echo: 58,
    superpacket: segmentation.tcp6,
  },
];

const everything = { from: [], to: [], ports: [], sourcePorts: [], dscps: [] };

/** The networks that hold the packets' sources, behind others of the same family. */
export const rehearsalSources = [
  { bytes: Uint8Array.of(10, 0, 0, 0), length: 8 },
  { bytes: Uint8Array.of(192, 0, 2, 0), length: 24 },
  { bytes: Uint8Array.from([0xfd, ...Array<number>(15).fill(0)]), length: 8 },
  { bytes: Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, ...Array<number>(12).fill(0)]), length: 32 },
];

/** Datagrams go over two paths, echoes over one of them. */
export const rehearsalClasses: readonly ClassRule[] = [
  { ...everything, mode: 'duplicate', protocols: [17] },
  { ...everything, mode: 'pin', protocols: families.map(({ echo }) => echo) },
];

/** @param segments of the superpackets */
export function rehearsalPackets(segments: number): Uint8Array[] {
  return families.flatMap((family) => [
    ipPacket(otherHost(family), family.echo, 8 + 56).bytes,
    ipPacket(family, family.echo, LONG_BYTES - family.headerLength).bytes,
    udpPacket(family),
    tcpPacket(family, 0),
    tcpPacket(family, segments),
  ]);
}

/**
 * What is dropped: an IP packet from a source that is not allowed, one that is its link's own, as the kernel sends it on a new device, and
 * something that is no IP packet.
 */
export function refusedPackets(): Uint8Array[] {
  const foreign = families.map((family) => {
    const source = family.source.with(0, 0xc6);
    return ipPacket({ ...family, source }, family.echo, 8 + 56).bytes;
  });
  const linkLocal = families.map((family) => {
    const source = family.source.length === 4 ? [0, 0, 0, 0] : family.source.with(0, 0xfe).with(1, 0x80);
    return ipPacket({ ...family, source }, family.echo, 8 + 56).bytes;
  });
  return [...foreign, ...linkLocal, new Uint8Array(VIRTIO_HEADER_LENGTH + 40)];
}

/** The same with another source in the same network. */
function otherHost(family: Family): Family {
  return { ...family, source: family.source.with(-1, 3) };
}

function udpPacket(family: Family): Uint8Array {
  const length = 8 + 56;
  const { bytes, data, transport } = ipPacket(family, 17, length);
  data.setUint16(transport, 33_434);
  data.setUint16(transport + 2, 33_435);
  data.setUint16(transport + 4, length);
  openChecksum(family, data, transport + 6, 17, length);
  writeVirtioHeader(data, 0, {
    flags: virtioFlag.needsChecksum,
    segmentation: segmentation.none,
    headerLength: family.headerLength + 8,
    segmentSize: 0,
    checksumStart: family.headerLength,
    checksumOffset: 6,
  });
  return bytes;
}

/** @param segments 0 for one without a payload */
function tcpPacket(family: Family, segments: number): Uint8Array {
  const payload = segments > 0 ? (segments - 1) * SEGMENT_BYTES + LAST_SEGMENT_BYTES : 0;
  const length = TCP_HEADER_LENGTH + payload;
  const { bytes, data, transport } = ipPacket(family, 6, length);
  data.setUint16(transport, 50_000);
  data.setUint16(transport + 2, 50_001);
  data.setUint32(transport + 4, FIRST_SEQUENCE);
  data.setUint8(transport + 12, (TCP_HEADER_LENGTH / 4) << 4);
  data.setUint8(transport + 13, 0x10);
  data.setUint16(transport + 14, 512);
  bytes.set(TIMESTAMPS, transport + 20);
  openChecksum(family, data, transport + 16, 6, length);
  writeVirtioHeader(data, 0, {
    flags: virtioFlag.needsChecksum,
    segmentation: segments > 0 ? family.superpacket : segmentation.none,
    headerLength: family.headerLength + TCP_HEADER_LENGTH,
    segmentSize: segments > 0 ? SEGMENT_BYTES : 0,
    checksumStart: family.headerLength,
    checksumOffset: 16,
  });
  return bytes;
}

function ipPacket(
  { headerLength, source, destination }: Family,
  protocol: number,
  payload: number,
): { bytes: Uint8Array; data: DataView; transport: number } {
  const transport = IP + headerLength;
  const bytes = new Uint8Array(transport + payload);
  const data = new DataView(bytes.buffer);
  for (let at = transport + 20; at < bytes.length; at++) bytes[at] = at;
  if (source.length === 4) {
    data.setUint8(IP, 0x45);
    data.setUint16(IP + 2, headerLength + payload);
    data.setUint8(IP + 8, 64);
    data.setUint8(IP + 9, protocol);
  } else {
    data.setUint8(IP, 0x60);
    data.setUint16(IP + 4, payload);
    data.setUint8(IP + 6, protocol);
    data.setUint8(IP + 7, 64);
  }
  bytes.set([...source, ...destination], transport - 2 * source.length);
  if (source.length === 4) data.setUint16(IP + 10, checksumOf(sumWords(data, IP, headerLength)));
  return { bytes, data, transport };
}

function openChecksum(family: Family, data: DataView, field: number, protocol: number, length: number): void {
  const addresses = 2 * family.source.length;
  const start = IP + family.headerLength - addresses;
  data.setUint16(field, fold(sumWords(data, start, addresses) + protocol + length));
}
