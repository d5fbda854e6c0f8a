/**
 * Inner packets come from an authenticated peer, and virtio headers from the kernel; neither is believed. Whatever they
 * say, nothing throws, and nothing outside the packet is read or written.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GuardedView } from '../../../test/fixtures/guarded-view.ts';
import { encode, innerPackets } from '../../../test/fixtures/inner-packet.ts';
import { isPlainTransport, packetLength, transportOffset, transportProtocol } from './ip-packet.ts';
import { PacketRun } from './packet-run.ts';
import { Superpacket } from './superpacket.ts';
import { segmentation, VIRTIO_HEADER_LENGTH, writeVirtioHeader } from './virtio-header.ts';

type CorpusEntry = { readonly length: number; readonly bytes: Uint8Array; readonly what: string };

const corpus: CorpusEntry[] = readFileSync(
  new URL('../../../test/corpus/inner-packet/packets.txt', import.meta.url),
  'utf8',
)
  .split('\n')
  .map((line) => /^(-?\d+) ([0-9a-f]*) ?: (.*)$/.exec(line))
  .filter((match) => match !== null)
  .map(([, length, hex, what]) => ({
    length: Number(length),
    bytes: Uint8Array.fromHex(hex as string),
    what: what as string,
  }));

/** A good packet with some bytes changed, most of them in its headers, and perhaps cut off. */
const damaged = fc
  .tuple(
    innerPackets(fc.nat(60)),
    fc.array(fc.tuple(fc.oneof(fc.nat(70), fc.constantFrom(0, 2, 3, 4, 5, 6, 9, 32, 52)), fc.nat(255)), {
      maxLength: 6,
    }),
    fc.oneof({ weight: 3, arbitrary: fc.constant(200) }, fc.nat(120)),
  )
  .map(([packet, changes, keep]) => {
    const bytes = encode(packet, 'pseudo');
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes.slice(0, keep);
  });
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 120, size: 'max' }),
  { weight: 4, arbitrary: damaged },
  fc.constantFrom(...corpus.map(({ bytes }) => bytes)),
);

/** Memory in which only the given packets may be touched; they lie apart from each other. */
function guarded(packets: readonly Uint8Array[]): { view: GuardedView; starts: number[] } {
  const memory = new Uint8Array(64 + packets.reduce((sum, { length }) => sum + length + 90, 0)).fill(0x45);
  const view = new GuardedView(memory.buffer);
  view.allow(0, VIRTIO_HEADER_LENGTH);
  let at = 64;
  const starts = packets.map((bytes) => {
    const start = at;
    memory.set(bytes, start);
    view.allow(start, bytes.length);
    at += bytes.length + 90;
    return start;
  });
  return { view, starts };
}

/** What the inbound side and the writer do with opened packets. */
function handOver(packets: readonly Uint8Array[]): void {
  const { view, starts } = guarded(packets);
  const run = new PacketRun(view, true);
  let running = false;
  for (const [index, bytes] of packets.entries()) {
    const start = starts[index] as number;
    const length = packetLength(view, start, start + bytes.length);
    assert.ok(length === -1 || (length >= 20 && length <= bytes.length));
    if (length < 0) continue;
    if (running && run.extend(start, length, index % 2 === 0)) {
      assert.ok(run.headerLength > 0 && run.headerLength < length);
      continue;
    }
    if (running) run.seal(0);
    running = run.begin(start, length, true);
    assert.ok(!running || (run.headerLength >= 28 && run.headerLength <= length));
  }
  if (running) run.seal(0);
}

describe('the length of an inner packet', () => {
  it('is what the committed corpus says', () => {
    assert.ok(corpus.length > 30);
    for (const { length, bytes, what } of corpus) {
      const { view, starts } = guarded([bytes]);
      const start = starts[0] as number;
      assert.equal(packetLength(view, start, start + bytes.length), length, what);
    }
  });

  it('and its fields are read without a look beyond it', () => {
    const property = fc.property(hostile, fc.nat(20), (bytes, checksumOffset) => {
      const { view, starts } = guarded([bytes]);
      const start = starts[0] as number;
      const length = packetLength(view, start, start + bytes.length);
      if (length < 0) return;
      const transport = transportOffset(view, start, start + length);
      assert.ok(transport >= start + 20 && transport <= start + length);
      transportProtocol(view, start);
      isPlainTransport(view, start, checksumOffset);
    });
    fc.assert(property, { numRuns: 1000 });
  });
});

