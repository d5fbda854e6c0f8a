/**
 * Cuts what a TUN device gave in one read into packets as they go on the wire.
 *
 * Contract: `load` takes a packet with its virtio header; then `segment(i)` for i = 0, 1, … in order makes packet i
 * ready in place and sets `offset` and `length`. Segment i's header is written right before its payload, over bytes
 * of segment i-1, which must be sealed by then. The header of segment i-1 and the bytes behind it belong to the next
 * one as well and must be unharmed when it is asked for. Where `headersApart` is true, `locate(i)` and `writeHeader(i, at)`
 * do the same without touching any segment: the header is for somebody else to put to its place. Allocates nothing.
 *
 * With `finishChecksums` every packet leaves with a complete checksum; without, TCP and UDP packets of which the
 * kernel left the checksum open keep it open (`unfinished`), holding the sum over the pseudo-header.
 *
 * Source: virtio 1.2, 5.1.6; RFC 9293 (segments of one flow differ in sequence number and flags), RFC 6864 (IDs).
 */
import { finishChecksum, fold, foldSmall, sumWords } from './checksum.ts';
import { finishTransport } from './finish-transport.ts';
import {
  isIpv4,
  isPlainTransport,
  protocol,
  TCP_CHECKSUM,
  transportOffset,
  UDP_CHECKSUM,
} from './ip-packet.ts';
import { readVirtioHeader, segmentation, type VirtioFields, virtioFlag } from './virtio-header.ts';

const TCP_FIN_PSH = 0x09;
const TCP_CWR = 0x80;

export class Superpacket {
  /** How many packets there are. */
  count = 0;
  /** Whether the packets' transport checksums are left to the far side. */
  unfinished = false;
  /** Set by `segment`: where the packet lies and how long it is. */
  offset = 0;
  length = 0;

