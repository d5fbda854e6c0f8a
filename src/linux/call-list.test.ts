/** Lists of C calls: in one crossing, and call by call as on machines without the machine code. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Arena } from './arena.ts';
import { CallList } from './call-list.ts';
import { nativeRunner } from './call-runner.ts';
import { symbolAddress } from './ffi.ts';

const copy = symbolAddress('memmove');
const compare = symbolAddress('memcmp');
const absolute = symbolAddress('abs');
const print = symbolAddress('snprintf');

for (const crossing of ['one', 'each'] as const) {
  describe(`a call list with ${crossing} crossing`, () => {
    it('makes its calls in order, and gives each result', () => {
      const { arena, at } = setting();
      arena.bytes.set([1, 2, 3, 4], at(0));
      const list = new CallList(arena, 3, crossing);
      list.add(copy, MIN, arena.address + at(1), arena.address + at(0), 4);
      const equal = list.add(compare, 0, arena.address + at(1), arena.address + at(0), 4);
      const seven = list.add(absolute, 0, -7 >>> 0);
      assert.equal(list.runAll(), true);
      assert.deepEqual([...arena.bytes.subarray(at(1), at(1) + 4)], [1, 2, 3, 4]);
      assert.deepEqual([list.result(equal), list.result(seven)], [0, 7]);
    });

    it('passes six arguments, each in its place', () => {
      const { arena, at } = setting();
      arena.bytes.set(Buffer.from('%d %d %d\0'), at(0));
      const list = new CallList(arena, 1, crossing);
      const length = list.add(print, 1, arena.address + at(1), 64, arena.address + at(0), 11, 22, 33);
      assert.equal(list.runAll(), true);
      assert.equal(list.result(length), 8);
      assert.equal(Buffer.from(arena.bytes.subarray(at(1), at(1) + 8)).toString(), '11 22 33');
    });

    it('stops behind the first result that is too small, wherever it is', () => {
      const limits = fc.array(fc.integer({ min: -3, max: 12 }), { minLength: 1, maxLength: 6 });
      const property = fc.property(limits, (atLeast) => {
        const { arena } = setting();
        const list = new CallList(arena, atLeast.length, crossing);
        const calls = atLeast.map((limit) => list.add(absolute, limit, 5));
        const failing = atLeast.findIndex((limit) => limit > 5);
        assert.equal(list.runAll(), failing < 0);
        const made = failing < 0 ? atLeast.length : failing + 1;
        const results = calls.map((call) => list.result(call));
        assert.deepEqual(
          results,
          calls.map((_, index) => (index < made ? 5 : 0)),
        );
      });
      fc.assert(property, { numRuns: 100 });
    });

    it('runs again with another argument, and forgets its calls when it is cleared', () => {
      const { arena } = setting();
      const list = new CallList(arena, 1, crossing);
      const call = list.add(absolute, 0, 1);
      list.runAll();
      list.set(call, 0, 4_000_000_000);
      list.runAll();
      assert.equal(list.result(call), 294_967_296);
      assert.throws(() => list.add(absolute, 0, 1), RangeError);
      list.clear();
      assert.equal(list.add(absolute, 0, 9), call);
      assert.equal(list.runAll(), true);
      assert.equal(list.result(call), 9);
    });
  });
}

describe('the machine code', () => {
  it('is there on x86-64 only', () => {
    assert.equal(nativeRunner('arm64'), undefined);
    assert.equal(nativeRunner('x64') !== undefined, process.arch === 'x64');
  });

  it('names no function that is not there', () => {
    assert.throws(() => symbolAddress('no_such_function_of_libc'), RangeError);
  });
});

/** Below every `int`: the run never stops for it. */
const MIN = -0x8000_0000;

function setting() {
  const arena = new Arena(64 * 1024);
  const room = arena.reserve(4096);
  return { arena, at: (index: number) => room + index * 128 };
}
