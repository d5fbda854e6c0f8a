import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DemandRig,
  demand,
  type Fate,
  type Moment,
  noon,
  onDemand,
  SECOND,
} from '../../../test/fixtures/demand-rig.ts';

const HOUR = 3600 * SECOND;
const hours = [{ days: [0, 1, 2, 3, 4, 5, 6], begin: 8 * 60, end: 20 * 60 }];
const links = { lte: { hours }, isdn: { hours, cost: 2 } };

const load = fc.integer({ min: 0, max: 40 }).map((mbit) => mbit * 1e6);
/** A stretch of time with the same load; the wall clock may jump at its begin, either way. */
const stretch = fc.record({
  seconds: fc.integer({ min: 1, max: 120 }),
  usedBps: load,
  isCut: fc.boolean(),
  lost: fc.constantFrom('lte', 'isdn', undefined, undefined),
  jumpMillis: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    fc.integer({ min: -30 * HOUR, max: 30 * HOUR }),
  ),
});
const fates = fc.array(
  fc.record<Fate>({
    upMillis: fc.integer({ min: 0, max: 15 * SECOND }),
    upFails: fc.boolean(),
    comesUp: fc.boolean(),
    downMillis: fc.integer({ min: 0, max: 15 * SECOND }),
    downFails: fc.boolean(),
  }),
  { minLength: 1, maxLength: 20 },
);

test('whatever happens: one command of a link at a time, no dial in a forbidden hour, none hung up before hold', () => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 30 }), fates, (stretches, course) => {
      let turn = 0;
      // The rig itself fails when two commands of a link run at once.
      const rig = new DemandRig({ links, fate: () => course[turn++ % course.length]! });
      let wallMillis = noon;
      for (const { seconds, usedBps, isCut, lost, jumpMillis } of stretches) {
        wallMillis += jumpMillis;
        if (lost !== undefined) rig.lose(lost);
        for (let second = 0; second < seconds; second++) {
          wallMillis += SECOND;
          const before = rig.told.length;
          rig.step({ usedBps, isCut, wallMillis });
          for (const { effect } of rig.told.slice(before)) {
            if (effect.type === 'dial') assert.ok(isOpen(wallMillis), 'dialled in a forbidden hour');
            if (effect.type === 'hangUp' && effect.cause.reason === 'spare')
              assert.ok((effect.upMillis ?? 0) >= onDemand.holdMillis, 'hung up before hold');
          }
          for (const name of rig.names)
            assert.ok(isOpen(wallMillis) || !rig.isIn(name, 'up', 'holding'), 'up in a forbidden hour');
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('a load that swings as it likes dials a link at most once per hold', () => {
  fc.assert(
    fc.property(fc.array(load, { minLength: 200, maxLength: 800 }), (loads) => {
      const rig = new DemandRig({ demand: { forMillis: SECOND, belowForMillis: SECOND } });
      for (const usedBps of loads) rig.step({ usedBps });
      const times = rig.of('dial').map(({ at }) => at);
      for (const [index, at] of times.slice(1).entries()) assert.ok(at - times[index]! > onDemand.holdMillis);
    }),
    { numRuns: 50 },
  );
});

test('a load that swings around the upper threshold changes a link once, and never back', () => {
  const lowest = demand.below * 10e6;
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: lowest, max: 10e6 }), { minLength: 500, maxLength: 500 }),
      (loads) => {
        const rig = new DemandRig({ demand: { forMillis: SECOND, belowForMillis: SECOND } });
        for (const usedBps of loads) rig.step({ usedBps });
        assert.deepEqual(rig.words, ['dial lte load']);
      },
    ),
    { numRuns: 50 },
  );
});

test('a clock that jumps changes nothing for a link without hours', () => {
  const course: Moment[] = [
    ...Array.from({ length: 40 }, () => ({ usedBps: 9e6 })),
    ...Array.from({ length: 120 }, () => ({ usedBps: 1e6 })),
  ];
  const steady = new DemandRig();
  for (const moment of course) steady.step(moment);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4e12 }), { minLength: 160, maxLength: 160 }), (clock) => {
      const rig = new DemandRig();
      for (const [index, moment] of course.entries()) rig.step({ ...moment, wallMillis: clock[index]! });
      assert.deepEqual(rig.told, steady.told);
    }),
    { numRuns: 30 },
  );
});

function isOpen(wallMillis: number): boolean {
  const hour = new Date(wallMillis).getUTCHours();
  return hour >= 8 && hour < 20;
}
