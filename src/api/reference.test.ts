import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { eventCatalogue } from '../journal/event.ts';
import { dropReasons } from './status.ts';

const reference = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
const rows = (pattern: RegExp) => [...reference.matchAll(pattern)].map((match) => match.slice(1));

test('docs/api.md has every kind of event with its severity, and no other', () => {
  const documented = rows(/^\| `(\w+)` \| (info|notice|warning|alarm) \|/gm);
  const known = Object.entries(eventCatalogue).map(([kind, { severity }]) => [kind, severity]);
  assert.deepEqual(documented, known.sort());
});

test('docs/api.md has every reason for a drop as the source words it', () => {
  const table = reference.slice(
    reference.indexOf('Reasons in `drops`'),
    reference.indexOf('## `GET /v1/events`'),
  );
  assert.deepEqual(
    [...table.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map((match) => match.slice(1)),
    Object.entries(dropReasons),
  );
});
