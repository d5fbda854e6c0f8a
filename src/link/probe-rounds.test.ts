import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import type { ProbeRound } from './probe-round.ts';
import { ProbeRounds, type RoundStep } from './probe-rounds.ts';

const times = { count: 3, everyMillis: 200, timeoutMillis: 800, intervalMillis: 500 };

/** Runs in virtual time; `answer` says after how long a question is answered, undefined for never. */
function run(
  answer: (ask: { target: number; question: number; atMillis: number }) => number | undefined,
  untilMillis: number,
  options: { times?: typeof times; targets?: number; first?: number } = {},
) {
  const rounds = new ProbeRounds(options.times ?? times, options.targets ?? 2, options.first ?? 0, 0);
  const asks: { target: number; question: number; atMillis: number }[] = [];
  const ended: ProbeRound[] = [];
  const answers: { question: number; delayMillis: number; atMillis: number }[] = [];
  let nowMillis = 0;
  while (nowMillis <= untilMillis) {
    for (const due of answers.filter(({ atMillis }) => atMillis <= nowMillis)) {
      answers.splice(answers.indexOf(due), 1);
      rounds.answered(due.question, due.delayMillis);
    }
    for (const step of rounds.poll(nowMillis) as RoundStep[]) {
      if (step.type === 'ended') {
        ended.push(step.round);
        continue;
      }
      const ask = { target: step.target, question: step.question, atMillis: nowMillis };
      asks.push(ask);
      const delayMillis = answer(ask);
      if (delayMillis !== undefined) answers.push({ ...ask, delayMillis, atMillis: nowMillis + delayMillis });
    }
    const next = Math.min(rounds.nextDeadlineMillis, ...answers.map(({ atMillis }) => atMillis));
    nowMillis = Math.max(nowMillis + 1, Math.ceil(next));
  }
  return { asks, ended, rounds };
}

test('each target is asked so often, so far apart, and the next round comes after the pause', () => {
  const { asks, ended } = run(() => 20, 1_000);
  assert.deepEqual(
    asks.filter(({ target }) => target === 1).map(({ atMillis }) => atMillis),
    [0, 200, 400, 920],
  );
  assert.deepEqual(ended[0], {
    startedAtMillis: 0,
    endedAtMillis: 420,
    targets: [
      { sent: 3, delaysMillis: [20, 20, 20] },
      { sent: 3, delaysMillis: [20, 20, 20] },
    ],
  });
});

test('silence ends a round with the last time-out', () => {
  const { ended } = run(({ target }) => (target === 0 ? 20 : undefined), 1_300);
  assert.equal(ended[0]?.endedAtMillis, 1_200);
  assert.deepEqual(ended[0]?.targets[1], { sent: 3, delaysMillis: [] });
});

test('with the defaults and one retry, silence from any moment on has two bad rounds within five seconds', () => {
  for (let cutMillis = 5_000; cutMillis < 6_000; cutMillis += 10) {
    const { ended } = run(({ atMillis }) => (atMillis < cutMillis ? 40 : undefined), cutMillis + 5_000);
    const bad = ended.filter(({ targets }) => targets.every(({ delaysMillis }) => delaysMillis.length === 0));
    assert.ok((bad[1]?.endedAtMillis ?? Infinity) - cutMillis < 5_000, `cut at ${cutMillis}`);
  }
});

describe('an answer', () => {
  const asking = () => {
    const rounds = new ProbeRounds(times, 1, 65_535, 0);
    rounds.poll(0);
    return rounds;
  };
  it('counts once', () => {
    const rounds = asking();
    assert.equal(rounds.answered(65_535, 10), 0);
    assert.equal(rounds.answered(65_535, 10), undefined);
  });
  it('that nobody asked for, or that took too long, does not count', () => {
    const rounds = asking();
    assert.equal(rounds.answered(1, 10), undefined);
    assert.equal(rounds.answered(65_535, 801), undefined);
    assert.equal(rounds.answered(65_535, -1), undefined);
  });
  it('after the round is over does not count for the next', () => {
    const { ended, rounds } = run(() => undefined, 1_250);
    assert.equal(ended.length, 1);
    assert.equal(rounds.answered(0, 10), undefined);
  });
});

test('a question that cannot be asked is lost with its reason, one to nobody was never asked', () => {
  const rounds = new ProbeRounds({ ...times, count: 1 }, 2, 0, 0);
  rounds.poll(0);
  rounds.failed(0, 'ENETUNREACH');
  rounds.withdrawn(1);
  const [step] = rounds.poll(1);
  assert.ok(step?.type === 'ended');
  assert.deepEqual(step.round.targets, [
    { sent: 1, delaysMillis: [], reason: 'ENETUNREACH' },
    { sent: 0, delaysMillis: [] },
  ]);
});

test('in any network a round ends in time, with no more answers than questions, and nothing waits for ever', () => {
  const network = fc.array(fc.option(fc.integer({ min: 0, max: 2_000 })), { minLength: 1, maxLength: 40 });
  const someTimes = fc.record({
    count: fc.integer({ min: 1, max: 5 }),
    everyMillis: fc.integer({ min: 20, max: 400 }),
    timeoutMillis: fc.integer({ min: 50, max: 1_000 }),
    intervalMillis: fc.integer({ min: 50, max: 1_000 }),
  });
  fc.assert(
    fc.property(someTimes, network, fc.nat(70_000), (chosen, delays, first) => {
      const answer = ({ question }: { question: number }) => delays[question % delays.length] ?? undefined;
      const { asks, ended } = run(answer, 6_000, { times: chosen, first });
      const mostMillis = (chosen.count - 1) * chosen.everyMillis + chosen.timeoutMillis;
      assert.ok(asks.every(({ question }) => question >= 0 && question <= 0xffff));
      for (const { startedAtMillis, endedAtMillis, targets } of ended) {
        assert.ok(endedAtMillis - startedAtMillis <= mostMillis + chosen.count + 2);
        for (const { sent, delaysMillis } of targets) {
          assert.equal(sent, chosen.count);
          assert.ok(delaysMillis.length <= sent);
          assert.ok(delaysMillis.every((delay) => delay <= chosen.timeoutMillis));
        }
      }
    }),
    { numRuns: 60 },
  );
});
