import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checksumOf, finishChecksum, fold, sumWords } from './checksum.ts';

/** Ones' complement addition is arithmetic modulo 2^16 - 1, with 2^16 - 1 written for every zero but the first. */
function foldExactly(sum: number): number {
  return sum === 0 ? 0 : Number(BigInt(sum) % 0xffffn) || 0xffff;
}

function wordsOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte * 256 : byte;
  return sum;
}

describe('the internet checksum', () => {
  it('folds any sum that can be held exactly', () => {
    const borders = fc
      .tuple(fc.constantFrom(0x1_0000, 0x1_ffff, 0x1_0000_0000, 0xffff_ffff, 2 ** 48), fc.nat(0x2_0000))
      .map(([border, by]) => Math.max(0, border - 0x1_0000 + by));
    const sums = fc.oneof(fc.maxSafeNat(), borders, fc.nat(0x20_0000));
    const property = fc.property(sums, (sum) => assert.equal(fold(sum), foldExactly(sum)));
    fc.assert(property, {
      numRuns: 2000,
      examples: [
        [0],
        [0xffff],
        [0x1_ffff],
        [0xffff_ffff],
        [2 ** 53 - 1],
        [0xffff_0001_0000],
        [2 ** 48 + 2 ** 32 - 1],
      ],
    });
  });

  it('sums any range, with an odd last byte as the high half of a word, and reads nothing else', () => {
    const property = fc.property(
      fc.uint8Array({ maxLength: 70 }),
      fc.nat(5),
      fc.nat(255),
      (bytes, before, other) => {
        const memory = new Uint8Array(before + bytes.length + 5).fill(other);
        memory.set(bytes, before);
        const sum = sumWords(new DataView(memory.buffer), before, bytes.length);
        assert.equal(foldExactly(sum), foldExactly(wordsOf(bytes)));
        // A view that ends with the range: reading one byte more would throw.
        const exact = new DataView(memory.buffer, 0, before + bytes.length);
        assert.equal(sumWords(exact, before, bytes.length), sum);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it('once finished verifies, and is never the zero that means "none" to UDP', () => {
    const property = fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 60 }),
      fc.nat(0xffff),
      (bytes, pseudo) => {
        const data = new DataView(bytes.buffer);
        data.setUint16(6, pseudo);
        const sum = sumWords(data, 0, bytes.length);
        finishChecksum(data, 0, bytes.length, 6);
        assert.notEqual(data.getUint16(6), 0);
        // What stood in the field was the pseudo-header's sum: a receiver adds it from the header itself.
        assert.equal(foldExactly(sum + data.getUint16(6)), 0xffff);
      },
    );
    fc.assert(property, { numRuns: 300 });
    const borderline = new DataView(Uint8Array.of(0xff, 0xfe, 0, 1, 0, 0, 0, 0).buffer);
    finishChecksum(borderline, 0, 8, 6);
    assert.equal(borderline.getUint16(6), 0xffff);
    assert.equal(checksumOf(sumWords(borderline, 0, 8)), 0);
  });
});
