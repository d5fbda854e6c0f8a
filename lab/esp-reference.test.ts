import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextHeaders, openEsp, sealEsp } from './esp-reference.ts';

const keys = { spi: 0x1000_0001, key: Buffer.alloc(32, 7), salt: Buffer.from('0a0b0c0d', 'hex') };
const sequences = fc.bigInt({ min: 1n, max: (1n << 64n) - 1n });

test('what was sealed is opened, with any length and any sequence number', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 100 }), sequences, (bytes, sequence) => {
    const content = { sequence, nextHeader: nextHeaders.ipv4, payload: Buffer.from(bytes) };
    const opened = openEsp(keys, sealEsp(keys, content), sequence);
    assert.deepEqual(opened, { valid: true, ...content });
  });
  fc.assert(property, { numRuns: 200 });
});

test('a changed bit anywhere is noticed', () => {
  const packet = sealEsp(keys, { sequence: 5n, nextHeader: nextHeaders.ipv6, payload: Buffer.alloc(41) });
  for (let bit = 0; bit < packet.length * 8; bit++) {
    const damaged = Buffer.from(packet);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(openEsp(keys, damaged, 5n).valid, false, `bit ${bit}`);
  }
});

test('the upper half of the sequence number follows the last one across the border', () => {
  const border = 1n << 32n;
  for (const [sequence, near] of [
    [border + 3n, border - 3n],
    [border - 3n, border + 3n],
    [2n, 0n],
    [border * 7n, border * 7n + (1n << 30n)],
  ] as const) {
    const packet = sealEsp(keys, { sequence, nextHeader: nextHeaders.none, payload: Buffer.alloc(0) });
    const opened = openEsp(keys, packet, near);
    assert.equal(opened.valid && opened.sequence, sequence);
  }
});

test('a packet sealed under another upper half is refused', () => {
  const packet = sealEsp(keys, {
    sequence: (1n << 32n) + 1n,
    nextHeader: nextHeaders.none,
    payload: Buffer.alloc(0),
  });
  assert.deepEqual(openEsp(keys, packet, 1n), { valid: false, reason: 'the tag does not verify' });
});
