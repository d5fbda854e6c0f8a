import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { anyMessage } from '../../../test/fixtures/control-messages.ts';
import { bundleHeaderBytes } from './bundle-header.ts';
import { Deframer, type Frame } from './deframer.ts';
import { type DecodeResult, decodeMessage, encodeMessage } from './message-codec.ts';
import { messageType } from './messages.ts';

const corpus = new URL('../../../test/corpus/control-messages/bodies.txt', import.meta.url);

function frameOf(bytes: Uint8Array): Frame {
  const { frames } = new Deframer().push(bytes);
  assert.equal(frames.length, 1);
  return frames[0]!;
}

function summary(result: DecodeResult): string {
  if (result.ok) return result.message.type;
  const { problem } = result;
  return 'field' in problem ? `${problem.kind} ${problem.field}` : problem.kind;
}

const knownType = fc.constantFrom(...Object.values(messageType));

describe('control messages', () => {
  for (const line of readFileSync(corpus, 'utf8').split('\n')) {
    const entry = /^(\d+) ([\w ]+):(.*)$/.exec(line);
    if (entry === null) continue;
    it(`reads "${line.slice(0, 70)}" as written there`, () => {
      const body = Uint8Array.fromHex(entry[3]!.replaceAll(' ', ''));
      assert.equal(summary(decodeMessage({ messageId: 1, type: Number(entry[1]), body })), entry[2]);
    });
  }

  it('come back as they were sent', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(0xffffffff), (message, messageId) => {
        const frame = frameOf(encodeMessage(messageId, message));
        assert.equal(frame.messageId, messageId);
        assert.deepEqual(decodeMessage(frame), { ok: true, message });
      }),
    );
  });

  it('come back the same with unknown fields among their own', () => {
    const unknown = fc.tuple(fc.integer({ min: 1000, max: 0xffff }), fc.uint8Array({ maxLength: 20 }));
    fc.assert(
      fc.property(anyMessage, fc.array(unknown, { maxLength: 4 }), (message, fields) => {
        const { type, body } = frameOf(encodeMessage(1, message));
        const extra = fields.flatMap(([number, value]) => [
          number >> 8,
          number & 255,
          0,
          value.length,
          ...value,
        ]);
        for (const longer of [Uint8Array.of(...body, ...extra), Uint8Array.of(...extra, ...body)]) {
          assert.deepEqual(decodeMessage({ messageId: 1, type, body: longer }), { ok: true, message });
        }
      }),
    );
  });

  it('are refused without an exception when they are garbage', () => {
    fc.assert(
      fc.property(knownType, fc.uint8Array({ maxLength: 200 }), (type, body) => {
        const result = decodeMessage({ messageId: 1, type, body });
        if (result.ok) assert.deepEqual(decodeMessage(frameOf(encodeMessage(1, result.message))), result);
      }),
    );
  });

  it('survive any one altered byte: refused, or read as a message that can be sent', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, place, change) => {
        const bytes = encodeMessage(1, message).slice(bundleHeaderBytes);
        if (bytes.length > 0) bytes[place % bytes.length]! ^= change;
        const result = decodeMessage({ messageId: 1, type: messageType[message.type], body: bytes });
        if (result.ok) assert.deepEqual(decodeMessage(frameOf(encodeMessage(1, result.message))), result);
      }),
    );
  });

  it('are refused when they are cut short within a field', () => {
    fc.assert(
      fc.property(anyMessage, fc.integer({ min: 1, max: 4 }), (message, missing) => {
        const { type, body } = frameOf(encodeMessage(1, message));
        // The last field's value or head then reaches past the end, unless whole fields were cut away.
        const result = decodeMessage({
          messageId: 1,
          type,
          body: body.subarray(0, Math.max(0, body.length - missing)),
        });
        if (body.length > 0) assert.equal(result.ok, false);
      }),
    );
  });
});
