/** Inner packets that are too long, or small enough to share payloads, from one end's device to the other's. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { openEsp, sealEsp } from '../../lab/esp-reference.ts';
import { onDevice } from '../../test/fixtures/device-read.ts';
import {
  assertSamePackets,
  cutNaively,
  defect,
  encode,
  flag,
  headerLength,
  type InnerPacket,
  innerPackets,
} from '../../test/fixtures/inner-packet.ts';
import { type BenchOptions, PacketBench } from '../../test/fixtures/packet-bench.ts';
import { nextHeader } from '../tunnel/esp/format.ts';
import { segmentation } from '../tunnel/offload/virtio-header.ts';
import { InboundAssociation } from './association.ts';
import { NO_SIZE_LIMIT } from './tunnel-plane.ts';

const keys = { spi: 0x2000_0001, key: Buffer.alloc(32, 9), salt: Buffer.from('0a0b0c0d', 'hex') };
const LIMIT = 1_172;

const benches: PacketBench[] = [];
after(() => {
  for (const bench of benches) bench.close();
});

function openEnds({ aggfrag = true, ...options }: BenchOptions & { aggfrag?: boolean } = {}) {
  const near = new PacketBench(options);
  const far = new PacketBench(options);
  benches.push(near, far);
  near.sealWith(keys, false, aggfrag);
  near.tunnel.sizeLimit = aggfrag ? LIMIT : NO_SIZE_LIMIT;
  // Something may still be under way on its path.
  far.path.path.lastHeardAt = far.now;
  far.associations.set(keys.spi, new InboundAssociation(far.memory, { tunnel: 0, ...keys }));
  return { near, far };
}

/** What left, packet by packet: bursts are of one size, the last of each may be shorter. */
function sent(bench: PacketBench, size: number): Buffer[] {
  const all: Buffer[] = [];
  for (let one = bench.toLink(); one !== undefined; one = bench.toLink()) {
    for (let at = 0; at < one.length; at += size) all.push(Buffer.from(one.subarray(at, at + size)));
  }
  return all;
}

function kinds(packets: readonly Buffer[]): number[] {
  return packets.map((packet) => {
    const judged = openEsp(keys, packet, 1n);
    assert.ok(judged.valid);
    return judged.nextHeader;
  });
}

function delivered(bench: PacketBench): { segmentation: number; packet: Uint8Array }[] {
  const all: { segmentation: number; packet: Uint8Array }[] = [];
  for (let one = bench.toDevice(); one !== undefined; one = bench.toDevice())
    all.push({ segmentation: one.virtio[1] as number, packet: one.packet });
  return all;
}

const [sample4, sample6] = [4, 6].map((family) => {
  const packets = innerPackets(fc.constant(0)).filter((packet) => packet.family === family);
  const [packet] = fc.sample(packets, { numRuns: 1, seed: 31 }) as [InnerPacket];
  return { ...packet, transport: 'tcp' as const, flags: flag.ack as number };
}) as [InnerPacket, InnerPacket];

function tcp(length: number, of = sample4): InnerPacket {
  return { ...of, payload: Uint8Array.from({ length }, (_, index) => index * 7) };
}

function udp(length: number, number: number): InnerPacket {
  return { ...sample4, transport: 'udp', payload: new Uint8Array(length).fill(number) };
}

