import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import {
  type Answers,
  asked,
  good,
  ProbeRig,
  probeConfig,
  providerSilent,
  silent,
} from '../../test/fixtures/probe-rig.ts';

test('a link is up with its first good round', () => {
  const rig = new ProbeRig();
  assert.equal(rig.state.verdict, 'unknown');
  assert.deepEqual(
    rig.rounds(3, good).map(({ before, verdict }) => [before, verdict]),
    [['unknown', 'up']],
  );
});

test('so many bad rounds as there are retries are ignored, and the next one brings it down', () => {
  for (const retries of [0, 1, 4]) {
    const rig = new ProbeRig({ retries });
    rig.rounds(3, good);
    assert.deepEqual(rig.rounds(retries, silent), []);
    const [down] = rig.rounds(1, silent);
    assert.deepEqual(
      [down?.before, down?.verdict, down?.cause, down?.rounds],
      ['up', 'down', 'linkDead', retries + 1],
    );
  }
});

test('a good round in between begins the count anew', () => {
  const rig = new ProbeRig({ retries: 2 });
  rig.rounds(1, good);
  for (let repeat = 0; repeat < 5; repeat++) {
    rig.rounds(2, silent);
    rig.rounds(1, good);
    assert.notEqual(rig.state.verdict, 'down');
  }
  // Two rounds of three were lost, after all.
  assert.deepEqual([rig.state.verdict, rig.state.cause], ['degraded', 'lossy']);
});

test('coming up takes its own count of good rounds, all in a row', () => {
  const rig = new ProbeRig({ recover: 4 });
  rig.rounds(2, silent);
  assert.equal(rig.state.verdict, 'down');
  assert.deepEqual([...rig.rounds(3, good), ...rig.rounds(1, silent), ...rig.rounds(3, good)], []);
  const [up] = rig.rounds(1, good);
  assert.deepEqual([up?.verdict, up?.rounds], ['up', 4]);
});

describe('a tunnel among the targets', () => {
  const withTunnel = {
    targets: [...probeConfig.targets.slice(0, 1), { kind: 'tunnel', tunnel: 'head' } as const],
    rule: 'any' as const,
  };
  const tunnelOnly = { ...withTunnel, targets: withTunnel.targets.slice(1) };

  it('counts like any other: alone it takes the link down, with the cause that the next hop tells', () => {
    const rig = new ProbeRig(tunnelOnly);
    rig.rounds(1, [3, 3]);
    assert.equal(rig.rounds(2, [0, 3])[0]?.cause, 'providerDead');
    assert.equal(new ProbeRig(tunnelOnly).rounds(2, [0, 0])[0]?.cause, 'linkDead');
  });

  it('is the peer: where it is silent over every link the link is not at fault', () => {
    const rig = new ProbeRig(tunnelOnly);
    rig.rounds(1, [3, 3]);
    const targets = [{ ...asked(0), isPeer: true, elsewhere: 'silent' } as const, asked(3)];
    for (let count = 0; count < 5; count++)
      rig.round({ startedAtMillis: rig.nowMillis, endedAtMillis: rig.nowMillis + 500, targets });
    assert.deepEqual([rig.state.verdict, rig.state.cause], ['up', 'peerDead']);
  });

  it('says nothing of loss, as no packet is sent for it', () => {
    const rig = new ProbeRig(withTunnel);
    rig.rounds(9, [2, 3, 3]);
    assert.equal(rig.state.figures.lossRatio, 1 / 3);
    assert.deepEqual([rig.state.verdict, rig.state.cause], ['degraded', 'lossy']);
    const alone = new ProbeRig(tunnelOnly);
    alone.rounds(9, [3, 3]);
    assert.deepEqual([alone.state.verdict, alone.state.figures.lossRatio], ['up', undefined]);
  });
});

