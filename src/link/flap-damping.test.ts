import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FlapDamping } from './flap-damping.ts';

const times = { holdMillis: 1_000, holdMostMillis: 60_000, calmMillis: 100_000 };

test('each failure doubles the hold up to its bound', () => {
  const damping = new FlapDamping(times);
  const holds = Array.from({ length: 9 }, () => {
    damping.failed(0);
    return damping.holdMillis(0);
  });
  assert.deepEqual(holds, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test('each calm while it is up forgives one failure, and what is beyond is not saved up', () => {
  const damping = new FlapDamping(times);
  for (let count = 0; count < 3; count++) damping.failed(0);
  damping.recovered(0);
  assert.deepEqual(
    [99_999, 100_000, 250_000, 300_000].map((at) => damping.failures(at)),
    [3, 2, 1, 0],
  );
  damping.failed(900_000);
  assert.equal(damping.failures(900_000), 1);
});

test('a look that has a later time than the round that is judged next adds no failure', () => {
  const damping = new FlapDamping(times);
  damping.recovered(0);
  assert.equal(damping.failures(5_000), 0);
  damping.failed(4_999);
  assert.equal(damping.failures(5_000), 1);
});

test('nothing is forgiven while it is down', () => {
  const damping = new FlapDamping(times);
  damping.failed(0);
  assert.equal(damping.failures(10_000_000), 1);
});

test('in any history the hold is between none and the bound', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(1_000_000))), (history) => {
      const damping = new FlapDamping(times);
      let nowMillis = 0;
      for (const [fails, pause] of history) {
        nowMillis += pause;
        if (fails) damping.failed(nowMillis);
        else damping.recovered(nowMillis);
        const hold = damping.holdMillis(nowMillis);
        assert.ok(hold === 0 || (hold >= times.holdMillis && hold <= times.holdMostMillis));
      }
    }),
  );
});
