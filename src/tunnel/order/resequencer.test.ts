import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Patience } from './patience.ts';
import { ahead, inOrder, late, NOTHING, Resequencer } from './resequencer.ts';

const MILLI = 1_000;

/** Feeds numbers as the packet path does, and writes down which come out. */
class Receiver {
  readonly patience = new Patience();
  readonly order = new Resequencer(this.patience);
  readonly delivered: number[] = [];
  now = 1_000_000;
  /** Whose slots the numbers 1, 2 and so on are. */
  readonly #owners: number[] = [];

  arrive(sequence: number, what: 'packet' | 'report' = 'packet'): void {
    const { order } = this;
    const slot = what === 'packet' ? this.#owners.push(sequence) : NOTHING;
    const verdict = order.judge(sequence);
    if (verdict === late) {
      order.cameLate(this.now);
      this.#deliver(slot);
      return;
    }
    if (verdict === inOrder) {
      this.#deliver(slot);
      order.passed(sequence, this.now);
    } else {
      if (!order.reaches(sequence)) {
        order.loseBelow(sequence);
        this.release();
      }
      if (order.judge(sequence) === ahead) order.hold(sequence, sequence, slot, this.now);
      else {
        this.#deliver(slot);
        order.passed(sequence, this.now);
      }
    }
    this.release();
  }

  release(): void {
    for (let slot = this.order.take(this.now); slot !== 0; slot = this.order.take(this.now)) {
      this.#deliver(slot);
    }
  }

  expire(): boolean {
    const given = this.order.expire(this.now);
    this.release();
    return given;
  }

  #deliver(slot: number): void {
    if (slot !== NOTHING) this.delivered.push(this.#owners[slot - 1] as number);
  }
}

function ascending(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] as number));
}

describe('packets that come out of order', () => {
  it('are delivered in order, each once, whatever the order of arrival', () => {
    const arrivals = fc.integer({ min: 1, max: 300 }).chain((count) =>
      fc.shuffledSubarray(
        Array.from({ length: count }, (_, index) => index + 1),
        { minLength: count, maxLength: count },
      ),
    );
    fc.assert(
      fc.property(arrivals, (numbers) => {
        const receiver = new Receiver();
        for (const number of numbers) receiver.arrive(number);
        assert.deepEqual(
          receiver.delivered,
          Array.from(numbers, (_, index) => index + 1),
        );
        assert.equal(receiver.order.held, 0);
        assert.equal(receiver.order.dueAt, Number.POSITIVE_INFINITY);
      }),
      { numRuns: 300 },
    );
  });

  it('are delivered in order when some are lost, and what was held goes out when its time has come', () => {
    const histories = fc.array(
      fc.record({ skip: fc.integer({ min: 0, max: 40 }), wait: fc.integer({ min: 0, max: 30 }) }),
      { minLength: 1, maxLength: 200 },
    );
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 2 ** 40 }), (steps, begin) => {
        const receiver = new Receiver();
        receiver.arrive(begin);
        receiver.order.loseAll();
        receiver.release();
        const sent = [begin];
        for (const { skip, wait } of steps) {
          const number = (sent.at(-1) as number) + 1 + skip;
          sent.push(number);
          receiver.now += wait * MILLI;
          receiver.expire();
          receiver.arrive(number);
        }
        while (receiver.order.held > 0) {
          receiver.now = receiver.order.dueAt;
          assert.ok(receiver.expire());
        }
        assert.deepEqual(receiver.delivered, sent);
      }),
      { numRuns: 300 },
    );
  });

  it('wait for the missing one no longer than patience says, and not at all for one that is known to be lost', () => {
    const receiver = new Receiver();
    receiver.arrive(1);
    receiver.arrive(3);
    assert.deepEqual(receiver.delivered, [1]);
    receiver.now += receiver.patience.micros - 1;
    assert.equal(receiver.expire(), false);
    receiver.now += 1;
    assert.equal(receiver.expire(), true);
    assert.deepEqual(receiver.delivered, [1, 3]);
    receiver.arrive(6);
    receiver.order.loseBelow(6);
    receiver.release();
    assert.deepEqual(receiver.delivered, [1, 3, 6]);
    assert.equal(receiver.order.lost, 3);
  });

  it('that come after they were given up are delivered at once, and the next gap is waited for longer', () => {
    const receiver = new Receiver();
    receiver.arrive(2);
    const before = receiver.patience.micros;
    receiver.now = receiver.order.dueAt;
    receiver.expire();
    receiver.arrive(1);
    assert.deepEqual(receiver.delivered, [2, 1]);
    assert.ok(receiver.patience.micros > before);
  });

  it('that come late in a row make the next gap longer once, not each', () => {
    const receiver = new Receiver();
    receiver.arrive(10);
    const before = receiver.patience.micros;
    receiver.now = receiver.order.dueAt;
    receiver.expire();
    for (let number = 1; number < 10; number++) receiver.arrive(number);
    assert.equal(receiver.patience.micros, before * 1.5);
  });

  it('may be reports, which hold nothing up', () => {
    const receiver = new Receiver();
    receiver.arrive(2, 'report');
    receiver.arrive(3);
    receiver.arrive(1, 'report');
    assert.deepEqual(receiver.delivered, [3]);
  });
});

describe('bounds', () => {
  it('a number too far ahead makes older gaps lost, and nothing held is dropped', () => {
    const receiver = new Receiver();
    for (let number = 2; number < 5_000; number += 2) receiver.arrive(number);
    receiver.arrive(1_000_000);
    assert.ok(ascending(receiver.delivered));
    assert.deepEqual(receiver.delivered.length, 2_500);
  });

  it('patience follows what gaps needed lately, down as well', () => {
    const receiver = new Receiver();
    let number = 1;
    const gap = (millis: number) => {
      receiver.arrive(number + 1);
      receiver.now += millis * MILLI;
      receiver.arrive(number);
      number += 2;
    };
    for (let round = 0; round < 10; round++) gap(100);
    assert.equal(receiver.patience.micros, 150 * MILLI);
    for (let round = 0; round < 100; round++) {
      receiver.now += 100 * MILLI;
      gap(2);
    }
    assert.equal(receiver.patience.micros, 10 * MILLI);
    for (let round = 0; round < 10; round++) gap(5_000);
    assert.equal(receiver.patience.micros, 400 * MILLI);
  });

  it('a new association begins at its first number', () => {
    const receiver = new Receiver();
    for (const number of [1, 2, 5]) receiver.arrive(number);
    receiver.order.loseAll();
    receiver.release();
    receiver.order.begin();
    receiver.arrive(1);
    assert.deepEqual(receiver.delivered, [1, 2, 5, 1]);
  });
});
