/** Shares from status documents. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusFixture } from '../../test/fixtures/status.ts';
import { bytesByLink, bytesSince, sharesOf } from './link-shares.ts';

describe('link shares', () => {
  it('sum what the paths of a link sent', () => {
    const [first] = statusFixture.tunnels;
    const twice = { ...statusFixture, tunnels: [first!, first!] };
    assert.deepEqual(
      [...bytesByLink(twice)],
      [
        ['fibre', 282_000_000],
        ['lte', 62_440],
        ['umts', 0],
        ['isdn', 0],
      ],
    );
  });

  it('name a link that carried nothing', () => {
    assert.deepEqual(
      [...bytesByLink({ ...statusFixture, tunnels: [] })],
      [
        ['fibre', 0],
        ['lte', 0],
        ['umts', 0],
        ['isdn', 0],
      ],
    );
  });

  it('are parts of what was sent in between', () => {
    const before = new Map([
      ['a', 1000],
      ['b', 500],
    ]);
    const after = new Map([
      ['a', 1300],
      ['b', 600],
    ]);
    assert.deepEqual(sharesOf(bytesSince(before, after)), { a: 0.75, b: 0.25 });
  });

  it('are 0 when nothing was sent', () => {
    assert.deepEqual(
      sharesOf(
        new Map([
          ['a', 0],
          ['b', 0],
        ]),
      ),
      { a: 0, b: 0 },
    );
  });
});
