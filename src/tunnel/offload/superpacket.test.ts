import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  assertSamePackets,
  cutNaively,
  defect,
  encode,
  flag,
  headerLength,
  type InnerPacket,
  innerPackets,
  transportStart,
} from '../../../test/fixtures/inner-packet.ts';
import { Superpacket } from './superpacket.ts';
import { segmentation, VIRTIO_HEADER_LENGTH, virtioFlag, writeVirtioHeader } from './virtio-header.ts';

const CANARY = 0xc5;
const BEFORE = 64;
const BEHIND = 64;
/** IP and TCP with all options. */
const LONGEST_HEADER = 120;

/** What `segment` gave for each packet, each copied at once as sealing does. */
type Cut = { loaded: boolean; unfinished: boolean; packets: Uint8Array[] };

/** Cuts the bytes behind the given virtio header; fails when anything outside them was written. */
function cut(bytes: Uint8Array, virtio: Parameters<typeof writeVirtioHeader>[2], finish: boolean): Cut {
  const memory = new Uint8Array(BEFORE + bytes.length + BEHIND).fill(CANARY);
  const data = new DataView(memory.buffer);
  memory.set(bytes, BEFORE);
  writeVirtioHeader(data, BEFORE - VIRTIO_HEADER_LENGTH, virtio);
  const superpacket = new Superpacket(data);
  const end = BEFORE + bytes.length;
  const loaded = superpacket.load(BEFORE - VIRTIO_HEADER_LENGTH, BEFORE, end, finish);
  const packets: Uint8Array[] = [];
  for (let index = 0; loaded && index < superpacket.count; index++) {
    superpacket.segment(index);
    packets.push(memory.slice(superpacket.offset, superpacket.offset + superpacket.length));
  }
  const outside = [...memory.subarray(0, BEFORE - VIRTIO_HEADER_LENGTH), ...memory.subarray(end)];
  assert.ok(outside.every((byte) => byte === CANARY));
  return { loaded, unfinished: superpacket.unfinished, packets };
}

/** The virtio header that a kernel gives to this packet when segments of `size` are to be made of it. */
function virtioOf(packet: InnerPacket, size: number): Parameters<typeof writeVirtioHeader>[2] {
  const tcp = packet.family === 4 ? segmentation.tcp4 : segmentation.tcp6;
  const kind = packet.transport === 'udp' ? segmentation.udp : tcp;
  const ecn = packet.transport === 'tcp' && (packet.flags & flag.cwr) !== 0 ? segmentation.ecn : 0;
  return {
    flags: virtioFlag.needsChecksum,
    segmentation: size === 0 ? segmentation.none : kind | ecn,
    headerLength: headerLength(packet),
    segmentSize: size,
    checksumStart: transportStart(packet),
    checksumOffset: packet.transport === 'tcp' ? 16 : 6,
  };
}

const superpackets = innerPackets(fc.integer({ min: 1, max: 6000 }));
/** Small ones too: UDP_SEGMENT may be 1, and a peer may ask for a tiny MSS. */
const sizes = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 100, max: 1460 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 120 }) },
);

describe('a superpacket', () => {
  it('is cut into the packets that a kernel without offloads would send, checksums complete', () => {
    const property = fc.property(superpackets, sizes, (packet, size) => {
      const { loaded, unfinished, packets } = cut(encode(packet, 'pseudo'), virtioOf(packet, size), true);
      assert.ok(loaded && !unfinished);
      const expected = cutNaively(packet, size).map((segment) => encode(segment, 'complete'));
      assertSamePackets(packets, expected);
      for (const bytes of packets) assert.equal(defect(bytes), undefined);
    });
    fc.assert(property, { numRuns: 150 });
  });

  it('is cut into packets that hold the sum over their pseudo-header, when the far side finishes', () => {
    const property = fc.property(superpackets, sizes, (packet, size) => {
      const { loaded, unfinished, packets } = cut(encode(packet, 'pseudo'), virtioOf(packet, size), false);
      assert.ok(loaded && unfinished);
      const expected = cutNaively(packet, size).map((segment) => encode(segment, 'pseudo'));
      assertSamePackets(packets, expected);
    });
    fc.assert(property, { numRuns: 150 });
  });

  it('gives the same packets when their headers are written elsewhere, and touches none of them', () => {
    let apart = 0;
    const property = fc.property(superpackets, sizes, (packet, size) => {
      const bytes = encode(packet, 'pseudo');
      const memory = new Uint8Array(BEFORE + bytes.length + BEHIND + LONGEST_HEADER).fill(CANARY);
      memory.set(bytes, BEFORE);
      writeVirtioHeader(new DataView(memory.buffer), BEFORE - VIRTIO_HEADER_LENGTH, virtioOf(packet, size));
      const superpacket = new Superpacket(new DataView(memory.buffer));
      const end = BEFORE + bytes.length;
      assert.ok(superpacket.load(BEFORE - VIRTIO_HEADER_LENGTH, BEFORE, end, false));
      const fits = size >= headerLength(packet) && superpacket.count > 1;
      assert.equal(superpacket.headersApart, fits);
      if (!fits) return;
      apart++;
      const packets = Array.from({ length: superpacket.count }, (_, index) => {
        superpacket.locate(index);
        superpacket.writeHeader(index, end + BEHIND);
        const header = memory.slice(end + BEHIND, end + BEHIND + superpacket.headerLength);
        const payload = superpacket.offset + superpacket.headerLength;
        return new Uint8Array([
          ...header,
          ...memory.subarray(payload, superpacket.offset + superpacket.length),
        ]);
      });
      assertSamePackets(
        packets,
        cutNaively(packet, size).map((segment) => encode(segment, 'pseudo')),
      );
      assert.deepEqual(memory.slice(BEFORE, end), Uint8Array.from(bytes));
    });
    fc.assert(property, { numRuns: 150 });
    assert.ok(apart > 10);
  });

  it('may be of full size, and end with a single byte', () => {
    for (const [length, size] of [
      [65_460, 1400],
      [1401, 1400],
      [1400, 1400],
      [1399, 1400],
    ] as const) {
      const [sample] = fc.sample(innerPackets(fc.constant(length)), { numRuns: 1, seed: 5 });
      const packet: InnerPacket = { ...(sample as InnerPacket), tcpOptions: new Uint8Array(12) };
      const { packets } = cut(encode(packet, 'pseudo'), virtioOf(packet, size), true);
      assert.equal(packets.length, Math.ceil(length / size));
      for (const bytes of packets) assert.equal(defect(bytes), undefined);
    }
  });
});

