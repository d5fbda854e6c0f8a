/** Plain traffic as one who asks for links on demand beside the tunnels. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onDemand, SECOND } from '../../../test/fixtures/demand-rig.ts';
import type { DemandEffect, DialFailure } from './demand.ts';
import { DemandMachine } from './demand-machine.ts';

function rig() {
  const machine = new DemandMachine(
    ['lte', 'isdn'].map((name) => ({ name, config: onDemand })),
    [],
    0,
  );
  let now = 0;
  const sample = (needed: readonly string[], usable: readonly string[], seconds = 1): DemandEffect[] =>
    Array.from({ length: seconds }, () => {
      now += SECOND;
      const wallMillis = Date.parse('2026-11-20T12:00:00Z') + now;
      const event = { type: 'sampled', tunnels: [], usable: new Set(usable), needed, wallMillis } as const;
      return machine.handle(event, now);
    }).flat();
  const dialled = (link: string, failure?: DialFailure) =>
    machine.handle({ type: 'dialled', link, failure }, now);
  return { sample, dialled };
}

const words = (effects: readonly DemandEffect[]) =>
  effects.map(
    (effect) => `${effect.type} ${effect.link}${effect.type === 'failed' ? '' : ` ${effect.cause.reason}`}`,
  );

test('the first link that is needed is dialled, the next when that fails, and none beside it', () => {
  const { sample, dialled } = rig();
  assert.deepEqual(words(sample(['isdn', 'lte'], [])), ['dial isdn internet']);
  assert.deepEqual(words(sample(['isdn', 'lte'], [], 3)), []);
  assert.deepEqual(words(dialled('isdn', { code: 'BS_DIAL_BUSY', message: 'The line is busy.' })), [
    'failed isdn',
    'hangUp isdn failed',
  ]);
  assert.deepEqual(words(sample(['isdn', 'lte'], [])), ['dial lte internet']);
});

test('it stays up as long as it is needed, and is hung up after its hold', () => {
  const { sample, dialled } = rig();
  sample(['lte'], []);
  dialled('lte');
  assert.deepEqual(words(sample(['lte'], ['lte'], 300)), []);
  assert.deepEqual(words(sample([], ['lte'])), ['hangUp lte unneeded']);
});
