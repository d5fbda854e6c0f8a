import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { filterConditions } from './filter-match.ts';
import type { FilterMatch } from './filter-rule.ts';
import { formatPrefix, ipAddressOf, networkOf, parsePrefix, prefixesOverlap } from './ip-address.ts';

const everything: FilterMatch = {
  direction: 'both',
  from: [],
  to: [],
  protocols: [],
  ports: [],
  sourcePorts: [],
};
const prefixes = (...texts: string[]) => texts.map((text) => parsePrefix(text)!);

test('a filter without any condition matches everything, in one rule', () => {
  assert.deepEqual(filterConditions(everything), ['']);
});

test('addresses are asked in their own family only', () => {
  const from = prefixes('10.1.0.0/16', 'fd00:1::/48');
  const to = prefixes('10.2.0.0/16', '10.3.0.0/16', 'fd00:2::/48');
  assert.deepEqual(filterConditions({ ...everything, from, to }), [
    'ip saddr 10.1.0.0/16 ip daddr { 10.2.0.0/16, 10.3.0.0/16 }',
    'ip6 saddr fd00:1::/48 ip6 daddr fd00:2::/48',
  ]);
  assert.deepEqual(filterConditions({ ...everything, to: prefixes('fd00:2::/48') }), [
    'ip6 daddr fd00:2::/48',
  ]);
  assert.deepEqual(
    filterConditions({ ...everything, from: prefixes('10.1.0.0/16'), to: prefixes('::/0') }),
    [],
  );
});

test('all addresses of a family are that family', () => {
  assert.deepEqual(filterConditions({ ...everything, from: prefixes('0.0.0.0/0') }), ['meta nfproto ipv4']);
  const to = prefixes('fd00:2::/48', '::/0');
  assert.deepEqual(filterConditions({ ...everything, to }), ['meta nfproto ipv6']);
});

test('icmp is what the family calls it', () => {
  const protocols = ['icmp', 'esp', 47] as const;
  const from = prefixes('10.1.0.0/16', '::/0');
  assert.deepEqual(filterConditions({ ...everything, protocols }), ['meta l4proto { 1, 47, 50, 58 }']);
  assert.deepEqual(filterConditions({ ...everything, protocols, from }), [
    'ip saddr 10.1.0.0/16 meta l4proto { 1, 47, 50 }',
    'meta nfproto ipv6 meta l4proto { 47, 50, 58 }',
  ]);
});

test('ports of several protocols in one condition, source and destination', () => {
  const ports = [{ first: 53, last: 53 }];
  const sourcePorts = [{ first: 1024, last: 65535 }];
  assert.deepEqual(filterConditions({ ...everything, protocols: ['udp', 'tcp'], ports, sourcePorts }), [
    'meta l4proto { 6, 17 } th sport 1024-65535 th dport 53',
  ]);
});

test('law: a set of ports holds the same ports, in ranges that neither overlap nor touch', () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.nat(10))
    .map(([first, more]) => ({ first, last: first + more }));
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 12 }), (ports) => {
      const [condition = ''] = filterConditions({ ...everything, protocols: ['tcp'], ports });
      const members = condition.replace(/^meta l4proto 6 th dport /, '').match(/[\d-]+/g) ?? [];
      const shown = members.map((text) => text.split('-').map(Number));
      const held = shown.flatMap(([first = 0, last = first]) => numbersIn(first, last));
      const wanted = new Set(ports.flatMap(({ first, last }) => numbersIn(first, last)));
      assert.deepEqual(
        held,
        [...wanted].toSorted((one, other) => one - other),
      );
      for (const [index, [first = 0]] of shown.entries()) {
        const before = shown[index - 1]?.at(-1);
        assert.ok(before === undefined || first > before + 1, condition);
      }
    }),
  );
});

test('law: a set of prefixes holds the same addresses without two that overlap', () => {
  const prefix = fc
    .tuple(fc.constantFrom(0x00, 0x40, 0x80, 0xc0, 0xff), fc.nat(255), fc.integer({ min: 1, max: 32 }))
    .map(([one, two, length]) => networkOf({ address: ipAddressOf(Uint8Array.of(10, one, two, 0)), length }));
  fc.assert(
    fc.property(fc.array(prefix, { minLength: 1, maxLength: 10 }), (from) => {
      const [condition = ''] = filterConditions({ ...everything, from });
      const shown = prefixes(...(condition.match(/[\d.]+\/\d+/g) ?? []));
      const written = new Set(from.map(formatPrefix));
      assert.ok(shown.length > 0 && shown.every((one) => written.has(formatPrefix(one))), condition);
      for (const one of from)
        assert.ok(shown.some((it) => it.length <= one.length && prefixesOverlap(it, one)));
      for (const [index, one] of shown.entries())
        for (const other of shown.slice(index + 1)) assert.ok(!prefixesOverlap(one, other), condition);
    }),
  );
});

function numbersIn(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