describe('what is too long for the paths', () => {
  for (const sample of [sample4, sample6]) {
    it(`goes in pieces and is merged again at the far side (IPv${sample.family})`, () => {
      const { near, far } = openEnds();
      const whole = tcp(30_000, sample);
      near.fromDevice(onDevice(whole, 1_400));
      const packets = sent(near, LIMIT);
      assert.ok(packets.slice(0, -1).every(({ length }) => length === LIMIT));
      assert.deepEqual(new Set(kinds(packets)), new Set([nextHeader.aggfrag]));
      far.fromLink(...packets);
      const [one, ...others] = delivered(far);
      assert.deepEqual(others, []);
      assert.ok([segmentation.tcp4, segmentation.tcp6].includes((one?.segmentation ?? 0) as 1));
      assertSamePackets([one?.packet as Uint8Array], [encode(whole, 'pseudo')]);
      assert.equal(near.count('innerSentInPieces'), Math.ceil(30_000 / 1_400));
      assert.equal(near.count('aggregatesSent'), packets.length);
      assert.equal(far.count('aggregatesReceived'), packets.length);
      assert.equal(far.count('innerReceivedPackets'), Math.ceil(30_000 / 1_400));
    });
  }

  it('leaves with complete checksums, as payloads cannot say that one is open', () => {
    const { near, far } = openEnds();
    near.fromDevice(onDevice(tcp(1_400), 0));
    const packets = sent(near, LIMIT);
    assert.equal(packets.length, 2);
    far.fromLink(...packets);
    const [one] = delivered(far);
    assert.equal(defect(one?.packet as Uint8Array), undefined);
  });

  it('comes whole up to the largest MTU, whatever its length', () => {
    const { near, far } = openEnds();
    const reads = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 8_900 }), fc.constantFrom(0, 700, 1_400, 2_900)),
      {
        minLength: 1,
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(reads, fc.integer({ min: 200, max: 2_000 }), (row, quarter) => {
        near.tunnel.sizeLimit = 4 * quarter;
        const whole = row.map(([length, size]) => [tcp(length), size] as const);
        near.fromDevice(...whole.map(([packet, size]) => onDevice(packet, size)));
        for (let one = near.toLink(); one !== undefined; one = near.toLink())
          far.fromLink(...apart(one, 4 * quarter));
        const expected = whole.flatMap(([packet, size]) =>
          size === 0 ? [packet] : cutNaively(packet, size),
        );
        const bytes = delivered(far).reduce((sum, { packet }) => sum + payloadLength(packet), 0);
        assert.equal(
          bytes,
          expected.reduce((sum, { payload }) => sum + payload.length, 0),
        );
        assert.deepEqual([far.count('innerIncomplete'), far.count('refusedMalformedInner')], [0, 0]);
      }),
      { numRuns: 30 },
    );
  });

  it('is dropped with the piece that is lost, and what follows comes through', () => {
    const { near, far } = openEnds();
    near.fromDevice(onDevice(tcp(1_400), 0), onDevice(tcp(1_300), 0));
    const packets = sent(near, LIMIT);
    assert.equal(packets.length, 4);
    far.fromLink(packets[0] as Buffer, packets[2] as Buffer, packets[3] as Buffer);
    assert.equal(delivered(far).length, 0, 'the lost piece is waited for');
    far.now += 1_000_000;
    far.inbound.service(far.tunnel, far.now);
    const [one, ...others] = delivered(far);
    assert.deepEqual(others, []);
    assertSamePackets([one?.packet as Uint8Array], [encode(tcp(1_300), 'complete')]);
    assert.equal(far.count('innerIncomplete'), 1);
  });

  it('is put together when its pieces overtake each other', () => {
    const { near, far } = openEnds();
    near.fromDevice(onDevice(tcp(3_000), 0));
    const packets = sent(near, LIMIT);
    far.fromLink(...packets.toReversed());
    const [one] = delivered(far);
    assertSamePackets([one?.packet as Uint8Array], [encode(tcp(3_000), 'complete')]);
  });

  it('goes as ever to a peer that does not understand pieces', () => {
    const { near } = openEnds({ aggfrag: false });
    near.fromDevice(onDevice(tcp(1_400), 0));
    assert.deepEqual(kinds(sent(near, 2_000)), [nextHeader.unfinishedChecksum]);
  });

  it('must come from the networks of the peer', () => {
    const { near, far } = openEnds({ innerSources: [{ bytes: Uint8Array.of(10, 200, 0, 0), length: 16 }] });
    near.fromDevice(onDevice(tcp(1_400), 0));
    near.fromDevice(onDevice(udp(40, 1), 0), onDevice(udp(40, 2), 0), onDevice(udp(40, 3), 0));
    far.fromLink(...sent(near, LIMIT));
    assert.deepEqual(delivered(far), []);
    assert.ok(far.count('refusedForeignSource') >= 3);
  });
});