describe('packets from a peer that say their checksum is open', () => {
  it('of the corpus, one by one and twice in a row, are merged or refused', () => {
    for (const { bytes } of corpus) {
      handOver([bytes]);
      handOver([bytes, bytes]);
    }
  });

  it('of any kind are merged or refused', () => {
    const rows = fc.array(hostile, { minLength: 1, maxLength: 6 });
    const twice = rows.map((row) => row.flatMap((bytes) => [bytes, bytes]));
    fc.assert(fc.property(fc.oneof(rows, twice), handOver), { numRuns: 1000 });
  });

  it('are refused when the checksum cannot be found: fragments, extension headers, other protocols', () => {
    for (const { bytes, length, what } of corpus) {
      if (!/fragment|hop-by-hop|no TCP|without a TCP|data offset|cut off/.test(what) || length < 0) continue;
      const { view, starts } = guarded([bytes]);
      assert.equal(new PacketRun(view, true).begin(starts[0] as number, length, true), false, what);
    }
  });

  it('are refused when the caller’s length ends within the header', () => {
    const bytes = Uint8Array.fromHex(`4f00001400000000400600000a0000010a000002${'00'.repeat(80)}`);
    const { view, starts } = guarded([bytes]);
    assert.equal(new PacketRun(view, true).begin(starts[0] as number, 20, true), false);
  });
});

describe('a read from the device', () => {
  const kinds = fc.oneof(fc.constantFrom(...Object.values(segmentation)), fc.nat(255));
  const small = fc.oneof(fc.nat(120), fc.nat(0xffff));
  const virtio = fc.record({
    flags: fc.oneof(fc.constant(1), fc.nat(255)),
    segmentation: kinds,
    headerLength: small,
    segmentSize: small,
    checksumStart: fc.oneof(fc.constantFrom(20, 40), small),
    checksumOffset: fc.oneof(fc.constantFrom(6, 16), small),
  });

  it('is cut within its bounds or refused, whatever its virtio header says', () => {
    const property = fc.property(hostile, virtio, fc.boolean(), (bytes, fields, finish) => {
      const { view, starts } = guarded([bytes]);
      const start = starts[0] as number;
      const end = start + bytes.length;
      writeVirtioHeader(view, 0, fields);
      const superpacket = new Superpacket(view);
      if (!superpacket.load(0, start, end, finish)) return;
      assert.ok(superpacket.count >= 1 && superpacket.count <= Math.max(1, bytes.length));
      for (let index = 0; index < superpacket.count; index++) {
        superpacket.segment(index);
        const { offset, length } = superpacket;
        assert.ok(offset >= start && length >= 20 && offset + length <= end);
        if (superpacket.count > 1) assert.equal(packetLength(view, offset, offset + length), length);
      }
    });
    fc.assert(property, { numRuns: 3000 });
  });

  it('is refused when it holds no whole IP header, or a TCP header that contradicts itself', () => {
    const open = { flags: 1, segmentation: segmentation.tcp4, headerLength: 40, segmentSize: 8 };
    const tcp = { ...open, checksumStart: 20, checksumOffset: 16 };
    const none = { ...tcp, flags: 0, segmentation: segmentation.none };
    for (const [hex, fields] of [
      [`6${'0'.repeat(77)}`, none],
      ['45000013', none],
      [`4f${'00'.repeat(58)}`, none],
      [`450000280000000040060000${'00'.repeat(20)}f0${'00'.repeat(15)}`, tcp],
      [`450000280000000040060000${'00'.repeat(20)}40${'00'.repeat(15)}`, tcp],
    ] as const) {
      const bytes = Uint8Array.fromHex(hex);
      const { view, starts } = guarded([bytes]);
      const start = starts[0] as number;
      writeVirtioHeader(view, 0, fields);
      assert.equal(new Superpacket(view).load(0, start, start + bytes.length, false), false, hex);
    }
  });
});
