import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type IpPrefix,
  ipAddressOf,
  networkOf,
  prefixContains,
  prefixesOverlap,
} from '../network/ip-address.ts';
import { nested, PrefixTable } from './prefix-order.ts';

/** Few distinct bits, so that many prefixes hold one another. */
const bytes = fc.oneof(
  fc.tuple(fc.constant(10), fc.nat(3), fc.constantFrom(0, 128), fc.nat(1)),
  fc.array(fc.constantFrom(0, 1), { minLength: 16, maxLength: 16 }),
);
const addresses = bytes.map((list) => ipAddressOf(Uint8Array.from(list)));
const prefixes = fc
  .tuple(addresses, fc.nat(128))
  .map(
    ([address, length]): IpPrefix => networkOf({ address, length: length % (address.bytes.length * 8 + 1) }),
  );
const items = fc.array(fc.record({ prefix: prefixes, owner: fc.constantFrom('a', 'b', 'c') }), {
  maxLength: 30,
});

test('an item is found nested exactly when some item of another owner holds it', () => {
  fc.assert(
    fc.property(items, (list) => {
      const pairs = nested(list, (inner, outer) => inner.owner !== outer.owner);
      for (const [inner, outer] of pairs) {
        assert.ok(
          prefixContains(outer.prefix, inner.prefix.address) && outer.prefix.length <= inner.prefix.length,
        );
        assert.notEqual(inner.owner, outer.owner);
      }
      const clashing = list.some((one) =>
        list.some((other) => one.owner !== other.owner && prefixesOverlap(one.prefix, other.prefix)),
      );
      assert.equal(pairs.length > 0, clashing);
      for (const item of list) {
        const heldStrictly = list.some(
          ({ prefix, owner }) =>
            owner !== item.owner &&
            prefix.length < item.prefix.length &&
            prefixContains(prefix, item.prefix.address),
        );
        if (heldStrictly) assert.ok(pairs.some(([inner]) => inner === item));
      }
    }),
  );
});

test('the table finds the longest prefix that holds the address', () => {
  fc.assert(
    fc.property(items, addresses, (list, address) => {
      const holding = list.filter(({ prefix }) => prefixContains(prefix, address));
      const longest = Math.max(...holding.map(({ prefix }) => prefix.length));
      const found = new PrefixTable(list).find(address);
      assert.equal(found === undefined, holding.length === 0);
      if (found !== undefined) assert.equal(found.prefix.length, longest);
      if (found !== undefined) assert.ok(prefixContains(found.prefix, address));
    }),
  );
});