describe('small packets', () => {
  it('that are read together share a payload, but for one that is alone', () => {
    const { near, far } = openEnds();
    near.now += 10_000;
    near.fromDevice(...[1, 2, 3, 4].map((number) => onDevice(udp(40, number), 0)));
    // After silence the first goes at once.
    const packets = messages(near);
    assert.deepEqual(kinds(packets), [nextHeader.unfinishedChecksum, nextHeader.aggfrag]);
    far.fromLink(...packets);
    const got = delivered(far);
    const headers = headerLength(udp(40, 1));
    assert.deepEqual(
      got.map(({ packet }) => packet.length),
      [headers + 40, headers + 120],
      'those of one flow are merged',
    );
  });

  it('keep their order, and fill payloads no further than they may be', () => {
    const { near, far } = openEnds({ udpOffload: false });
    near.now += 10_000;
    for (let round = 0; round < 4; round++)
      near.fromDevice(...Array.from({ length: 12 }, (_, index) => onDevice(udp(200, 12 * round + index), 0)));
    const packets = messages(near).flatMap((one) => apart(one, LIMIT));
    assert.ok(packets.every(({ length }) => length <= LIMIT));
    assert.ok(packets.length < 24);
    far.fromLink(...packets);
    assert.deepEqual(
      delivered(far).map(({ packet }) => packet.at(-1)),
      Array.from({ length: 48 }, (_, number) => number),
    );
  });

  it('come before a longer one of their flow that was read after them', () => {
    const { near, far } = openEnds({ udpOffload: false });
    near.now += 10_000;
    near.fromDevice(
      ...[40, 40, 40, 1_000, 40, 2_000, 40].map((length, number) => onDevice(udp(length, number), 0)),
    );
    for (const one of messages(near)) far.fromLink(...apart(one, LIMIT));
    assert.deepEqual(
      delivered(far).map(({ packet }) => packet.at(-1)),
      [0, 1, 2, 3, 4, 5, 6],
    );
  });
});

describe('refused is', () => {
  it('a payload of another sub-type, and one without blocks', () => {
    const { far } = openEnds();
    for (const [index, payload] of [[1, 0, 0, 0, 0x45, 0, 0, 20], [0, 0, 0, 0], []].entries()) {
      const sequence = BigInt(index + 1);
      far.fromLink(
        sealEsp(keys, { sequence, nextHeader: nextHeader.aggfrag, payload: Buffer.from(payload) }),
      );
    }
    assert.equal(far.count('refusedUnknownPayload'), 3);
  });

  it('what breaks the rules within one, and no more', () => {
    const { far } = openEnds();
    const good = encode(tcp(100), 'complete');
    const payload = Buffer.concat([Buffer.alloc(4), good, Buffer.from([0x75, 1, 2, 3])]);
    far.fromLink(sealEsp(keys, { sequence: 1n, nextHeader: nextHeader.aggfrag, payload }));
    assertSamePackets(
      delivered(far).map(({ packet }) => packet),
      [good],
    );
    assert.equal(far.count('refusedMalformedInner'), 1);
  });
});

describe('a packet that is wanted again', () => {
  it('does not go over a path that no longer takes its size', () => {
    const { near } = openEnds();
    near.fromDevice(onDevice(tcp(3_000), 0));
    assert.equal(sent(near, LIMIT).length, 3);
    near.tunnel.sent.reported(0, 3);
    near.tunnel.sent.missing(1, 2, 0, near.now);
    near.path.mtu.refused(near.now);
    near.path.mtu.refused(near.now);
    assert.ok(near.path.mtu.size < LIMIT);
    near.fromDevice();
    assert.deepEqual(sent(near, LIMIT), []);
    assert.equal(near.tunnel.sent.wanted, 0);
  });
});

/** The messages that left, each of one burst. */
function messages(bench: PacketBench): Buffer[] {
  const all: Buffer[] = [];
  for (let one = bench.toLink(); one !== undefined; one = bench.toLink()) all.push(Buffer.from(one));
  return all;
}

/** The packets of a burst, by what their own first bytes and the size of the burst say. */
function apart(burst: Uint8Array, limit: number): Buffer[] {
  const starts: number[] = [];
  for (let at = 0; at + 4 <= burst.length; at += 4) {
    const view = new DataView(burst.buffer, burst.byteOffset + at);
    if (view.getUint32(0) === keys.spi && (starts.length === 0 || view.getUint32(4) === view.getUint32(12)))
      starts.push(at);
  }
  const packets = starts.map((at, index) =>
    Buffer.from(burst.subarray(at, starts[index + 1] ?? burst.length)),
  );
  assert.ok(packets.every(({ length }) => length <= Math.max(limit, length)));
  return packets;
}

function payloadLength(packet: Uint8Array): number {
  const start = (packet[0] as number) >> 4 === 4 ? ((packet[0] as number) & 15) * 4 : 40;
  return packet.length - start - ((packet[start + 12] as number) >> 4) * 4;
}
