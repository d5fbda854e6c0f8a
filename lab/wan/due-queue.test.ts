import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DueQueue } from './due-queue.ts';

describe('due queue', () => {
  it('is empty at first', () => {
    const queue = new DueQueue(4);
    assert.equal(queue.nextDue, Number.POSITIVE_INFINITY);
    assert.equal(queue.shift(), -1);
  });

  it('refuses more than it has places for', () => {
    const queue = new DueQueue(2);
    queue.push(1, 1);
    queue.push(2, 2);
    assert.ok(queue.isFull);
    assert.throws(() => queue.push(3, 3), RangeError);
    assert.throws(() => new DueQueue(3), RangeError);
  });

  it('gives back by time, and equal times in the order of arrival, whatever came between', () => {
    const step = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant('shift' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new DueQueue(16);
        let model: { due: number; place: number }[] = [];
        for (const [place, due] of steps.entries()) {
          if (due === 'shift') {
            assert.equal(queue.shift(), model.shift()?.place ?? -1);
          } else if (!queue.isFull) {
            queue.push(due, place);
            model = [...model, { due, place }].sort((a, b) => a.due - b.due);
          }
          assert.equal(queue.length, model.length);
          assert.equal(queue.nextDue, model[0]?.due ?? Number.POSITIVE_INFINITY);
        }
      }),
    );
  });
});
