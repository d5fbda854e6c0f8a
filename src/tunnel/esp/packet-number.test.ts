import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ivHigh, LAST_SEQUENCE, laneOf, NO_LANE, nearestOrder, orderOf } from './packet-number.ts';

const sequences = fc.oneof(
  fc.integer({ min: 1, max: LAST_SEQUENCE }),
  fc.integer({ min: 2 ** 32 - 50, max: 2 ** 32 + 50 }),
);

describe('the numbers of a packet', () => {
  it('are read as they were written', () => {
    const lanes = fc.integer({ min: 0, max: 15 });
    fc.assert(
      fc.property(lanes, fc.maxSafeNat(), sequences, (lane, order, sequence) => {
        const high = ivHigh(lane, order, sequence);
        assert.equal(laneOf(high, sequence >>> 0, sequence), lane);
        assert.equal(orderOf(high), order % 65_536);
      }),
    );
  });

  it('differ in the IV whenever sequence numbers differ', () => {
    fc.assert(
      fc.property(sequences, sequences, fc.nat(15), fc.nat(15), fc.nat(), fc.nat(), (a, b, l, m, o, p) => {
        fc.pre(a !== b);
        const same = ivHigh(l, o, a) === ivHigh(m, p, b) && a >>> 0 === b >>> 0;
        assert.equal(same, false);
      }),
    );
  });

  it('of another implementation are none', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), sequences, (high, low, sequence) => {
        fc.pre(low !== sequence >>> 0);
        assert.equal(laneOf(high, low, sequence), NO_LANE);
      }),
    );
  });

  it('go on where 16 bits end, forwards and back', () => {
    const near = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(near, fc.integer({ min: -32_768, max: 32_767 }), (from, by) => {
        fc.pre(from + by >= 0);
        assert.equal(nearestOrder((from + by) % 65_536, from), from + by);
      }),
    );
  });
});
