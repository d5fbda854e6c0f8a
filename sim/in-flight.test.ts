import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Flight, type InFlight } from './in-flight.ts';

function datagram(at: number, length: number, more: Partial<InFlight> = {}): InFlight {
  return { at, to: 'b', link: 0, mouth: 0, bytes: new Uint8Array(length), ...more };
}

function lengths(row: readonly InFlight[]): number[] {
  return row.map(({ bytes }) => bytes.length);
}

describe('datagrams on their way', () => {
  it('come in the order of their times, and those of one time in the order in which they left', () => {
    const flight = new Flight();
    for (const [at, length] of [
      [30, 1],
      [10, 2],
      [20, 3],
      [20, 4],
    ] as const)
      flight.add(datagram(at, length));
    assert.equal(flight.nextAt, 10);
    assert.deepEqual(lengths(flight.take(9)), []);
    const all = Array.from({ length: 5 }, () => lengths(flight.take(30)));
    assert.deepEqual(all, [[2], [3], [4], [1], []]);
  });

  it('come together as the kernel merges them: over one link, equally long but for the last', () => {
    const flight = new Flight();
    for (const length of [100, 100, 60, 100]) flight.add(datagram(5, length));
    flight.add(datagram(5, 100, { link: 1 }));
    flight.add(datagram(5, 100, { link: 1, mouth: 1 }));
    flight.add(datagram(6, 100, { link: 1, mouth: 1 }));
    const rows = Array.from({ length: 5 }, () => lengths(flight.take(6)));
    assert.deepEqual(rows, [[100, 100, 60], [100], [100], [100], [100]]);
  });
});
