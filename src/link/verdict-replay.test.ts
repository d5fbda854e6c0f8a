import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { good, ProbeRig, probeConfig, roundOf, silent } from '../../test/fixtures/probe-rig.ts';
import { mostRounds, RoundHistory } from './round-history.ts';
import { replayRounds } from './verdict-replay.ts';

const history = (...answers: (readonly number[])[]) =>
  answers.map((one, index) => roundOf(one, index * 1_000));
const bad = silent as readonly number[];
const fine = good as readonly number[];

test('other counts change how often the link would have been down', () => {
  const rounds = history(fine, bad, bad, fine, fine, fine, fine, bad, bad, bad, fine, fine, fine, fine);
  const downs = (retries: number) =>
    replayRounds(rounds, { ...probeConfig, retries }, undefined).changes.filter(
      ({ verdict }) => verdict === 'down',
    ).length;
  assert.deepEqual([0, 1, 2, 3].map(downs), [2, 2, 1, 0]);
});

test('how long it would have been down is counted', () => {
  const rounds = history(fine, bad, bad, fine, fine, fine, fine);
  const { downMillis, changes } = replayRounds(rounds, probeConfig, undefined);
  assert.deepEqual(
    changes.map(({ verdict, round }) => [verdict, round.endedAtMillis]),
    [
      ['up', 500],
      ['down', 2_500],
      ['up', 5_500],
    ],
  );
  assert.equal(downMillis, 3_000);
});

test('a longer interval leaves rounds out, a shorter one changes nothing', () => {
  const rounds = history(fine, fine, fine, fine, fine, fine);
  const used = (intervalMillis: number) =>
    replayRounds(rounds, { ...probeConfig, intervalMillis }, undefined).roundsUsed;
  assert.deepEqual([100, 500, 600, 2_500].map(used), [6, 6, 3, 2]);
});

test('a gap begins anew', () => {
  const [first, second, ...rest] = history(bad, bad, fine, bad, bad);
  assert.ok(first !== undefined && second !== undefined);
  const { changes } = replayRounds(
    [first, { ...second, after: 'gap' }, ...rest],
    { ...probeConfig, retries: 2 },
    undefined,
  );
  assert.deepEqual(
    changes.map(({ verdict }) => verdict),
    ['up'],
  );
});

test('that the link was gone counts as it did', () => {
  const rounds = history(fine, fine, fine, fine, fine, fine, fine);
  const gone = rounds.map((round, index) => (index === 2 ? { ...round, after: 'loss' as const } : round));
  const ups = (holdMillis: number) =>
    replayRounds(gone, { ...probeConfig, holdMillis }, undefined).changes.map(
      ({ round }) => round.endedAtMillis,
    );
  assert.deepEqual(ups(1_000), [500, 4_500]);
  assert.deepEqual(ups(60_000), [500]);
});

test('with the settings that it was recorded with, the record leads to what happened', () => {
  const answers = fc.array(fc.constantFrom(0, 1, 2, 3), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(answers, { maxLength: 60 }), (all) => {
      const rig = new ProbeRig();
      const happened = all.flatMap((one) => rig.rounds(1, one));
      const { changes } = replayRounds(history(...all), probeConfig, undefined);
      assert.deepEqual(
        changes.map(({ verdict }) => verdict),
        happened.map(({ verdict }) => verdict),
      );
    }),
  );
});

test('the record is bounded, keeps the newest, and marks what came after a gap', () => {
  const record = new RoundHistory();
  record.interrupt('gap');
  for (let index = 0; index < 2 * mostRounds; index++) record.add(roundOf(good, index));
  record.interrupt('loss');
  // Its addresses come one after the other.
  record.interrupt('gap');
  record.add(roundOf(good, -1));
  assert.ok(record.newest(Number.POSITIVE_INFINITY).length < 1.1 * mostRounds, 'no more is kept');
  const rounds = record.newest();
  assert.equal(rounds.length, mostRounds);
  assert.deepEqual([rounds.at(-1)?.after, rounds.at(-2)?.startedAtMillis], ['loss', 2 * mostRounds - 1]);
  assert.equal(rounds.filter(({ after }) => after !== undefined).length, 1);
});
