import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RecordRing } from './record-ring.ts';

const WIDTH = 3;

describe('a ring of records', () => {
  it('keeps its records in order however it is used', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), value: fc.integer() }),
      fc.record({ kind: fc.constant('dropFirst' as const), records: fc.nat(5) }),
      fc.record({ kind: fc.constant('dropLast' as const) }),
      fc.record({ kind: fc.constant('clear' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ring = new RecordRing(WIDTH, 2, 16);
        let model: number[] = [];
        for (const taken of steps) {
          if (taken.kind === 'append' && !ring.isFull) {
            const at = ring.append();
            for (let field = 0; field < WIDTH; field++) ring.values[at + field] = taken.value + field;
            model.push(taken.value);
          } else if (taken.kind === 'dropFirst') {
            const records = Math.min(taken.records, model.length);
            ring.dropFirst(records);
            model = model.slice(records);
          } else if (taken.kind === 'dropLast' && model.length > 0) {
            ring.dropLast();
            model.pop();
          } else if (taken.kind === 'clear') {
            ring.clear();
            model = [];
          }
          const fields = (index: number) => [...ring.values.subarray(ring.at(index), ring.at(index) + WIDTH)];
          assert.deepEqual(
            Array.from({ length: ring.count }, (_, index) => fields(index)),
            model.map((value) => [value, value + 1, value + 2]),
          );
          assert.equal(ring.isFull, model.length === 16);
        }
      }),
    );
  });
});
