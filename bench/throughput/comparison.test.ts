/** Medians, ratios and interleaving, from given values. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { markdownTable } from '../report/markdown.ts';
import type { RoundValues } from './measures.ts';
import { meets } from './ratios.ts';
import { composeReport, reportMarkdown } from './report.ts';
import { interleave } from './rounds.ts';

const facts = {
  date: '2026-11-20T12:00:00.000Z',
  machine: { processor: 'P', cores: 2, memoryBytes: 1, kernel: '6.1', node: '26' },
  settings: { seconds: 3, rounds: 3 },
  leftOut: [],
};

function values(single: number, idle: readonly number[]): RoundValues {
  return {
    single: [single],
    eight: [single],
    idleRoundTrip: idle,
    loadedRoundTrip: [1],
    smallPackets: [1000],
  };
}

const contenders = [
  { id: 'backstay-1', title: 'Backstay' },
  { id: 'wireguard-go-offloads', title: 'wireguard-go' },
];

describe('rounds', () => {
  it('take the contenders in turn, and every other time from the last to the first', async () => {
    const order: string[] = [];
    const { values: byId, failures } = await interleave(contenders, 3, async ({ id }, round) => {
      order.push(id);
      return round;
    });
    const turn = contenders.map(({ id }) => id);
    assert.deepEqual(order, [...turn, ...turn.toReversed(), ...turn]);
    assert.deepEqual(byId.get('backstay-1'), [1, 2, 3]);
    assert.deepEqual(failures, []);
  });

  it('go on without one that fails, and keep what it has', async () => {
    const { values: byId, failures } = await interleave(contenders, 3, async ({ id }, round) => {
      if (id === 'backstay-1' && round === 2) throw new Error('gone');
      return round;
    });
    assert.deepEqual(byId.get('backstay-1'), [1]);
    assert.deepEqual(byId.get('wireguard-go-offloads'), [1, 2, 3]);
    assert.deepEqual(failures, [{ id: 'backstay-1', reason: 'gone' }]);
  });
});

describe('report', () => {
  const rounds = {
    values: new Map([
      ['backstay-1', [values(4000, [0.3, 0.4]), values(100, [0.5]), values(4200, [9])]],
      ['wireguard-go-offloads', [values(2000, [1]), values(2000, [1]), values(2000, [1])]],
    ]),
    failures: [],
  };
  const report = composeReport(contenders, rounds, facts);

  it('has medians over all rounds: one bad round changes nothing', () => {
    assert.equal(report.rows[0]?.medians.single, 4000);
    assert.equal(report.rows[0]?.medians.idleRoundTrip, 0.45);
  });

  it('has the ratios of those that took part, and no others', () => {
    assert.equal(report.ratios['singleOverWireguardGoOffloads'], 2);
    assert.equal(report.ratios['idleRoundTripOverWireguardGoOffloads'], 0.45);
    assert.equal(report.ratios['singleOverOpenvpn'], undefined);
  });

  it('says whether a target is met', () => {
    const met = Object.fromEntries(
      report.comparisons.filter(({ target }) => target !== undefined).map(({ id, met }) => [id, met]),
    );
    assert.deepEqual(met, {
      singleOverWireguardGoOffloads: true,
      idleRoundTripOverWireguardGoOffloads: true,
    });
    assert.equal(meets(1.99, { atLeast: 2 }), false);
    assert.equal(meets(0.81, { atMost: 0.8 }), false);
    assert.match(
      reportMarkdown(report),
      /\| one stream: Backstay ÷ wireguard-go with UDP offloads +\| +2\.00 \| +≥ 2 met \|/,
    );
  });

  it('leaves out a contender without values and says why', () => {
    const failures = [{ id: 'wireguard-go-offloads', reason: 'gone' }];
    const partial = { values: new Map([['backstay-1', [values(1, [1])]]]), failures };
    const { rows, comparisons, leftOut } = composeReport(contenders, partial, facts);
    assert.deepEqual(
      rows.map(({ id }) => id),
      ['backstay-1'],
    );
    assert.deepEqual(comparisons, []);
    assert.deepEqual(leftOut, ['wireguard-go-offloads failed: gone']);
  });
});

describe('markdown table', () => {
  it('is aligned', () => {
    assert.equal(
      markdownTable(['a', 'b'], [['long', '1']]),
      '| a    |   b |\n| ---- | --: |\n| long |   1 |',
    );
  });
});
