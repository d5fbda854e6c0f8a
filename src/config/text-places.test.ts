import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TextPlaces } from './text-places.ts';

test('lines and columns are counted as an editor does', () => {
  const places = new TextPlaces('ab\n\n\u{1f6a2}é x\r\nlast');
  const table: [offset: number, line: number, column: number][] = [
    [0, 1, 1],
    [2, 1, 3],
    [3, 2, 1],
    [4, 3, 1],
    // The ship is one character of two UTF-16 units.
    [6, 3, 2],
    [8, 3, 4],
    [11, 4, 1],
    [15, 4, 5],
  ];
  for (const [offset, line, column] of table)
    assert.deepEqual(places.placeOf(offset), { line, column }, `${offset}`);
});

test('the place of every offset leads back to it', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\r') }), (text) => {
      const places = new TextPlaces(text);
      const lines = text.split('\n');
      for (let offset = 0; offset <= text.length; offset++) {
        const { line, column } = places.placeOf(offset);
        const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
        assert.equal(before + column - 1, offset);
      }
    }),
  );
});