describe('by its rule', () => {
  const cases: [string, Answers, Record<string, string>][] = [
    ['one of three is dead', [3, 3, 0, 3], { all: 'down', most: 'up', any: 'up' }],
    ['two of three are dead', [3, 0, 0, 3], { all: 'down', most: 'down', any: 'up' }],
    ['only the next hop answers', [0, 0, 0, 3], { all: 'down', most: 'down', any: 'down' }],
    ['all but the next hop answer', [3, 3, 3, 0], { all: 'up', most: 'up', any: 'up' }],
  ];
  for (const [name, answers, verdicts] of cases) {
    it(name, () => {
      for (const rule of ['all', 'most', 'any'] as const) {
        const rig = new ProbeRig({ rule });
        rig.rounds(3, answers);
        assert.equal(rig.state.verdict, verdicts[rule], rule);
      }
    });
  }

  it('one of two is enough for most, or a dead target would take the link down', () => {
    const rig = new ProbeRig({ targets: probeConfig.targets.slice(0, 2) });
    rig.rounds(3, [3, 0, 3]);
    assert.equal(rig.state.verdict, 'up');
    assert.equal(rig.state.cause, 'targetDead');
  });

  it('a next hop alone counts', () => {
    const rig = new ProbeRig({ targets: [{ kind: 'neighbour' }] });
    rig.rounds(2, [3]);
    assert.equal(rig.state.verdict, 'up');
    rig.rounds(2, [0]);
    assert.equal(rig.state.verdict, 'down');
  });
});

describe('the cause', () => {
  const causeOf = (answers: Answers, rule: 'all' | 'most' = 'all') => {
    const rig = new ProbeRig({ rule });
    rig.rounds(1, good);
    return rig.rounds(2, answers)[0]?.cause;
  };
  it('is by who answers', () => {
    assert.equal(causeOf([3, 3, 0, 3]), 'targetDead');
    assert.equal(causeOf(providerSilent), 'providerDead');
    assert.equal(causeOf(silent), 'linkDead');
    assert.equal(causeOf([0, 0, 0, undefined]), 'noAnswer');
  });

  it('is not this link when its peer is silent over every link, and no round counts then', () => {
    const rig = new ProbeRig({ targets: probeConfig.targets.slice(0, 1) });
    rig.rounds(3, [3, 3]);
    const gone = {
      targets: [{ ...asked(0), isPeer: true as const, elsewhere: 'silent' as const }, asked(3)],
    };
    assert.deepEqual(rig.rounds(20, [], gone), []);
    assert.deepEqual([rig.state.verdict, rig.state.cause, rig.state.badRounds], ['up', 'peerDead', 0]);
    const other = {
      targets: [{ ...asked(0), isPeer: true as const, elsewhere: 'answers' as const }, asked(3)],
    };
    assert.equal(rig.rounds(2, [], other)[0]?.cause, 'providerDead');
  });

  it('stays that of the failure while a link that is down is good but not long enough', () => {
    const rig = new ProbeRig();
    rig.rounds(2, silent);
    rig.rounds(2, good);
    assert.deepEqual([rig.state.verdict, rig.state.cause, rig.state.goodRounds], ['down', 'linkDead', 2]);
  });
});

