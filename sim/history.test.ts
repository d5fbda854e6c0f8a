import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seedsFrom } from './expect-histories.ts';
import { historyOf } from './history.ts';

const histories = seedsFrom(1, 500).map(historyOf);

describe('histories', () => {
  it('are the same for the same seed, and others for others', () => {
    assert.deepEqual(historyOf(77), historyOf(77));
    assert.equal(new Set(histories.map((history) => JSON.stringify({ ...history, seed: 0 }))).size, 500);
  });

  it('have between them every number of links and every kind of fault', () => {
    assert.deepEqual(new Set(histories.map(({ links }) => links.length)), new Set([1, 2, 3, 4]));
    const kinds = new Set(histories.flatMap(({ changes }) => changes.map(({ change }) => change.kind)));
    for (const kind of [
      'condition',
      'mtu',
      'closeSocket',
      'openSocket',
      'removePath',
      'addPath',
      'moveAddress',
      'rekey',
    ] as const)
      assert.ok(kinds.has(kind), kind);
    const conditions = histories.flatMap(({ changes }) =>
      changes.flatMap(({ change }) => (change.kind === 'condition' ? [change.to] : [])),
    );
    assert.ok(conditions.some(({ swallows }) => swallows));
    assert.ok(conditions.some(({ lossPercent }) => lossPercent > 25));
    assert.ok(conditions.some(({ jitter }) => jitter > 10_000));
    assert.ok(histories.some(({ quiet }) => quiet));
    assert.ok(histories.some(({ aggfrag }) => !aggfrag));
    assert.ok(histories.some(({ mtus }) => mtus.some((mtu) => mtu < 1_500)));
    assert.ok(histories.some(({ flows }) => flows.some(({ payload }) => payload > 8_000)));
  });

  it('are healed at their end: every condition is as at first, what was closed or removed is back', () => {
    for (const { links, mtus, changes, healedAt } of histories) {
      assert.ok(changes.every(({ at }) => at <= healedAt));
      const left = new Map<string, string>();
      for (const { change } of changes) {
        if (change.kind === 'condition') {
          for (const sender of change.senders)
            left.set(
              `${sender}${change.link}`,
              JSON.stringify(change.to) === JSON.stringify(links[change.link]) ? '' : 'changed',
            );
        } else if (change.kind === 'mtu') {
          for (const sender of change.senders)
            left.set(`mtu${sender}${change.link}`, change.to === mtus[change.link] ? '' : 'changed');
        } else if ('link' in change && change.kind !== 'moveAddress') {
          const what = change.kind.replace(/^[a-z]+/, '');
          left.set(
            `${what}${change.link}${'end' in change ? change.end : ''}`,
            /^(open|add)/.test(change.kind) ? '' : 'gone',
          );
        }
      }
      assert.deepEqual(
        [...left].filter(([, state]) => state !== ''),
        [],
      );
    }
  });
});
