/**
 * Recognises opened packets that follow one another in a flow, so that they can be handed to the kernel as one.
 *
 * Contract: `begin` takes a packet, `extend` says whether the next one continues the run (and counts it in);
 * `seal` patches the first packet's header for the whole and fills the virtio header. Merged packets get new checksums from
 * the kernel: those whose checksum was left open may be merged, as the seal already proved every byte; others only among
 * themselves, and when their checksums were verified, so that a wrong one stays wrong.
 * Payloads need not lie side by side: the caller gathers them. Allocates nothing.
 *
 * The rules are those of generic receive offload: same addresses, ports, acknowledgement, window, flags and options;
 * consecutive sequence numbers; equal sizes except the last.
 * Source: Documentation/networking/segmentation-offloads.rst of the kernel; virtio 1.2, 5.1.6.
 */
import { checksumOf, fold, sumWords } from './checksum.ts';
import { isTransportWhole } from './finish-transport.ts';
import {
  isIpv4,
  protocol,
  TCP_CHECKSUM,
  transportOffset,
  transportProtocol,
  UDP_CHECKSUM,
} from './ip-packet.ts';
import { segmentation, virtioFlag, writeVirtioHeader } from './virtio-header.ts';

/** An IP packet's length field has 16 bits; IPv6 counts only the payload, which makes no difference here. */
const LONGEST = 65_535;
/** As many as the kernel takes back apart in one go for UDP (UDP_MAX_SEGMENTS of older kernels). */
export const RUN_CAPACITY = 64;

const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const PSH = 0x08;
const URG = 0x20;
const CWR = 0x80;
/** In the word of data offset, flags and window: everything but FIN and PSH, which the last packet may have. */
const FLAGS_WORD_MASK = ~((FIN | PSH) << 16);

export class PacketRun {
  /** Packets in the run. */
  count = 0;
  /** Bytes of the headers of the first packet; the same for every packet in the run. */
  headerLength = 0;

  readonly #data: DataView;
  readonly #mergeUdp: boolean;
  #start = 0;
  #ipv4 = false;
  #protocol = 0;
  #transport = 0;
  #segmentSize = 0;
  #totalLength = 0;
  /** Signed, as all words here: every number of 32 bits is a small integer to V8 then, and none is allocated. */
  #nextSequence = 0;
  #lastFlags = 0;
  #open = false;
  #unfinished = false;
  /** Of packets with complete checksums: that of the first is right. */
  #verified = false;

  /** @param mergeUdp whether the device takes merged UDP (kernel 6.2 or newer) */
  constructor(data: DataView, mergeUdp: boolean) {
    this.#data = data;
    this.#mergeUdp = mergeUdp;
  }

  /**
   * Starts a run with a packet that was checked to be an IP packet of this length.
   * @returns false when its checksum is said to be open but cannot be found: it must be dropped
   */
  begin(start: number, length: number, unfinished: boolean): boolean {
    this.count = 1;
    this.#start = start;
    this.#totalLength = length;
    this.#unfinished = unfinished;
    this.#open = false;
    this.#verified = false;
    return this.#beginTransport(start, length) || !unfinished;
  }

