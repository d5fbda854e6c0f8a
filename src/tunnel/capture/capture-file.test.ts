import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pcap, pcapng } from '../../../test/fixtures/capture-bytes.ts';
import { type CapturedFrame, CaptureReader } from './capture-file.ts';

const corpus = new URL('../../../test/corpus/captures/files.txt', import.meta.url);
const frames = fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 8 });
const form = fc.constantFrom(pcap, pcapng);

function read(chunks: readonly Uint8Array[]): {
  frames: CapturedFrame[];
  problem: ReturnType<CaptureReader['end']>;
} {
  const reader = new CaptureReader();
  const found = chunks.flatMap((chunk) => reader.push(chunk));
  return { frames: found, problem: reader.end() };
}

describe('a capture file', () => {
  for (const line of readFileSync(corpus, 'utf8').split('\n')) {
    const entry = /^(\d+) (\w+):(.*)$/.exec(line);
    if (entry === null) continue;
    it(`of the corpus, "${line.slice(0, 60)}", is read as written there`, () => {
      const bytes = Uint8Array.fromHex(entry[3]!.replaceAll(' ', ''));
      for (const chunks of [[bytes], [...bytes].map((byte) => Uint8Array.of(byte))]) {
        const found = read(chunks);
        assert.deepEqual([found.frames.length, found.problem ?? 'none'], [Number(entry[1]), entry[2]]);
      }
    });
  }

  it('gives the frames that were put in, with their times, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(form, frames, fc.array(fc.nat()), (write, put, cuts) => {
        const bytes = write(put);
        const borders = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
        const chunks = borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
        const found = read(chunks);
        assert.equal(found.problem, undefined);
        assert.deepEqual(
          found.frames.map((frame) => frame.bytes),
          put,
        );
        for (const { linkType, atMillis } of found.frames)
          assert.deepEqual([linkType, atMillis], [101, Date.UTC(2026, 10, 21, 12) + 250]);
      }),
    );
  });

  it('that ends anywhere but behind a record is cut short, and what came before is kept', () => {
    for (const write of [pcap, pcapng]) {
      const put = [new Uint8Array(5).fill(1), new Uint8Array(9).fill(2)];
      const whole = write(put);
      for (let length = 0; length < whole.length; length++) {
        const { frames: found, problem } = read([whole.subarray(0, length)]);
        if (length < 4) assert.equal(problem, length === 0 ? 'empty' : 'notACapture');
        else if (problem !== undefined) assert.match(problem, /cutShort|notACapture/);
        assert.ok(found.length < 2, `${length} bytes`);
      }
    }
  });

  it('never throws for whatever bytes, nor for a capture with altered ones', () => {
    const garbage = fc.uint8Array({ maxLength: 300 });
    const altered = fc
      .tuple(form, frames, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }))
      .map(([write, put, changes]) => {
        const bytes = write(put);
        for (const [place, value] of changes) bytes[place % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(garbage, altered), (bytes) => {
        const { frames: found } = read([bytes]);
        for (const frame of found) assert.ok(frame.bytes.length <= bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});
