/** What the traffic source sends is what was meant: frames, their checksums, and the file between the processes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { packFrames, unpackFrames } from './frame-file.ts';
import { udpFrame } from './udp-frame.ts';

const addresses = {
  sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  destinationMac: Uint8Array.of(2, 0, 0, 0, 0, 2),
  source: Uint8Array.of(192, 168, 0, 1),
  destination: Uint8Array.of(192, 168, 0, 199),
};

/** One's-complement sum of 16-bit words; 0xffff over a block that contains its own right checksum. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
  return (sum % 0xffff) + (sum > 0 && sum % 0xffff === 0 ? 0xffff : 0);
}

describe('UDP frame', () => {
  it('has the layout of the standards', () => {
    const frame = udpFrame({
      ...addresses,
      sourcePort: 1000,
      destinationPort: 9,
      payload: Uint8Array.of(1, 2, 3),
    });
    const hex = Buffer.from(frame).toString('hex');
    assert.equal(hex.slice(0, 28), '0200000000020200000000010800');
    assert.equal(hex.slice(28, 48), '4500001f000040004011');
    assert.equal(hex.slice(52, 68), 'c0a80001c0a800c7');
    assert.equal(hex.slice(68, 80), '03e80009000b');
    assert.equal(hex.slice(84), '010203');
  });

  it('has right checksums for any payload', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 1472 }),
        fc.integer({ min: 1, max: 65_535 }),
        (payload, port) => {
          const frame = udpFrame({ ...addresses, sourcePort: port, destinationPort: 4500, payload });
          assert.equal(sumOf(frame.subarray(14, 34)), 0xffff);
          const length = 8 + payload.length;
          const pseudo = [...frame.subarray(26, 34), 0, 17, length >> 8, length & 255];
          assert.equal(sumOf(Uint8Array.from([...pseudo, ...frame.subarray(34)])), 0xffff);
          assert.notEqual(frame[40]! * 256 + frame[41]!, 0);
        },
      ),
    );
  });
});

describe('frame file', () => {
  it('gives back what was put in', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (frames) => {
        assert.deepEqual(unpackFrames(packFrames(frames)), frames);
      }),
    );
  });

  it('is refused when it is cut off', () => {
    const packed = packFrames([Uint8Array.of(1, 2, 3)]);
    assert.throws(() => unpackFrames(packed.subarray(0, 6)), RangeError);
  });
});
