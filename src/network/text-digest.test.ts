import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { textDigest } from './text-digest.ts';

test('a digest is sixteen hexadecimal digits, the same at any time', () => {
  assert.equal(textDigest(''), '811c9dc59e3779b9');
  fc.assert(fc.property(fc.string(), (text) => assert.match(textDigest(text), /^[0-9a-f]{16}$/)));
});

test('texts that are nearly the same have different digests', () => {
  const digests = new Set<string>();
  for (let port = 1; port <= 65535; port++) digests.add(textDigest(`th dport ${port} return`));
  assert.equal(digests.size, 65535);
  const [one, other] = ['in-a 1 return', 'in-a 2 return'].map(textDigest);
  assert.notEqual(one!.slice(0, 8), other!.slice(0, 8));
  assert.notEqual(one!.slice(8), other!.slice(8));
});
