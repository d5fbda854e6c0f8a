import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readAggfrag } from './aggfrag-blocks.ts';

function read(...bytes: readonly number[]) {
  return readAggfrag(new DataView(Uint8Array.from(bytes).buffer));
}

const zeros = (count: number) => new Array<number>(count).fill(0);

describe('a payload of several packets', () => {
  it('is read block by block', () => {
    const four = [0x45, 0, 0, 24, ...zeros(20)];
    const six = [0x60, 0, 0, 0, 0, 80, ...zeros(44)];
    assert.deepEqual(read(0, 0, 0, 3, 1, 2, 3, ...four, ...six), {
      subType: 0,
      blockOffset: 3,
      blocks: [
        { kind: 'rest', bytes: 3 },
        { kind: 'ipv4', bytes: 24, length: 24 },
        { kind: 'ipv6', bytes: 50, length: 120 },
      ],
    });
    assert.deepEqual(read(0, 0, 0, 0, ...four, ...zeros(9))?.blocks[1], { kind: 'padding', bytes: 9 });
  });

  it('says what it cannot tell', () => {
    assert.deepEqual(read(0, 0, 0, 0, 0x45, 0)?.blocks, [{ kind: 'ipv4', bytes: 2 }]);
    assert.deepEqual(read(0, 0, 0, 0, 0x75, 0, 1)?.blocks, [{ kind: 'unknown', bytes: 3 }]);
    assert.deepEqual(read(0, 0, 9, 9, 1)?.blocks, [{ kind: 'rest', bytes: 1 }]);
    assert.equal(read(1, 0, 0, 0, 1), undefined);
    assert.equal(read(0, 0, 0), undefined);
  });

  it('has every byte in one block, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        const content = read(0, 0, 0, 0, ...bytes);
        assert.equal(
          content?.blocks.reduce((sum, block) => sum + block.bytes, 0),
          bytes.length,
        );
      }),
    );
  });
});