describe('a single packet', () => {
  const packets = innerPackets(fc.integer({ min: 0, max: 1400 }));

  it('of which the kernel left the checksum open is finished, or left open and marked', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        const open = encode(packet, 'pseudo');
        const finished = cut(open, virtioOf(packet, 0), true);
        assert.ok(finished.loaded && !finished.unfinished);
        assertSamePackets(finished.packets, [encode(packet, 'complete')]);
        const left = cut(open, virtioOf(packet, 0), false);
        assert.ok(left.loaded && left.unfinished);
        assertSamePackets(left.packets, [open]);
      }),
    );
  });

  it('that is forwarded keeps the checksum it came with, right or wrong', () => {
    fc.assert(
      fc.property(packets, fc.boolean(), fc.nat(0xffff), (packet, finish, wrong) => {
        const bytes = encode(packet, 'complete');
        const field = transportStart(packet) + (packet.transport === 'tcp' ? 16 : 6);
        new DataView(bytes.buffer).setUint16(field, wrong);
        const kept = cut(bytes, { ...virtioOf(packet, 0), flags: 0 }, finish);
        assert.ok(kept.loaded && !kept.unfinished);
        assertSamePackets(kept.packets, [bytes]);
      }),
    );
  });

  it('whose checksum the far side could not find by itself is finished here', () => {
    const [packet] = fc.sample(packets, { numRuns: 1, seed: 3 }) as [InnerPacket];
    const udp: InnerPacket = { ...packet, family: 6, transport: 'udp', source: new Uint8Array(16) };
    const plain: InnerPacket = { ...udp, destination: new Uint8Array(16), payload: new Uint8Array(9) };
    const bytes = encode(plain, 'pseudo');
    // A destination options header between: 8 bytes that say nothing (RFC 8200, 4.6).
    const extended = Uint8Array.from([
      ...bytes.subarray(0, 40),
      ...[17, 0, 1, 4, 0, 0, 0, 0],
      ...bytes.subarray(40),
    ]);
    extended[6] = 60;
    extended[5] = (extended[5] as number) + 8;
    const { unfinished, packets: made } = cut(extended, { ...virtioOf(plain, 0), checksumStart: 48 }, false);
    assert.equal(unfinished, false);
    const finished = encode(plain, 'complete');
    assert.deepEqual(made[0]?.subarray(48), finished.subarray(40));
  });

  it('with another packet inside, whose checksum is the open one, is finished here', () => {
    const [packet] = fc.sample(packets, { numRuns: 1, seed: 9 }) as [InnerPacket];
    const inside: InnerPacket = { ...packet, transport: 'udp', payload: new Uint8Array(11) };
    const outside: InnerPacket = { ...inside, payload: encode(inside, 'pseudo') };
    const start = headerLength(outside) + transportStart(inside);
    const virtio = { ...virtioOf(outside, 0), checksumStart: start };
    const { unfinished, packets: made } = cut(encode(outside, 'complete'), virtio, false);
    assert.equal(unfinished, false);
    const expected = encode(inside, 'complete');
    assertSamePackets([(made[0] as Uint8Array).slice(headerLength(outside))], [expected]);
  });
});
