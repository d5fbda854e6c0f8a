import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Flow, innerPacket, readInner } from './inner-packets.ts';

for (const family of [4, 6] as const) {
  for (const segments of [1, 5]) {
    test(`the numbers of ${segments} packets of IPv${family} are read where they were written`, () => {
      const flow: Flow = { id: 5, from: 'b', family, payload: 60, open: true, segments };
      const found: number[][] = [];
      const whole = readInner(innerPacket(flow, 7, segments), (id, number) => found.push([id, number]));
      assert.ok(whole);
      assert.deepEqual(
        found,
        Array.from({ length: segments }, (_, index) => [5, 7 + index]),
      );
    });
  }
}

test('what has no room for a number is no numbered packet', () => {
  const flow: Flow = { id: 5, from: 'b', family: 4, payload: 8, open: false, segments: 1 };
  assert.equal(
    readInner(innerPacket(flow, 0, 1).subarray(0, 42), () => {}),
    false,
  );
});
