import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Ends, tcpFrame, udpFrame } from '../../../test/fixtures/capture-bytes.ts';
import { anyMessage } from '../../../test/fixtures/control-messages.ts';
import { packetLines } from '../../cli/decoded-text.ts';
import { encodeBundle } from '../control/bundle-header.ts';
import { encodeMessage } from '../control/message-codec.ts';
import { ivHigh } from '../esp/packet-number.ts';
import { ESP_FRAME } from '../esp/stream-frame.ts';
import { GAPS_HEADER_LENGTH, writeGaps } from '../path/report.ts';
import { CaptureDecoder, type Finding } from './capture-decoder.ts';
import { readSinglePacket } from './single-packet.ts';

const ends: Ends = { from: [192, 0, 2, 1], to: [198, 51, 100, 1], port: 4500 };
const linkType = 101;

function decode(frames: readonly Uint8Array[], type = linkType): Finding[] {
  const decoder = new CaptureDecoder([4500]);
  return frames.flatMap((bytes) => decoder.take({ linkType: type, atMillis: 0, bytes }));
}

/** The head of an ESP packet, and something behind it. */
function espPacket(high: number, low: number, sequenceLow: number): Uint8Array {
  const bytes = new Uint8Array(60);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of [0x1234_5678, sequenceLow, high, low].entries())
    view.setUint32(index * 4, word);
  return bytes;
}

function messagesOf(findings: readonly Finding[]): unknown[] {
  return findings.map((finding) =>
    finding.kind === 'message' && finding.decoded.ok ? finding.decoded.message : finding.kind,
  );
}

