import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { automaticMtu, defaultInterfaceName } from './resolve-config.ts';

test('the automatic MTU fills the outer packet of the smallest link', () => {
  // 1500: 40 + 8 + 8 + 8 + 1418 + 2 + 16 is exactly 1500.
  assert.equal(automaticMtu(1500), 1418);
  assert.equal(automaticMtu(1499), 1414);
  assert.equal(automaticMtu(1280), 1198);
  assert.equal(automaticMtu(9000), 8918);
});

test('the largest inner packet fits, one ESP block more would not', () => {
  const outerSize = (inner: number) => 40 + 8 + 8 + 8 + Math.ceil((inner + 2) / 4) * 4 + 16;
  fc.assert(
    fc.property(fc.integer({ min: 1280, max: 9000 }), (linkMtu) => {
      assert.ok(outerSize(automaticMtu(linkMtu)) <= linkMtu);
      assert.ok(outerSize(automaticMtu(linkMtu) + 1) > linkMtu);
    }),
  );
});

test('a default interface name fits into the kernel', () => {
  assert.equal(defaultInterfaceName('head-office'), 'bs-head-office');
  assert.equal(defaultInterfaceName('a-very-long-name-of-a-tunnel'), 'bs-a-very-long-');
});
