import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  assertSamePackets,
  cutNaively,
  encode,
  flag,
  headerLength,
  type InnerPacket,
  innerPackets,
  payloadOf,
  transportStart,
} from '../../../test/fixtures/inner-packet.ts';
import { PacketRun, RUN_CAPACITY } from './packet-run.ts';
import { Superpacket } from './superpacket.ts';
import {
  readVirtioHeader,
  segmentation,
  VIRTIO_HEADER_LENGTH,
  type VirtioFields,
  virtioFlag,
} from './virtio-header.ts';

/** One write to the device: the virtio header and the gathered packet. */
type Write = { virtio: VirtioFields; header: Uint8Array; bytes: Uint8Array };

/** Hands packets to the kernel as `dataplane/tun-writer` does, each at a place of its own as in the receive buffers. */
function merge(packets: readonly Uint8Array[], mergeUdp: boolean, unfinished = true): Write[] {
  const stride = Math.max(...packets.map((bytes) => bytes.length)) + 13;
  const memory = new Uint8Array(64 + packets.length * stride).fill(0xc5);
  const data = new DataView(memory.buffer);
  const run = new PacketRun(data, mergeUdp);
  const writes: Write[] = [];
  let parts: Uint8Array[] = [];
  const flush = () => {
    if (parts.length === 0) return;
    assert.equal(run.count, parts.length);
    run.seal(0);
    writes.push({
      virtio: virtioAt(data),
      header: memory.slice(0, VIRTIO_HEADER_LENGTH),
      bytes: Buffer.concat(parts),
    });
    parts = [];
  };
  for (const [index, bytes] of packets.entries()) {
    const start = 64 + index * stride;
    memory.set(bytes, start);
    if (parts.length > 0 && run.extend(start, bytes.length, unfinished)) {
      parts.push(memory.subarray(start + run.headerLength, start + bytes.length));
      continue;
    }
    flush();
    if (run.begin(start, bytes.length, unfinished)) parts.push(memory.subarray(start, start + bytes.length));
  }
  flush();
  return writes;
}

function virtioAt(data: DataView): VirtioFields {
  const fields = { flags: 0, segmentation: 0, headerLength: 0, segmentSize: 0, checksumStart: 0 };
  const virtio: VirtioFields = { ...fields, checksumOffset: 0 };
  readVirtioHeader(data, 0, virtio);
  return virtio;
}

/** What the kernel makes of a write again. */
function cutAgain({ header, bytes }: Write): Uint8Array[] {
  const memory = Uint8Array.from([...header, ...bytes]);
  const superpacket = new Superpacket(new DataView(memory.buffer));
  assert.ok(superpacket.load(0, VIRTIO_HEADER_LENGTH, memory.length, false));
  return Array.from({ length: superpacket.count }, (_, index) => {
    superpacket.segment(index);
    return memory.slice(superpacket.offset, superpacket.offset + superpacket.length);
  });
}

/** The kernel counts IDs up by itself; everything else of a packet must be as it was. */
function withoutId(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if ((copy[0] as number) >> 4 === 4) copy.fill(0, 4, 6).fill(0, 10, 12);
  return copy;
}

const pair = innerPackets(fc.constant(2000)).map((packet) => ({
  ...packet,
  flags: flag.ack as number,
  sourcePort: 1000,
}));

