import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DialPlan } from './dial-plan.ts';

type Way = { readonly key: string };

function ways(...keys: string[]): Way[] {
  return keys.map((key) => ({ key }));
}

function planOf(...keys: string[]): DialPlan<Way> {
  const plan = new DialPlan<Way>();
  plan.setCandidates(ways(...keys), 0);
  return plan;
}

/** Lets every attempt fail at once. @returns the keys of the round and the time of the next one */
function failRound(plan: DialPlan<Way>, now: number): { keys: string[]; nextAt: number | undefined } {
  const keys: string[] = [];
  for (let way = plan.next(now); way !== undefined; way = plan.next(now)) {
    keys.push(way.key);
    plan.failed(way, now);
  }
  return { keys, nextAt: plan.nextDeadline() };
}

describe('a dial plan', () => {
  it('without a way has nothing to do and waits for nothing', () => {
    const plan = planOf();
    assert.equal(plan.next(0), undefined);
    assert.equal(plan.nextDeadline(), undefined);
  });

  it('tries the next way at once when one fails', () => {
    assert.deepEqual(failRound(planOf('a', 'b', 'c'), 7).keys, ['a', 'b', 'c']);
  });

  it('tries the next way half a second later when one does not answer', () => {
    const plan = planOf('a', 'b');
    assert.equal(plan.next(0)?.key, 'a');
    assert.equal(plan.next(499), undefined);
    assert.equal(plan.nextDeadline(), 500);
    assert.equal(plan.next(500)?.key, 'b');
    assert.equal(plan.nextDeadline(), undefined, 'only a result helps now');
  });

  it('pauses only when the last attempt of the round has failed', () => {
    const plan = planOf('a', 'b');
    const [a, b] = [plan.next(0)!, plan.next(500)!];
    plan.failed(b, 600);
    assert.equal(plan.nextDeadline(), undefined);
    plan.failed(a, 4000);
    assert.equal(plan.nextDeadline(), 4500);
    assert.equal(plan.next(4499), undefined);
    assert.equal(plan.next(4500)?.key, 'a');
  });

  it('pauses twice as long after each round, up to ten seconds', () => {
    const plan = planOf('a', 'b');
    const pauses: number[] = [];
    for (let now = 0; pauses.length < 7; ) {
      const { nextAt } = failRound(plan, now);
      pauses.push(nextAt! - now);
      now = nextAt!;
    }
    assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  it('pauses when the peer refuses, whatever else is running', () => {
    const plan = planOf('a', 'b', 'c');
    const [a, b] = [plan.next(0)!, plan.next(500)!];
    plan.refused(700);
    assert.equal(plan.nextDeadline(), 1200);
    plan.failed(b, 800);
    plan.failed(a, 900);
    assert.deepEqual([plan.next(1199), plan.next(1200)?.key], [undefined, 'a']);
  });

  it('begins with what worked last, after short pauses again', () => {
    const plan = planOf('a', 'b');
    failRound(plan, 0);
    failRound(plan, 500);
    plan.next(1500);
    const b = plan.next(2000)!;
    plan.succeeded(b);
    assert.deepEqual(failRound(plan, 9000), { keys: ['b', 'a'], nextAt: 9500 });
  });

  it('ends a pause when there is hurry, but does not begin a round within a round', () => {
    const plan = planOf('a', 'b');
    failRound(plan, 0);
    plan.hurry(100);
    assert.equal(plan.next(100)?.key, 'a');
    plan.hurry(101);
    assert.equal(plan.next(101), undefined);
  });

  it('begins at once with new ways, and is not disturbed by the same ones', () => {
    const plan = planOf('a', 'b');
    failRound(plan, 0);
    plan.setCandidates(ways('a', 'b'), 10);
    assert.equal(plan.next(10), undefined);
    plan.setCandidates(ways('a', 'b', 'c'), 20);
    assert.equal(plan.next(20)?.key, 'a');
  });

  it('keeps the first choice when others come or go, and forgets it with its link', () => {
    const plan = planOf('a', 'b', 'c');
    plan.next(0);
    plan.succeeded(plan.next(500)!);
    plan.setCandidates(ways('x', 'a', 'b'), 600);
    assert.equal(plan.next(600)?.key, 'b');
    plan.setCandidates(ways('x', 'a'), 700);
    assert.equal(plan.next(700)?.key, 'x');
  });

  it('makes no second attempt over a way on which one still runs', () => {
    const plan = planOf('a', 'b');
    plan.next(0);
    plan.setCandidates(ways('a', 'b', 'c'), 10);
    assert.equal(plan.next(10)?.key, 'b');
  });

  it('whatever happens, has a deadline or an attempt running, and tries every way of a round once', () => {
    const step = fc.oneof(
      fc.constant('wait' as const),
      fc.constant('fail' as const),
      fc.constant('refuse' as const),
      fc.constant('succeed' as const),
      fc.constant('hurry' as const),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (count, steps) => {
        const plan = planOf(...Array.from({ length: count }, (_, index) => `way ${index}`));
        let running: Way[] = [];
        let now = 0;
        for (const what of steps) {
          for (let way = plan.next(now); way !== undefined; way = plan.next(now)) {
            assert.ok(!running.includes(way), 'never twice at the same time');
            running.push(way);
          }
          const oldest = running[0];
          if (what === 'hurry') plan.hurry(now);
          if (what === 'fail' && oldest !== undefined) {
            plan.failed(oldest, now);
            running = running.slice(1);
          }
          if (what === 'refuse' && oldest !== undefined) plan.refused(now);
          if (what === 'succeed' && oldest !== undefined) plan.succeeded(oldest);
          if (what === 'refuse' || what === 'succeed') running = [];
          assert.ok(plan.nextDeadline() !== undefined || running.length > 0, 'something will happen');
          now += 250;
        }
      }),
    );
  });
});