describe('degradation', () => {
  const lossy: Answers = [2, 3, 2, 3];
  it('by loss has two thresholds, and what is between them changes nothing', () => {
    const rig = new ProbeRig();
    rig.rounds(10, good);
    const [degraded] = rig.rounds(10, lossy);
    assert.deepEqual([degraded?.verdict, degraded?.cause], ['degraded', 'lossy']);
    // 10 %: less than above, more than below.
    const between = { targets: [asked(2), asked(3), asked(3), asked(3)] };
    assert.deepEqual(rig.rounds(20, [], between), []);
    assert.deepEqual(
      rig.rounds(10, good).map(({ verdict }) => verdict),
      ['up'],
    );
    assert.deepEqual(rig.rounds(20, [], between), []);
  });

  it('is not judged by a few rounds', () => {
    const rig = new ProbeRig();
    assert.deepEqual(
      rig.rounds(4, lossy).map(({ verdict }) => verdict),
      ['up'],
    );
  });

  it('by delay has two thresholds', () => {
    const rig = new ProbeRig();
    const slow = (delayMillis: number) => ({ targets: [1, 2, 3, 4].map(() => asked(3, delayMillis)) });
    rig.rounds(10, good);
    assert.deepEqual(
      rig.rounds(10, [], slow(250)).map(({ cause }) => cause),
      ['slow'],
    );
    assert.deepEqual(rig.rounds(20, [], slow(170)), []);
    assert.deepEqual(
      rig.rounds(10, [], slow(140)).map(({ verdict }) => verdict),
      ['up'],
    );
  });

  it('under own load only is overload', () => {
    for (const rateBps of [10e6, undefined]) {
      const rig = new ProbeRig({}, rateBps);
      rig.rounds(5, good, { loadBps: 100_000 });
      const [degraded] = rig.rounds(6, [1, 2, 1, 3], { loadBps: 9.6e6 });
      assert.deepEqual([degraded?.verdict, degraded?.cause], ['degraded', 'overloaded']);
    }
    const filling = new ProbeRig({}, 10e6);
    filling.rounds(5, good, { loadBps: 100_000 });
    // The load began in the middle of this one.
    filling.rounds(1, [1, 1, 1, 3], { loadBps: 5e6 });
    assert.equal(filling.rounds(6, [1, 2, 1, 3], { loadBps: 9.6e6 })[0]?.cause, 'overloaded');
    const rig = new ProbeRig({}, 10e6);
    assert.equal(rig.rounds(9, [1, 2, 1, 3], { loadBps: 100_000 }).at(-1)?.cause, 'lossy');
  });

  it('is not what an outage leaves behind', () => {
    const rig = new ProbeRig();
    rig.rounds(10, good);
    rig.rounds(5, silent);
    assert.deepEqual(
      rig.rounds(12, good).map(({ verdict }) => verdict),
      ['up'],
    );
  });

  it('is not a dead target', () => {
    const rig = new ProbeRig();
    rig.rounds(20, [3, 3, 0, 3]);
    assert.deepEqual([rig.state.verdict, rig.state.figures.lossRatio], ['up', 0]);
  });
});

test('each failure doubles how long the link must be good', () => {
  const rig = new ProbeRig({ recover: 1, retries: 0, holdMostMillis: 6_000 });
  rig.rounds(1, good);
  const waits = [1, 2, 3, 4, 5].map(() => {
    rig.rounds(1, silent);
    let rounds = 0;
    while (rig.state.verdict === 'down') rounds += rig.rounds(1, good).length + 1;
    return rounds - 1;
  });
  // Rounds of half a second each second: 1, 2, 4 and 6 s are over with the second, third, fifth and seventh.
  assert.deepEqual(waits, [2, 3, 5, 7, 7]);
});

test('what is another line now is judged anew; what was down has to prove itself as before', () => {
  const rig = new ProbeRig();
  rig.rounds(2, good);
  rig.verdict.reset(rig.nowMillis);
  assert.equal(rig.state.verdict, 'unknown');
  assert.equal(rig.rounds(1, good)[0]?.verdict, 'up');
  rig.rounds(2, silent);
  rig.verdict.reset(rig.nowMillis);
  assert.deepEqual([rig.state.verdict, rig.state.failures], ['down', 1]);
  assert.deepEqual(rig.rounds(2, good), []);
  rig.verdict.reset(rig.nowMillis);
  assert.deepEqual(rig.rounds(2, good), [], 'the count begins anew');
  assert.equal(rig.rounds(1, good)[0]?.verdict, 'up');
});