describe('merging', () => {
  it('undoes cutting: headers, payload, checksum and virtio header are those of the superpacket', () => {
    const sizes = fc.integer({ min: 1, max: 1460 });
    const property = fc.property(
      innerPackets(fc.integer({ min: 1, max: 8000 })),
      sizes,
      (packet, atLeast) => {
        const size = Math.max(atLeast, Math.ceil(packet.payload.length / RUN_CAPACITY));
        const segments = cutNaively(packet, size);
        const writes = merge(
          segments.map((segment) => encode(segment, 'pseudo')),
          true,
        );
        assert.equal(writes.length, 1);
        const [write] = writes as [Write];
        assertSamePackets([write.bytes], [encode(packet, 'pseudo')]);
        assert.deepEqual(write.virtio, {
          flags: virtioFlag.needsChecksum,
          segmentation: segments.length === 1 ? segmentation.none : kindOf(packet),
          headerLength: headerLength(packet),
          segmentSize: segments.length === 1 ? 0 : size,
          checksumStart: transportStart(packet),
          checksumOffset: packet.transport === 'tcp' ? 16 : 6,
        });
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  it('never exceeds what the kernel takes apart at once, in packets and in bytes', () => {
    const [packet] = fc.sample(pair, { numRuns: 1, seed: 1 }) as [InnerPacket];
    const small = cutNaively({ ...packet, payload: payloadOf(200, 3) }, 1);
    assert.deepEqual(
      merge(
        small.map((segment) => encode(segment, 'pseudo')),
        true,
      ).map(({ bytes }) => bytes.length - headerLength(packet)),
      [64, 64, 64, 8],
    );
    const large = cutNaively({ ...packet, payload: payloadOf(67_000, 3) }, 1400);
    for (const { bytes } of merge(
      large.map((segment) => encode(segment, 'pseudo')),
      true,
    )) {
      assert.ok(bytes.length <= 65_535);
    }
  });

  it('leaves UDP apart for a device that cannot take it merged', () => {
    const [packet] = fc.sample(pair, { numRuns: 1, seed: 2 }) as [InnerPacket];
    const segments = cutNaively({ ...packet, transport: 'udp' }, 500).map((one) => encode(one, 'pseudo'));
    assertSamePackets(
      merge(segments, false).map(({ bytes }) => bytes),
      segments,
    );
  });

  it('takes packets with complete checksums together as well, once it has verified them', () => {
    const [packet] = fc.sample(pair, { numRuns: 1, seed: 3 }) as [InnerPacket];
    for (const transport of ['tcp', 'udp'] as const) {
      const whole = { ...packet, transport, flags: flag.ack };
      const segments = cutNaively(whole, 500).map((segment) => encode(segment, 'complete'));
      const [write, ...others] = merge(segments, true, false);
      assert.deepEqual(others, []);
      assert.deepEqual(write?.bytes, Buffer.from(encode(whole, 'pseudo')));
      assert.equal(write?.virtio.segmentSize, 500);
    }
  });

  it('leaves a packet as it is whose complete checksum is wrong, or that has none', () => {
    const [packet] = fc.sample(pair, { numRuns: 1, seed: 3 }) as [InnerPacket];
    const whole = { ...packet, transport: 'udp' as const };
    const segments = cutNaively(whole, 500).map((segment) => encode(segment, 'complete'));
    for (const spoil of [
      (bytes: Uint8Array) => void bytes.fill(((bytes.at(-1) as number) + 1) & 0xff, bytes.length - 1),
      (bytes: Uint8Array) => void bytes.fill(0, bytes.length - 502, bytes.length - 500),
    ]) {
      for (const wrong of [0, 1]) {
        const spoilt = segments.map((bytes, index) => {
          const copy = bytes.slice();
          if (index === wrong) spoil(copy);
          return copy;
        });
        const writes = merge(spoilt, true, false);
        const alone = writes.find(({ bytes }) => Buffer.compare(bytes, spoilt[wrong] as Uint8Array) === 0);
        assert.deepEqual(alone?.header, new Uint8Array(VIRTIO_HEADER_LENGTH));
      }
    }
  });
});

describe('a run is not continued', () => {
  const foreign = (packet: InnerPacket) => new Uint8Array(packet.source.length).fill(9);
  const changes: [what: string, change: (second: InnerPacket, first: InnerPacket) => Partial<InnerPacket>][] =
    [
      ['of another source', (second) => ({ source: foreign(second) })],
      ['for another destination', (second) => ({ destination: foreign(second) })],
      ['of another port', ({ sourcePort }) => ({ sourcePort: sourcePort + 1 })],
      ['for another port', ({ destinationPort }) => ({ destinationPort: destinationPort ^ 1 })],
      ['of another traffic class', ({ trafficClass }) => ({ trafficClass: trafficClass ^ 1 })],
      ['of another time to live', ({ timeToLive }) => ({ timeToLive: timeToLive ^ 1 })],
      ['that is larger', (_, { payload }) => ({ payload: payloadOf(payload.length + 1, 1) })],
      ['without payload', () => ({ payload: new Uint8Array(0) })],
      ['of another protocol', ({ transport }) => ({ transport: transport === 'tcp' ? 'udp' : 'tcp' })],
    ];
  const tcpChanges: typeof changes = [
    ['that is a byte early', ({ sequence }) => ({ sequence: (sequence - 1) >>> 0 })],
    ['that leaves a gap', ({ sequence }) => ({ sequence: (sequence + 1) >>> 0 })],
    ['that came before', (_, { sequence }) => ({ sequence })],
    ['with another acknowledgement', ({ acknowledgement }) => ({ acknowledgement: acknowledgement ^ 1 })],
    ['with another window', ({ window }) => ({ window: window ^ 1 })],
    ['with an option more', (second) => ({ tcpOptions: new Uint8Array(second.tcpOptions.length + 4) })],
    ['with another option', (second) => ({ tcpOptions: second.tcpOptions.map((byte) => byte ^ 1) })],
    ['that resets', () => ({ flags: flag.ack | flag.rst })],
    ['that opens', () => ({ flags: flag.ack | flag.syn })],
    ['that is urgent', () => ({ flags: flag.ack | flag.urg })],
    ['without acknowledgement', () => ({ flags: 0 })],
    ['that echoes congestion', () => ({ flags: flag.ack | flag.ece })],
    ['that reduced its window', () => ({ flags: flag.ack | flag.cwr })],
  ];

  function neverMerges(packets: fc.Arbitrary<InnerPacket>, change: (typeof changes)[number][1]): void {
    const property = fc.property(packets, (packet) => {
      const [first, second] = cutNaively(packet, 1000) as [InnerPacket, InnerPacket];
      const other = { ...second, ...change(second, first) };
      assert.equal(merge([encode(first, 'pseudo'), encode(other, 'pseudo')], true).length, 2);
      assert.equal(merge([encode(first, 'pseudo'), encode(second, 'pseudo')], true).length, 1);
    });
    fc.assert(property, { numRuns: 20 });
  }

  const withOptions = pair.map((packet) => ({ ...packet, tcpOptions: payloadOf(12, 5) }));
  for (const [what, change] of changes) it(`by a packet ${what}`, () => neverMerges(withOptions, change));
  const tcp = withOptions.map((packet) => ({ ...packet, transport: 'tcp' as const }));
  for (const [what, change] of tcpChanges) it(`by a segment ${what}`, () => neverMerges(tcp, change));
  it('by a packet with another flow label', () => {
    const ipv6 = withOptions.filter(({ family }) => family === 6);
    neverMerges(ipv6, ({ flowLabel }) => ({ flowLabel: flowLabel ^ 1 }));
  });
  it('by a packet that may be fragmented, when the first may not', () => {
    const ipv4 = withOptions.filter(({ family }) => family === 4);
    neverMerges(ipv4, ({ dontFragment }) => ({ dontFragment: !dontFragment }));
    neverMerges(ipv4, ({ ipOptions }) => ({ ipOptions: Uint8Array.of(1, 1, 1, 1, ...ipOptions) }));
  });

  it('when its first segment ends, opens, resets or hurries', () => {
    for (const special of ['fin', 'psh', 'syn', 'rst', 'urg'] as const) {
      const [packet] = fc.sample(tcp, { numRuns: 1, seed: 6 }) as [InnerPacket];
      const [first, second] = cutNaively(packet, 1000) as [InnerPacket, InnerPacket];
      const flags = flag.ack | flag[special];
      for (const next of [second, { ...second, flags }]) {
        const writes = merge([encode({ ...first, flags }, 'pseudo'), encode(next, 'pseudo')], true);
        assert.equal(writes.length, 2, special);
      }
    }
  });

  it('after a segment that ends something, or one shorter than the others', () => {
    for (const last of [{ flags: flag.ack | flag.psh }, { flags: flag.ack | flag.fin }, 'short'] as const) {
      const [packet] = fc.sample(tcp, { numRuns: 1, seed: 4 }) as [InnerPacket];
      const [first, second] = cutNaively(packet, 1000) as [InnerPacket, InnerPacket];
      const ending =
        last === 'short' ? { ...second, payload: payloadOf(999, 1) } : { ...second, flags: last.flags };
      const next = { ...second, sequence: (second.sequence + ending.payload.length) >>> 0 };
      const writes = merge(
        [first, ending, next].map((segment) => encode(segment, 'pseudo')),
        true,
      );
      assert.equal(writes.length, 2);
    }
  });
});

describe('whatever is merged', () => {
  const flows = fc.tuple(
    innerPackets(fc.integer({ min: 1, max: 4000 })),
    innerPackets(fc.integer({ min: 1, max: 4000 })),
  );
  /** Indices into both flows' packets: repetitions, gaps and changes of the flow included. */
  const orders = fc.array(fc.tuple(fc.nat(1), fc.integer({ min: -1, max: 2 })), {
    maxLength: 40,
    size: 'max',
  });

  it('is taken apart again into the same packets in the same order', () => {
    const sizes = fc.integer({ min: 50, max: 1460 });
    const property = fc.property(flows, sizes, orders, (pairOfFlows, size, order) => {
      const cut = pairOfFlows.map((packet) => cutNaively(packet, size));
      const next = [0, 0];
      const packets = order.map(([flow, step]) => {
        const segments = cut[flow] as InnerPacket[];
        const at = Math.min(segments.length - 1, Math.max(0, next[flow] as number));
        next[flow] = at + step;
        return encode(segments[at] as InnerPacket, 'pseudo');
      });
      fc.pre(packets.length > 0);
      const again = merge(packets, true).flatMap(cutAgain);
      assertSamePackets(again.map(withoutId), packets.map(withoutId));
    });
    fc.assert(property, { numRuns: 150 });
  });

  it('keeps UDP lengths that are not those of the packets', () => {
    const udp = innerPackets(fc.constant(3000)).map((packet) => ({ ...packet, transport: 'udp' as const }));
    const property = fc.property(udp, fc.nat(2), fc.nat(0xffff), (packet, lying, length) => {
      const packets = cutNaively(packet, 1000).map((segment) => encode(segment, 'pseudo'));
      const bytes = packets[lying] as Uint8Array;
      new DataView(bytes.buffer).setUint16(transportStart(packet) + 4, length);
      const again = merge(packets, true).flatMap(cutAgain);
      assertSamePackets(again.map(withoutId), packets.map(withoutId));
    });
    fc.assert(property, { numRuns: 50 });
  });
});

function kindOf(packet: InnerPacket): number {
  if (packet.transport === 'udp') return segmentation.udp;
  const ecn = (packet.flags & flag.cwr) === 0 ? 0 : segmentation.ecn;
  return (packet.family === 4 ? segmentation.tcp4 : segmentation.tcp6) | ecn;
}
