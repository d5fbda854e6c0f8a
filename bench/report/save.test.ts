/** The text of a result: readable, and the same document. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jsonText } from './save.ts';

it('keeps rows of numbers on one line and changes no value', () => {
  const value = { rows: [{ id: 'a', values: [1, -2.5, 1e-7] }], empty: [], text: '[ 1,  2 ]' };
  const text = jsonText(value);
  assert.deepEqual(JSON.parse(text), value);
  assert.match(text, /"values": \[1, -2\.5, 1e-7\]/);
});
