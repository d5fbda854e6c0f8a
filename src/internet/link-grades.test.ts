import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkGrades } from './link-grades.ts';

const links = ['fibre', 'dsl', 'lte'].map((name) => ({ name, tier: 1, weight: 1 }));

test('a link is worth what its probe says, is good without one, and gone without an address of the family', () => {
  const ways = [
    { link: 'fibre', family: 4 },
    { link: 'dsl', family: 4 },
    { link: 'dsl', family: 6 },
  ] as const;
  const verdicts = { fibre: 'down', dsl: undefined, lte: 'up' } as const;
  const grades = linkGrades({ links }, ways, (link) => verdicts[link as keyof typeof verdicts]);
  assert.deepEqual(grades[4], { fibre: 'down', dsl: 'good', lte: 'gone' });
  assert.deepEqual(grades[6], { fibre: 'gone', dsl: 'good', lte: 'gone' });
});
