import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { alarm, linkDown, linkUp } from '../../test/fixtures/alarm-rig.ts';
import { ReceiverQueue } from './receiver-queue.ts';

describe('what waits for a receiver', () => {
  it('goes out in order, one after the other', () => {
    const queue = new ReceiverQueue();
    queue.put(alarm(linkDown('fibre')));
    queue.put(alarm(linkDown('lte')));
    assert.equal(queue.take(0)?.matter, 'link/fibre/state');
    assert.equal(queue.take(0), undefined);
    assert.equal(queue.delivered(0), undefined);
    assert.equal(queue.take(0)?.matter, 'link/lte/state');
    queue.delivered(0);
    assert.deepEqual([queue.pending, queue.nextDeadline()], [[], undefined]);
  });

  it('goes out by the time of its latest alarm', () => {
    const queue = new ReceiverQueue();
    for (const detail of [linkDown('fibre'), linkDown('lte'), linkUp('fibre')]) queue.put(alarm(detail));
    assert.deepEqual(
      queue.pending.map(({ kind, matter }) => `${kind} ${matter}`),
      ['linkDown link/lte/state', 'linkUp link/fibre/state'],
    );
  });

  it('is the latest of each matter while the receiver does not answer', () => {
    const queue = new ReceiverQueue();
    queue.put(alarm(linkDown()));
    queue.take(0);
    for (let round = 0; round < 3; round++) {
      queue.put(alarm(linkUp()));
      queue.put(alarm(linkDown()));
    }
    queue.put(alarm(linkUp()));
    assert.equal(queue.failed(1_000), true);
    assert.deepEqual(
      queue.pending.map(({ kind }) => kind),
      ['linkUp'],
    );
    assert.equal(queue.take(2_999), undefined);
    const { kind, replaced } = queue.take(3_000) ?? assert.fail();
    assert.deepEqual([kind, replaced], ['linkUp', 7]);
    assert.equal(queue.delivered(4_000), 3_000);
  });

  it('is tried with growing pauses, and failing and recovering are each told once', () => {
    const queue = new ReceiverQueue([alarm(linkDown())]);
    const pauses: number[] = [];
    let now = 0;
    for (let attempt = 0; attempt < 8; attempt++) {
      assert.notEqual(queue.take(now), undefined);
      assert.equal(queue.failed(now), attempt === 0);
      const next = queue.nextDeadline() ?? assert.fail();
      pauses.push(next - now);
      now = next;
    }
    assert.deepEqual(pauses, [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    queue.take(now);
    assert.equal(queue.delivered(now), now);
    queue.put(alarm(linkUp()));
    queue.take(now);
    assert.equal(queue.delivered(now), undefined);
  });

  it('is bounded: the least severe are given up, and counted for the next that goes out', () => {
    const queue = new ReceiverQueue();
    queue.put(alarm(linkDown('worst')));
    for (let index = 0; index < 1_000; index++) queue.put(alarm(linkUp(`link${index}`)));
    assert.equal(queue.pending.length, 256);
    assert.equal(queue.pending[0]?.kind, 'linkDown');
    assert.equal(queue.take(0)?.omitted, 745);
    queue.delivered(0);
    assert.equal(queue.take(0)?.omitted, 0);
  });

  it('law: whatever fails meanwhile, the last alarm of each matter arrives last, and none twice', () => {
    const step = fc.oneof(
      fc.record({ put: fc.constantFrom('a', 'b', 'c') }),
      fc.constant('failed' as const),
      fc.constant('delivered' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ReceiverQueue();
        const last = new Map<string, number>();
        const arrived = new Map<string, number[]>();
        let sequence = 0;
        let now = 0;
        let underWay: { matter: string; sequence: number } | undefined;
        const end = (how: 'failed' | 'delivered') => {
          if (underWay === undefined) return;
          if (how === 'delivered')
            arrived.set(underWay.matter, [...(arrived.get(underWay.matter) ?? []), underWay.sequence]);
          underWay = undefined;
          if (how === 'failed') queue.failed(now);
          else queue.delivered(now);
        };
        const advance = () => {
          now += 100_000;
          underWay ??= queue.take(now);
        };
        for (const it of steps) {
          if (typeof it === 'string') end(it);
          else {
            sequence += 1;
            last.set(`link/${it.put}/state`, sequence);
            queue.put({ ...alarm(linkDown(it.put)), sequence });
          }
          advance();
        }
        while (underWay !== undefined) {
          end('delivered');
          advance();
        }
        for (const [matter, expected] of last) {
          const got = arrived.get(matter) ?? [];
          assert.equal(got.at(-1), expected);
          assert.deepEqual(
            got,
            [...new Set(got)].toSorted((one, other) => one - other),
          );
        }
      }),
    );
  });
});
