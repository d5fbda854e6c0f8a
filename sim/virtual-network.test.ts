import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualNetwork } from './virtual-network.ts';

const link = { rate: 1e9, delay: 1_000, queue: 10_000, lossPercent: 0, jitter: 0, swallows: false };
const bytes = new Uint8Array(100);

function network(coalescing = 1): VirtualNetwork {
  return new VirtualNetwork({ links: [link, link], seed: 1, coalescing });
}

describe('the network between the ends', () => {
  it('brings a datagram to the other end over the same link', () => {
    const between = network();
    between.send('a', 1, 0, bytes, 0);
    const [row] = between.take(between.nextAt);
    assert.deepEqual([row?.to, row?.link, row?.mouth], ['b', 1, 0]);
  });

  it('shows what arrived only at multiples of what an end sleeps', () => {
    const between = network(3_000);
    between.send('a', 0, 0, bytes, 5_000);
    assert.equal(between.nextAt, 9_000);
  });

  it('loses what goes to an address that the end had before, and lets it be heard from the new one', () => {
    const between = network();
    between.moveAddress('b', 0);
    between.send('a', 0, 0, bytes, 0);
    assert.equal(between.nextAt, Number.POSITIVE_INFINITY);
    between.send('a', 0, 1, bytes, 0);
    between.send('b', 0, 0, bytes, 0);
    const heard = [between.take(5_000), between.take(5_000)].map(([row]) => [row?.to, row?.mouth]);
    assert.deepEqual(heard, [
      ['b', 0],
      ['a', 1],
    ]);
  });

  it('loses what comes to a closed socket', () => {
    const between = network();
    between.send('a', 0, 0, bytes, 0);
    between.send('a', 1, 0, bytes, 0);
    between.setOpen('b', 0, false);
    assert.equal(between.take(5_000)[0]?.link, 1);
    assert.deepEqual(between.take(5_000), []);
  });
});
