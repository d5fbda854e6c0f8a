import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkGrades, type ProbeVerdict } from './link-grades.ts';

const links = ['fibre', 'dsl', 'lte'].map((name) => ({ name, tier: 1, weight: 1 }));

test('a link is worth what its probe says, is good without one, and gone without an address of the family', () => {
  const ways = [
    { link: 'fibre', family: 4 },
    { link: 'dsl', family: 4 },
    { link: 'dsl', family: 6 },
  ] as const;
  const probes: Record<string, ProbeVerdict> = {
    fibre: { verdict: 'down', isHeldBack: false },
    lte: { verdict: 'up', isHeldBack: false },
  };
  const grades = linkGrades({ links }, ways, (link) => probes[link]);
  assert.deepEqual(grades[4], { fibre: 'down', dsl: 'good', lte: 'gone' });
  assert.deepEqual(grades[6], { fibre: 'gone', dsl: 'good', lte: 'gone' });
});

test('a link that works and has failed too lately is held', () => {
  const way = { link: 'fibre', family: 4 } as const;
  const grades = linkGrades({ links }, [way], () => ({ verdict: 'down', isHeldBack: true }));
  assert.deepEqual([grades[4]['fibre'], grades[6]['fibre']], ['held', 'gone']);
});
