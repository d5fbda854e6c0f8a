/** ESP packets in a TCP connection are found again, however it is cut; what is none is told at its first header. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GuardedView } from '../../../test/fixtures/guarded-view.ts';
import {
  FRAME_HEADER_LENGTH,
  FRAME_LONGEST,
  frameLength,
  isEspFrame,
  MORE_NEEDED,
  NO_FRAME,
  writeFrameHeader,
} from './stream-frame.ts';

const corpus = new URL('../../../test/corpus/stream-frame/frames.txt', import.meta.url);
const words: Record<string, number> = { needMore: MORE_NEEDED, noFrame: NO_FRAME };

function frameOf(packet: Uint8Array, id: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_LENGTH + packet.length);
  writeFrameHeader(new DataView(bytes.buffer), 0, id, packet.length);
  bytes.set(packet, FRAME_HEADER_LENGTH);
  return bytes;
}

describe('a frame in a stream', () => {
  for (const line of readFileSync(corpus, 'utf8').split('\n')) {
    const entry = /^(\w+):(.*)$/.exec(line);
    if (entry === null) continue;
    it(`is what the corpus says of it: ${line}`, () => {
      const bytes = Uint8Array.fromHex(entry[2]!.replaceAll(' ', ''));
      assert.equal(
        frameLength(new DataView(bytes.buffer), 0, bytes.length),
        words[entry[1]!] ?? Number(entry[1]),
      );
    });
  }

  it('is found again with its packet, wherever the stream is cut', () => {
    const packets = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(packets, fc.nat(), (sent, place) => {
        const stream = Uint8Array.from(sent.flatMap((packet, index) => [...frameOf(packet, index + 1)]));
        const data = new DataView(stream.buffer);
        const found: Uint8Array[] = [];
        let at = 0;
        for (const end of [place % (stream.length + 1), stream.length]) {
          for (let length = frameLength(data, at, end); length > 0; length = frameLength(data, at, end)) {
            assert.ok(isEspFrame(data, at));
            found.push(stream.slice(at + FRAME_HEADER_LENGTH, at + length));
            at += length;
          }
          assert.equal(frameLength(data, at, end), MORE_NEEDED);
        }
        assert.deepEqual(found, sent);
      }),
    );
  });

  it('is never longer than it may be, and nothing behind the end is read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const view = new GuardedView(Uint8Array.from([...bytes, ...bytes]).buffer);
        view.allow(0, bytes.length);
        const length = frameLength(view, 0, bytes.length);
        assert.ok(length === NO_FRAME || length === MORE_NEEDED || length >= FRAME_HEADER_LENGTH);
        assert.ok(length <= Math.min(FRAME_LONGEST, bytes.length));
      }),
    );
  });
});