  /** Counts the packet in if it continues the run. Its payload begins `headerLength` bytes behind `start`. */
  extend(start: number, length: number, unfinished: boolean): boolean {
    if (unfinished !== this.#unfinished) return false;
    const payload = length - this.headerLength;
    if (!this.#open || this.count === RUN_CAPACITY || payload <= 0 || payload > this.#segmentSize)
      return false;
    if (this.#totalLength + payload > LONGEST || !this.#sameFlow(start)) return false;
    const lastFlags = this.#lastFlags;
    const continues =
      this.#protocol === protocol.tcp ? this.#continuesTcp(start) : this.#isWholeUdp(start, length);
    if (!continues) return false;
    if (!unfinished && !this.#isVerified(start, length)) {
      this.#lastFlags = lastFlags;
      return false;
    }
    this.count++;
    this.#totalLength += payload;
    this.#nextSequence = (this.#nextSequence + payload) | 0;
    if (payload < this.#segmentSize) this.#open = false;
    return true;
  }

  /** Writes the virtio header at `at` and makes the first packet's header that of the whole run. */
  seal(at: number): void {
    const data = this.#data;
    if (!this.#unfinished && this.count === 1) {
      data.setUint32(at, 0);
      data.setUint32(at + 4, 0);
      data.setUint16(at + 8, 0);
      return;
    }
    const tcp = this.#protocol === protocol.tcp;
    if (this.count > 1) this.#patchHeaders(tcp);
    writeVirtioHeaderFields(data, at, this.count > 1 ? this.#kind(tcp) : segmentation.none, this, tcp);
  }

  /** Whether the checksums of this packet and of the first are right. */
  #isVerified(start: number, length: number): boolean {
    const first = this.#start;
    const firstEnd = first + this.headerLength + this.#segmentSize;
    this.#verified ||= isTransportWhole(this.#data, first, firstEnd);
    if (!this.#verified) this.#open = false;
    return this.#verified && isTransportWhole(this.#data, start, start + length);
  }

  get segmentSize(): number {
    return this.#segmentSize;
  }

  get transport(): number {
    return this.#transport;
  }

  #kind(tcp: boolean): number {
    if (!tcp) return segmentation.udp;
    const ecn = (this.#data.getUint8(this.#start + this.#transport + 13) & CWR) === 0 ? 0 : segmentation.ecn;
    return (this.#ipv4 ? segmentation.tcp4 : segmentation.tcp6) | ecn;
  }

  #beginTransport(start: number, length: number): boolean {
    const data = this.#data;
    const end = start + length;
    this.#ipv4 = isIpv4(data, start);
    this.#protocol = transportProtocol(data, start);
    const transport = transportOffset(data, start, end);
    const tcp = this.#protocol === protocol.tcp;
    if (this.#protocol === 0 || transport < start || transport + (tcp ? 20 : 8) > end) return false;
    const transportLength = tcp ? (data.getUint8(transport + 12) >> 4) * 4 : 8;
    this.#transport = transport - start;
    this.headerLength = this.#transport + transportLength;
    this.#segmentSize = length - this.headerLength;
    if (this.#segmentSize < 0 || (tcp && transportLength < 20)) return false;
    this.#open = this.#segmentSize > 0 && (tcp ? this.#beginTcp(transport) : this.#beginUdp(start, length));
    return true;
  }

  #beginUdp(start: number, length: number): boolean {
    return this.#mergeUdp && this.#isWholeUdp(start, length);
  }

  /** A datagram may be shorter than its packet (RFC 768 does not forbid it); merged it would grow. */
  #isWholeUdp(start: number, length: number): boolean {
    return this.#data.getUint16(start + this.#transport + 4) === length - this.#transport;
  }

  #beginTcp(transport: number): boolean {
    this.#nextSequence = (this.#data.getInt32(transport + 4) + this.#segmentSize) | 0;
    this.#lastFlags = this.#data.getUint8(transport + 13);
    return (this.#lastFlags & (SYN | RST | URG | FIN | PSH)) === 0;
  }

  /** Same addresses, ports and everything of the IP header that does not belong to the single packet. */
  #sameFlow(other: number): boolean {
    const data = this.#data;
    const start = this.#start;
    return (
      (this.#ipv4 ? sameIpv4(data, start, other) : sameIpv6(data, start, other)) &&
      data.getInt32(start + this.#transport) === data.getInt32(other + this.#transport)
    );
  }

  #continuesTcp(other: number): boolean {
    const data = this.#data;
    const mine = this.#start + this.#transport;
    const theirs = other + this.#transport;
    if (data.getInt32(theirs + 4) !== this.#nextSequence) return false;
    if (data.getInt32(mine + 8) !== data.getInt32(theirs + 8)) return false;
    const flagsDiffer = (data.getInt32(mine + 12) ^ data.getInt32(theirs + 12)) & FLAGS_WORD_MASK;
    // CWR of the first packet is not repeated by the others.
    if ((flagsDiffer & ~(CWR << 16)) !== 0) return false;
    const flags = data.getUint8(theirs + 13);
    if ((flags & (CWR | SYN | RST | URG)) !== 0) return false;
    for (let at = 20; at < this.headerLength - this.#transport; at += 4) {
      if (data.getInt32(mine + at) !== data.getInt32(theirs + at)) return false;
    }
    this.#lastFlags = flags;
    if ((flags & (FIN | PSH)) !== 0) this.#open = false;
    return true;
  }

  #patchHeaders(tcp: boolean): void {
    const data = this.#data;
    const start = this.#start;
    const total = this.#totalLength;
    if (this.#ipv4) {
      data.setUint16(start + 2, total);
      data.setUint16(start + 10, 0);
      data.setUint16(start + 10, checksumOf(sumWords(data, start, this.#transport)));
    } else {
      data.setUint16(start + 4, total - 40);
    }
    const transport = start + this.#transport;
    if (tcp) {
      const flags = data.getUint8(transport + 13);
      data.setUint8(transport + 13, flags | (this.#lastFlags & (FIN | PSH)));
    } else {
      data.setUint16(transport + 4, total - this.#transport);
    }
    const addresses = sumWords(data, this.#ipv4 ? start + 12 : start + 8, this.#ipv4 ? 8 : 32);
    const pseudo = addresses + this.#protocol + total - this.#transport;
    data.setUint16(transport + (tcp ? TCP_CHECKSUM : UDP_CHECKSUM), fold(pseudo));
  }
}

const scratch = {
  flags: virtioFlag.needsChecksum as number,
  segmentation: 0,
  headerLength: 0,
  segmentSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
};

function writeVirtioHeaderFields(
  data: DataView,
  at: number,
  kind: number,
  run: PacketRun,
  tcp: boolean,
): void {
  scratch.segmentation = kind;
  scratch.headerLength = run.headerLength;
  scratch.segmentSize = kind === segmentation.none ? 0 : run.segmentSize;
  scratch.checksumStart = run.transport;
  scratch.checksumOffset = tcp ? TCP_CHECKSUM : UDP_CHECKSUM;
  writeVirtioHeader(data, at, scratch);
}

/** Version, header length, type of service, fragment field, time to live, protocol, addresses, options. */
function sameIpv4(data: DataView, a: number, b: number): boolean {
  if (((data.getInt32(a) ^ data.getInt32(b)) & 0xffff_0000) !== 0) return false;
  if (data.getUint16(a + 6) !== data.getUint16(b + 6) || data.getUint16(a + 8) !== data.getUint16(b + 8))
    return false;
  const headerLength = (data.getUint8(a) & 0x0f) * 4;
  for (let at = 12; at < headerLength; at += 4) {
    if (data.getInt32(a + at) !== data.getInt32(b + at)) return false;
  }
  return true;
}

/** Version, traffic class, flow label, next header, hop limit, addresses. */
function sameIpv6(data: DataView, a: number, b: number): boolean {
  if (data.getInt32(a) !== data.getInt32(b) || data.getUint16(a + 6) !== data.getUint16(b + 6)) return false;
  for (let at = 8; at < 40; at += 4) {
    if (data.getInt32(a + at) !== data.getInt32(b + at)) return false;
  }
  return true;
}