describe('a link that is gone', () => {
  it('is down with that, and held when it is there again', () => {
    const rig = new ProbeRig({ holdMillis: 5_000 });
    rig.rounds(3, good);
    rig.verdict.lost(rig.nowMillis);
    assert.deepEqual([rig.state.verdict, rig.state.cause, rig.state.failures], ['down', 'linkGone', 1]);
    assert.deepEqual([rig.rounds(2, good), rig.state.isHeldBack], [[], false]);
    assert.deepEqual([rig.rounds(1, good), rig.state.isHeldBack], [[], true]);
    const [up] = rig.rounds(5, good);
    assert.deepEqual([up?.before, up?.verdict, up?.holdMillis], ['down', 'up', 5_000]);
    assert.equal(rig.state.isHeldBack, false);
  });

  it('is held for longer each time', () => {
    const rig = new ProbeRig();
    const holds = [1, 2, 3, 4].map(() => {
      rig.rounds(40, good);
      rig.verdict.lost(rig.nowMillis);
      return rig.state.holdMillis;
    });
    assert.deepEqual(holds, [1_000, 2_000, 4_000, 8_000]);
  });

  it('has failed once, however often it goes before it was up again, and whatever it says meanwhile', () => {
    const rig = new ProbeRig();
    rig.rounds(1, good);
    for (let time = 0; time < 5; time++) {
      rig.verdict.lost(rig.nowMillis);
      rig.rounds(2, good);
      rig.rounds(2, silent);
    }
    assert.equal(rig.state.failures, 1);
  });

  it('and is silent when it is there again is told to be down, once each time', () => {
    const rig = new ProbeRig();
    rig.rounds(1, good);
    for (let time = 0; time < 3; time++) {
      rig.verdict.lost(rig.nowMillis);
      const told = rig.rounds(5, silent);
      assert.deepEqual(
        told.map(({ before, verdict, cause, rounds }) => [before, verdict, cause, rounds]),
        [['unknown', 'down', 'linkDead', 2]],
      );
    }
    assert.equal(rig.state.failures, 1);
    assert.deepEqual(
      rig.rounds(4, good).map(({ before, verdict }) => [before, verdict]),
      [['down', 'up']],
    );
  });

  it('and was never up has not failed', () => {
    const rig = new ProbeRig();
    rig.verdict.lost(0);
    assert.deepEqual([rig.state.verdict, rig.state.failures], ['unknown', 0]);
    assert.equal(rig.rounds(1, good)[0]?.verdict, 'up');
  });
});

test('a bad round ends that a link is held back', () => {
  const rig = new ProbeRig({ holdMillis: 60_000 });
  rig.rounds(2, silent);
  rig.rounds(3, good);
  assert.equal(rig.state.isHeldBack, true);
  rig.rounds(1, silent);
  assert.equal(rig.state.isHeldBack, false);
});

const anyAnswers = fc.array(fc.constantFrom(0, 1, 2, 3), { minLength: 4, maxLength: 4 });

test('in any history: down only after more bad rounds than retries, up only after as many good ones as asked for', () => {
  const settings = fc.record({
    retries: fc.nat(3),
    recover: fc.integer({ min: 1, max: 4 }),
    rule: fc.constantFrom('all', 'most', 'any'),
  });
  fc.assert(
    fc.property(settings, fc.array(anyAnswers, { maxLength: 80 }), (config, history) => {
      const rig = new ProbeRig({ ...config, rule: config.rule as 'all' });
      const isGood = (answers: number[]) => {
        const answering = answers.slice(0, 3).filter((count) => count > 0).length;
        return { all: answering === 3, most: answering >= 2, any: answering >= 1 }[config.rule as 'all'];
      };
      let verdict = 'unknown';
      for (const [index, answers] of history.entries()) {
        const [change] = rig.rounds(1, answers);
        if (change === undefined) continue;
        assert.equal(change.before, verdict);
        assert.notEqual(change.verdict, verdict);
        if (change.verdict === 'down') {
          const last = history.slice(index - config.retries, index + 1);
          assert.ok(last.length === config.retries + 1 && last.every((it) => !isGood(it)));
        }
        if (verdict === 'down') {
          const last = history.slice(index + 1 - config.recover, index + 1);
          assert.ok(last.length === config.recover && last.every(isGood));
        }
        verdict = change.verdict;
      }
    }),
  );
});