  readonly #data: DataView;
  readonly #virtio: VirtioFields = {
    flags: 0,
    segmentation: 0,
    headerLength: 0,
    segmentSize: 0,
    checksumStart: 0,
    checksumOffset: 0,
  };
  #start = 0;
  #end = 0;
  #ipv4 = false;
  #tcp = false;
  #transport = 0;
  #headerLength = 0;
  #segmentSize = 0;
  #finish = false;
  /** Signed: every number of 32 bits is a small integer to V8 then. */
  #firstSequence = 0;
  #firstId = 0;
  #flags = 0;
  #ipSum = 0;
  #pseudoSum = 0;

  /** @param data the memory in which packets are loaded, for the life of this object */
  constructor(data: DataView) {
    this.#data = data;
  }

  /**
   * @param virtioOffset where the virtio header lies; @param start where the packet begins; @param end behind it
   * @returns false for what is no IP packet or contradicts itself
   */
  load(virtioOffset: number, start: number, end: number, finishChecksums: boolean): boolean {
    const virtio = this.#virtio;
    readVirtioHeader(this.#data, virtioOffset, virtio);
    this.#start = start;
    this.#end = end;
    this.unfinished = false;
    this.#segmentSize = 0;
    const transport = transportOffset(this.#data, start, end);
    if (transport < 0) return false;
    this.#finish = finishChecksums;
    if (virtio.segmentation !== segmentation.none) {
      return virtio.checksumStart >= transport - start && this.#loadSegments(start + virtio.checksumStart);
    }
    this.count = 1;
    if ((virtio.flags & virtioFlag.needsChecksum) === 0) return true;
    return this.#leaveOrFinish(transport);
  }

  /** The length of the longest packet. */
  get longest(): number {
    const length = this.#end - this.#start;
    return this.#segmentSize === 0 ? length : Math.min(length, this.#headerLength + this.#segmentSize);
  }

  /** Packets leave with complete checksums after all; to be called before the first `segment`. */
  finish(): void {
    if (!this.unfinished) return;
    this.unfinished = false;
    if (this.#segmentSize === 0) finishTransport(this.#data, this.#start, this.#end);
  }

  segment(index: number): void {
    const data = this.#data;
    this.locate(index);
    if (this.#segmentSize === 0) return;
    const { offset } = this;
    if (index > 0) copyBackwards(data, offset - this.#segmentSize, offset, this.#headerLength);
    this.#patchHeader(offset, index);
    if (this.unfinished) return;
    const transport = offset + this.#transport;
    const field = transport + (this.#tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
    finishChecksum(data, transport, offset + this.length, field);
  }

  /** Sets `offset` and `length`. */
  locate(index: number): void {
    if (this.#segmentSize === 0) {
      this.offset = this.#start;
      this.length = this.#end - this.#start;
      return;
    }
    const payload = this.#start + this.#headerLength + index * this.#segmentSize;
    this.offset = payload - this.#headerLength;
    this.length = Math.min(payload + this.#segmentSize, this.#end) - this.offset;
  }

  /** Whether there are several segments, and their headers can be written elsewhere: none covers the first one's. */
  get headersApart(): boolean {
    return this.count > 1 && this.unfinished && this.#segmentSize >= this.#headerLength;
  }

  get headerLength(): number {
    return this.#headerLength;
  }

  /** Writes the header of the segment that was located. */
  writeHeader(index: number, at: number): void {
    copyBackwards(this.#data, this.#start, at, this.#headerLength);
    this.#patchHeader(at, index);
  }

  #leaveOrFinish(transport: number): boolean {
    const start = this.#start + this.#virtio.checksumStart;
    const field = start + this.#virtio.checksumOffset;
    if (start < this.#start || field + 2 > this.#end) return false;
    this.unfinished =
      !this.#finish &&
      start === transport &&
      isPlainTransport(this.#data, this.#start, this.#virtio.checksumOffset);
    if (!this.unfinished) finishChecksum(this.#data, start, this.#end, field);
    return true;
  }

  #loadSegments(transport: number): boolean {
    const data = this.#data;
    const kind = this.#virtio.segmentation & ~segmentation.ecn;
    this.#tcp = kind === segmentation.tcp4 || kind === segmentation.tcp6;
    if (!this.#tcp && kind !== segmentation.udp) return false;
    const smallest = this.#tcp ? 20 : 8;
    if ((this.#virtio.flags & virtioFlag.needsChecksum) === 0 || transport + smallest > this.#end)
      return false;
    const transportLength = this.#tcp ? (data.getUint8(transport + 12) >> 4) * 4 : 8;
    this.#ipv4 = isIpv4(data, this.#start);
    this.#transport = transport - this.#start;
    this.#headerLength = this.#transport + transportLength;
    this.#segmentSize = this.#virtio.segmentSize;
    const payload = this.#end - this.#start - this.#headerLength;
    if (this.#segmentSize === 0 || payload < 0 || transportLength < smallest) return false;
    if ((this.#headerLength & 3) !== 0) return false;
    this.count = Math.max(1, Math.ceil(payload / this.#segmentSize));
    const checksumOffset = this.#tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
    this.unfinished =
      !this.#finish &&
      transport === transportOffset(data, this.#start, this.#end) &&
      isPlainTransport(data, this.#start, checksumOffset);
    this.#rememberHeader(transport);
    return true;
  }

  /** What every segment's header is derived from, read once. */
  #rememberHeader(transport: number): void {
    const data = this.#data;
    const start = this.#start;
    const addresses = this.#ipv4 ? start + 12 : start + 8;
    this.#pseudoSum = fold(
      sumWords(data, addresses, this.#ipv4 ? 8 : 32) + (this.#tcp ? protocol.tcp : protocol.udp),
    );
    if (this.#tcp) {
      this.#firstSequence = data.getInt32(transport + 4);
      this.#flags = data.getUint8(transport + 13);
    }
    if (!this.#ipv4) return;
    this.#firstId = data.getUint16(start + 4);
    this.#ipSum = fold(
      sumWords(data, start, this.#transport) -
        data.getUint16(start + 2) -
        this.#firstId -
        data.getUint16(start + 10),
    );
  }

  #patchHeader(at: number, index: number): void {
    const data = this.#data;
    this.#patchIp(at, this.length, index);
    const transport = at + this.#transport;
    const transportLength = this.length - this.#transport;
    if (this.#tcp) this.#patchTcp(transport, index);
    else data.setUint16(transport + 4, transportLength);
    const field = transport + (this.#tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
    data.setUint16(field, foldSmall(this.#pseudoSum + transportLength));
  }

  #patchIp(offset: number, length: number, index: number): void {
    const data = this.#data;
    if (!this.#ipv4) {
      data.setUint16(offset + 4, length - 40);
      return;
    }
    const id = (this.#firstId + index) & 0xffff;
    data.setUint16(offset + 2, length);
    data.setUint16(offset + 4, id);
    data.setUint16(offset + 10, ~foldSmall(this.#ipSum + length + id) & 0xffff);
  }

  #patchTcp(transport: number, index: number): void {
    const data = this.#data;
    data.setInt32(transport + 4, (this.#firstSequence + index * this.#segmentSize) | 0);
    let flags = this.#flags;
    // FIN and PSH belong to the last byte, CWR to the first segment only (RFC 3168, 6.1.2).
    if (index < this.count - 1) flags &= ~TCP_FIN_PSH;
    if (index > 0) flags &= ~TCP_CWR;
    data.setUint8(transport + 13, flags);
  }
}

/**
 * Copies a header to the next packet; its length is a multiple of 4. Segments may be shorter than headers, so that the
 * two overlap: backwards every word is read before it is overwritten. Cheaper than copyWithin for so few bytes.
 */
function copyBackwards(data: DataView, from: number, to: number, length: number): void {
  for (let at = length - 4; at >= 0; at -= 4) data.setInt32(to + at, data.getInt32(from + at));
}
