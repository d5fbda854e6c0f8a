import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BackstayError } from '../errors.ts';
import { FilterCounter } from './filter-counter.ts';

const counts = (packets: number) => new Map([['default-of-office', { packets, bytes: 84 * packets }]]);

describe('the counter of filters', () => {
  it('asks nobody when there are no filters', async () => {
    assert.deepEqual(await new FilterCounter(undefined, () => 0).read(), new Map());
  });

  it('asks once for all who ask at the same time or shortly after, and anew later', async () => {
    let [asked, nowMillis] = [0, 1000];
    const counter = new FilterCounter(
      async () => counts(++asked),
      () => nowMillis,
    );
    assert.deepEqual(await Promise.all([counter.read(), counter.read()]), [counts(1), counts(1)]);
    nowMillis += 249;
    assert.deepEqual(await counter.read(), counts(1));
    nowMillis += 1;
    assert.deepEqual(await counter.read(), counts(2));
  });

  it('knows nothing when the kernel cannot be asked, and hides no defect', async () => {
    const refused = async () => {
      throw new BackstayError('BS_PROGRAM_MISSING', 'There is no nft.');
    };
    assert.deepEqual(await new FilterCounter(refused, () => 0).read(), new Map());
    const broken = async () => {
      throw new TypeError('defect');
    };
    await assert.rejects(new FilterCounter(broken, () => 0).read(), TypeError);
  });
});
