import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SendMarks } from './send-marks.ts';

type Mark = { spi: number; sequence: number; sentAt: number; dueAt: number };

/** The same in a plain list. */
class MarkList {
  marks: Mark[] = [];

  add(mark: Mark): void {
    const last = this.marks.at(-1);
    const young = last !== undefined && this.marks.length > 1 && mark.sentAt - last.sentAt < 4000;
    if (young && last.spi === mark.spi && mark.dueAt - last.dueAt < 4000) {
      last.sequence = mark.sequence;
      last.dueAt = Math.min(last.dueAt, mark.dueAt);
      return;
    }
    if (this.marks.length === 256) this.marks.pop();
    this.marks.push(mark);
  }

  cover(spi: number, newest: number): number {
    const covered = this.marks.findLastIndex((mark) => mark.spi === spi && mark.sequence <= newest) + 1;
    this.marks.splice(0, covered);
    return covered;
  }

  /** Something is overdue as soon as one mark is. */
  get dueAt(): number {
    return Math.min(...this.marks.map(({ dueAt }) => dueAt));
  }
}

const acts = fc.array(
  fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        act: fc.constant('send' as const),
        after: fc.oneof(fc.nat(3000), fc.integer({ min: 3990, max: 4010 }), fc.nat(100_000)),
        within: fc.oneof(fc.nat(100_000), fc.nat(1_000_000)),
      }),
    },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('cover' as const), behind: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('coverEarlier' as const), behind: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('rekey' as const) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('clear' as const) }) },
  ),
  { maxLength: 600, size: 'max' },
);

describe('send marks', () => {
  it('are those of a plain list', () => {
    const property = fc.property(acts, fc.boolean(), (row, mayClear) => {
      const [marks, list] = [new SendMarks(), new MarkList()];
      let [now, spi, sequence] = [0, 1, 0];
      for (const step of row) {
        if (step.act === 'send') {
          now += step.after;
          marks.add(spi, ++sequence, now, now + step.within);
          list.add({ spi, sequence, sentAt: now, dueAt: now + step.within });
        } else if (step.act === 'rekey') {
          spi++;
          sequence = 0;
        } else if (step.act === 'clear') {
          if (!mayClear) continue;
          marks.clear();
          list.marks = [];
        } else {
          const covered = step.act === 'cover' ? spi : spi - 1;
          const newest = Math.max(0, sequence - step.behind);
          assert.equal(marks.cover(covered, newest), list.cover(covered, newest));
        }
        assert.equal(marks.count, list.marks.length);
        assert.equal(marks.sentAt, list.marks[0]?.sentAt ?? Number.POSITIVE_INFINITY);
        assert.equal(marks.dueAt, list.dueAt);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('keep the time by which something has to be heard, however many packets follow', () => {
    const marks = new SendMarks();
    for (let sequence = 1; sequence <= 10_000; sequence++) {
      marks.add(1, sequence, sequence * 1000, sequence * 1000 + 80_000);
    }
    assert.equal(marks.dueAt, 81_000);
    assert.equal(marks.sentAt, 1000);
  });

  it('are overdue when the newest is, though an earlier one had longer', () => {
    const marks = new SendMarks();
    marks.add(1, 1, 0, 500_000);
    marks.add(1, 2, 10_000, 90_000);
    assert.equal(marks.dueAt, 90_000);
    marks.cover(1, 1);
    assert.equal(marks.dueAt, 90_000);
  });

  it('of a probe and of an answer right after it are two, as the answer’s report comes later', () => {
    const marks = new SendMarks();
    marks.add(1, 1, 0, 600_000);
    marks.add(1, 2, 10_000, 90_000);
    marks.add(1, 3, 12_000, 600_000);
    marks.cover(1, 2);
    assert.equal(marks.dueAt, 600_000);
  });

  it('of an earlier association are covered by a report of the next', () => {
    const marks = new SendMarks();
    marks.add(1, 100, 0, 80_000);
    marks.add(2, 1, 10_000, 90_000);
    assert.equal(marks.cover(3, 1000), 0);
    assert.equal(marks.cover(2, 1), 2);
    assert.equal(marks.dueAt, Number.POSITIVE_INFINITY);
  });

  it('that are too many give up the newest, so that none is overdue before it can be covered', () => {
    const marks = new SendMarks();
    const longest = 1_500_000;
    for (let sequence = 1; sequence <= 10_000; sequence++) {
      const now = sequence * 1000;
      marks.add(sequence < 5000 ? 1 : 2, sequence, now, now + longest);
      assert.ok(marks.dueAt > now, `overdue at ${sequence}`);
      // Everything is reported, as late as it may be.
      if (sequence > 1400) marks.cover(sequence - 1400 < 5000 ? 1 : 2, sequence - 1400);
      assert.ok(marks.count <= 256);
    }
    marks.cover(2, 10_000);
    assert.equal(marks.count, 0);
  });
});
