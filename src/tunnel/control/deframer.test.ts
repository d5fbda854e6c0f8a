import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bundleHeaderBytes, bundleMarker, encodeBundle, maxControlMessageBytes } from './bundle-header.ts';
import { Deframer, type Frame } from './deframer.ts';

const corpus = new URL('../../../test/corpus/bundle-header/streams.txt', import.meta.url);

type Outcome = { frames: Frame[]; problem: string | undefined; pendingBytes: number };

function deframe(chunks: readonly Uint8Array[]): Outcome {
  const deframer = new Deframer();
  const frames: Frame[] = [];
  let problem: string | undefined;
  for (const chunk of chunks) {
    const result = deframer.push(chunk);
    frames.push(...result.frames);
    problem = result.problem;
    assert.ok(deframer.pendingBytes <= maxControlMessageBytes);
  }
  return { frames, problem, pendingBytes: deframer.pendingBytes };
}

/** Cuts at the given places, in any order and with repetitions, so that empty chunks come up too. */
function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const borders = [0, ...places.map((place) => place % (stream.length + 1)), stream.length].sort(
    (a, b) => a - b,
  );
  return borders.slice(1).map((border, index) => stream.subarray(borders[index], border));
}

const message = fc
  .record({ id: fc.nat(0xffffffff), type: fc.nat(0xffffffff), body: fc.uint8Array({ maxLength: 300 }) })
  .map(({ id, type, body }) => encodeBundle(id, type, body));
const streamPart = fc.oneof({ weight: 8, arbitrary: message }, fc.uint8Array({ maxLength: 40 }));
const stream = fc
  .array(streamPart, { maxLength: 8 })
  .map((parts) => Uint8Array.from(parts.flatMap((p) => [...p])));
const places = fc.array(fc.nat(), { maxLength: 30 });

describe('deframer', () => {
  for (const line of readFileSync(corpus, 'utf8').split('\n')) {
    const entry = /^(\d+) (\w+) (\d+):(.*)$/.exec(line);
    if (entry === null) continue;
    it(`makes of the corpus stream "${line.slice(0, 60)}" what is written there`, () => {
      const bytes = Uint8Array.fromHex(entry[4]!.replaceAll(' ', ''));
      for (const chunks of [[bytes], [...bytes].map((byte) => Uint8Array.of(byte))]) {
        const { frames, problem, pendingBytes } = deframe(chunks);
        assert.deepEqual(
          [frames.length, problem ?? 'none', pendingBytes],
          [Number(entry[1]), entry[2], Number(entry[3])],
        );
      }
    });
  }

  it('gives the same for every division of a stream into chunks', () => {
    fc.assert(
      fc.property(stream, places, (bytes, cuts) => {
        assert.deepEqual(deframe(cut(bytes, cuts)), deframe([bytes]));
      }),
    );
  });

  it('gives back the messages that were put in', () => {
    const parts = fc.array(
      fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.uint8Array({ maxLength: 2000 })),
    );
    fc.assert(
      fc.property(parts, places, (messages, cuts) => {
        const bytes = Uint8Array.from(
          messages.flatMap(([id, type, body]) => [...encodeBundle(id, type, body)]),
        );
        const frames = messages.map(([messageId, type, body]) => ({ messageId, type, body }));
        assert.deepEqual(deframe(cut(bytes, cuts)), { frames, problem: undefined, pendingBytes: 0 });
      }),
    );
  });

  it('takes the largest message and refuses one byte more before its body comes', () => {
    const largest = encodeBundle(1, 1, new Uint8Array(maxControlMessageBytes - bundleHeaderBytes));
    assert.equal(deframe([largest]).frames.length, 1);
    const header = largest.slice(0, bundleHeaderBytes);
    new DataView(header.buffer).setUint32(12, maxControlMessageBytes + 1);
    assert.equal(deframe([header]).problem, 'lengthTooLong');
    assert.throws(() => encodeBundle(1, 1, new Uint8Array(maxControlMessageBytes)), RangeError);
  });

  it('holds what came, not what was announced', () => {
    const header = new Uint8Array(bundleHeaderBytes);
    new DataView(header.buffer).setUint32(0, bundleMarker);
    new DataView(header.buffer).setUint32(12, maxControlMessageBytes);
    assert.equal(deframe([header]).pendingBytes, bundleHeaderBytes);
  });

  it('does not keep the caller’s chunk', () => {
    const bytes = encodeBundle(1, 2, Uint8Array.of(1, 2, 3));
    const frame = new Deframer().push(bytes).frames[0];
    bytes.fill(0);
    assert.deepEqual(frame?.body, Uint8Array.of(1, 2, 3));
  });
});
