import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName, unknownName, wrongValue } from './wording.ts';

test('a slip of the keyboard is recognised, another word is not', () => {
  const known = ['interface', 'address', 'gateway', 'port', 'rate', 'keepalive', 'mtu'];
  const table: [name: string, near: string | undefined][] = [
    ['adress', 'address'],
    ['Interface', 'interface'],
    ['gatewya', 'gateway'],
    ['prot', 'port'],
    ['keep-alive', 'keepalive'],
    ['mut', 'mtu'],
    ['colour', undefined],
    ['x', undefined],
    ['', undefined],
    ['interface'.repeat(10), undefined],
  ];
  for (const [name, near] of table) assert.equal(nearestName(name, known), near, name);
});

test('a wrong value is shown as the operator wrote it, and shortened', () => {
  const table: [input: unknown, statement: string][] = [
    [undefined, 'is missing'],
    [null, 'is empty'],
    ['', 'is empty text'],
    ['a"b', 'is "a\\"b"'],
    [7, 'is 7'],
    [[1], 'is a list'],
    [{}, 'is a map'],
    ['x'.repeat(1000), `is "${'x'.repeat(60)}…"`],
  ];
  for (const [input, statement] of table)
    assert.equal(wrongValue(input, 'short'), `${statement}, must be short`);
  assert.equal(wrongValue(1, 'two', 'which is odd'), 'is 1, which is odd, must be two');
});

test('an unknown name is told with what is known', () => {
  assert.equal(
    unknownName('fibr', 'a link', ['fibre', 'lte']),
    '"fibr" is not a link (did you mean "fibre"?), allowed: fibre, lte',
  );
  assert.equal(unknownName('a', 'a link', []), '"a" is not a link, there are none');
  const many = Array.from({ length: 30 }, (_, index) => `l${index}`);
  assert.match(unknownName('x', 'a link', many), /l0, .*, l23, …$/);
});