describe('a capture', () => {
  it('shows SPI, sequence number and IV of an ESP packet, with lane and order where Backstay built it', () => {
    const sequence = 3 * 2 ** 32 + 7;
    const [own] = decode([udpFrame(ends, espPacket(ivHigh(5, 900, sequence), 7, 7))]);
    assert.ok(own?.kind === 'esp');
    assert.deepEqual(own.head.numbers, { sequence, lane: 5, order: 900 });
    assert.deepEqual([own.head.spi, own.head.sequenceLow, own.head.bytes], [0x1234_5678, 7, 60]);
    assert.deepEqual([own.from, own.to], ['192.0.2.1:4500', '198.51.100.1:4500']);
    const [foreign] = decode([udpFrame(ends, espPacket(0xaabb_ccdd, 99, 7))]);
    assert.ok(foreign?.kind === 'esp' && foreign.head.numbers === undefined);
  });

  it('tells NAT keepalives, IKE and what is too short from ESP, and leaves other ports alone', () => {
    const kinds = [Uint8Array.of(0xff), new Uint8Array(60), new Uint8Array(20).fill(1)].flatMap((payload) =>
      decode([udpFrame(ends, payload)]).map(({ kind }) => kind),
    );
    assert.deepEqual(kinds, ['natKeepalive', 'notEsp', 'notEsp']);
    assert.deepEqual(decode([udpFrame({ ...ends, port: 53 }, espPacket(0, 7, 7))]), []);
  });

  it('shows the messages of a TCP connection, in whatever pieces and however often they were sent', () => {
    const pieces = fc.array(fc.record({ length: fc.integer({ min: 1, max: 50 }), back: fc.nat(60) }));
    fc.assert(
      fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 4 }), pieces, (messages, cuts) => {
        const stream = Uint8Array.from(messages.flatMap((message) => [...encodeMessage(1, message)]));
        const begin = 0xffff_fff0;
        const frames = [tcpFrame(ends, begin - 1, new Uint8Array(), true)];
        let at = 0;
        for (const { length, back } of cuts) {
          const from = Math.max(0, at - back);
          const to = Math.min(stream.length, at + length);
          frames.push(tcpFrame(ends, begin + from, stream.subarray(from, to)));
          at = to;
        }
        frames.push(tcpFrame(ends, begin + at, stream.subarray(at)));
        assert.deepEqual(messagesOf(decode(frames)), messages);
      }),
    );
  });

  it('shows the heads of ESP packets that a path has in its TCP connection', () => {
    const packet = espPacket(0x1234_5678, 7, 7);
    const stream = Uint8Array.from([
      ...encodeMessage(1, { type: 'keepalive' }),
      ...encodeBundle(1, ESP_FRAME, packet),
      ...encodeBundle(2, ESP_FRAME, new Uint8Array(8)),
    ]);
    const findings = decode([tcpFrame(ends, 1, stream)]);
    assert.deepEqual(
      findings.map((finding) => (finding.kind === 'esp' ? finding.head.spi : finding.kind)),
      ['message', 0x1234_5678, 'notEsp'],
    );
  });

  it('goes on at the next message where bytes are missing, and says so', () => {
    const message = encodeMessage(1, { type: 'keepalive' });
    const half = message.subarray(0, 9);
    const findings = decode([tcpFrame(ends, 100, half), tcpFrame(ends, 500, message)]);
    assert.deepEqual(messagesOf(findings), ['bytesMissing', { type: 'keepalive' }]);
  });

  it('says that TLS begins, and once only what a lying header is', () => {
    const hello = Uint8Array.of(0x16, 3, 1, 0, 5);
    assert.deepEqual(messagesOf(decode([tcpFrame(ends, 1, hello), tcpFrame(ends, 6, hello)])), ['tls']);
    const lie = encodeMessage(1, { type: 'keepalive' }).fill(0xff, 12);
    assert.deepEqual(messagesOf(decode([tcpFrame(ends, 1, lie), tcpFrame(ends, 17, hello)])), ['badHeader']);
    assert.deepEqual(decode([tcpFrame(ends, 1, Uint8Array.from([71, 69, 84, 32]))]), []);
  });

  it('holds a bounded number of connections: the one that was silent longest is forgotten', () => {
    const message = encodeMessage(1, { type: 'keepalive' });
    const [head, tail] = [message.subarray(0, 9), message.subarray(9)];
    const others = (count: number) =>
      Array.from({ length: count }, (_, index) => tcpFrame({ ...ends, port: 5000 + index }, 1, head));
    const finish = (count: number) =>
      messagesOf(decode([tcpFrame(ends, 1, head), ...others(count), tcpFrame(ends, 10, tail)]));
    assert.deepEqual(finish(4_000), [{ type: 'keepalive' }]);
    assert.deepEqual(finish(4_200), []);
  });

  it('never throws for whatever frame of whatever kind of link', () => {
    const type = fc.constantFrom(0, 1, 101, 113, 228, 229, 276, 999);
    const start = fc.constantFrom<readonly number[]>([], [0x45], [0x60], [0x4f, 0, 0xff, 0xff]);
    const hostile = fc
      .tuple(start, fc.uint8Array({ maxLength: 120 }))
      .map(([head, rest]) => Uint8Array.of(...head, ...rest));
    fc.assert(
      fc.property(type, fc.array(hostile, { maxLength: 5 }), (kind, frames) => {
        decode(frames, kind);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a packet by itself', () => {
  it('is a message, and neither cut short nor more than one', () => {
    const bytes = encodeMessage(9, { type: 'linkDrop', pathId: 3, reason: 'linkDown' });
    assert.equal(readSinglePacket(bytes).kind, 'message');
    assert.equal(readSinglePacket(bytes.subarray(0, -1)).kind, 'cutShort');
    assert.equal(readSinglePacket(Uint8Array.of(...bytes, 1)).kind, 'tooLong');
  });

  it('is a report with its records', () => {
    const bytes = new Uint8Array(48);
    bytes.set([1, 1, 0, 7]);
    bytes[20] = 1;
    bytes.set([0, 2], 24);
    const packet = readSinglePacket(bytes);
    assert.ok(packet.kind === 'report');
    assert.deepEqual([packet.header.path, packet.header.answerAtOnce, packet.records[0]?.path], [7, true, 2]);
    assert.equal(packet.missing, undefined);
    assert.equal(readSinglePacket(bytes.subarray(0, 47)).kind, 'neither');
  });

  it('is a report that says what is missing', () => {
    const bytes = new Uint8Array(24 + GAPS_HEADER_LENGTH + 8);
    bytes[0] = 1;
    const view = new DataView(bytes.buffer);
    writeGaps(view, 24, { spi: 9, floor: 100, kept: 7 }, Uint16Array.of(1, 5, 3, 2), 2);
    const packet = readSinglePacket(bytes);
    assert.ok(packet.kind === 'report');
    const gaps = [
      { from: 100, to: 100 },
      { from: 106, to: 108 },
    ];
    assert.deepEqual(packet.missing, { spi: 9, floor: 100, kept: 7, gaps });
    assert.match(packetLines(packet), /missing: .* 100, 106-108\n$/);
  });

  it('never throws for whatever bytes', () => {
    const marked = fc
      .uint8Array({ maxLength: 60 })
      .map((rest) => Uint8Array.of(0x42, 0x53, 0x54, 0x59, ...rest));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), marked), (bytes) => {
        readSinglePacket(bytes);
      }),
    );
  });
});
