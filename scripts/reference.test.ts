import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkConfig, formatMistake } from '../src/config/index.ts';
import { configurationReference, smallestExample } from './configuration-reference.ts';
import { referenceDocuments } from './write-reference.ts';

for (const { url, content } of referenceDocuments()) {
  test(`${url.pathname.split('/').slice(-2).join('/')} is what the code says`, () => {
    const message = 'run `node scripts/write-reference.ts` and commit what it writes';
    assert.equal(readFileSync(url, 'utf8'), content, message);
  });
}

test('every setting is in the reference, under its section', () => {
  const reference = configurationReference();
  for (const heading of [
    'gateway',
    'links.NAME',
    'tunnels.NAME',
    'tunnels.NAME.peer',
    'tunnels.NAME.filters',
    'tunnels.NAME.rekey',
    'tunnels.NAME.demand.traffic',
  ]) {
    assert.match(reference, new RegExp(`^#+ \`${heading}\`$`, 'm'));
  }
  assert.match(reference, /^\| `port` \|.*\| a whole number from 1 to 65535 \| `4500` \|$/m);
  assert.match(reference, /^\| `keepalive` \|.*\| a duration from 50ms to 60s .*\| `500ms` \|$/m);
  assert.match(reference, /^\| `interface` \|.*\| \*\*required\*\* \|$/m);
});

test('the example of the reference is a valid configuration', () => {
  const checked = checkConfig(smallestExample, 'example');
  assert.ok(checked.ok, checked.ok ? '' : checked.mistakes.map(formatMistake).join('\n'));
});
