import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatEndpoint,
  formatIpAddress,
  formatPrefix,
  type IpPrefix,
  ipAddressOf,
  networkOf,
  parseEndpoint,
  parseInterfaceAddress,
  parseIpAddress,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
} from './ip-address.ts';

const v4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Runs of zeros are what RFC 5952 is about; uniform bytes hardly ever have one. */
const v6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
const anyBytes = fc.oneof(v4Bytes, v6Bytes);
const prefixes = fc
  .tuple(anyBytes, fc.nat(128))
  .map(
    ([bytes, length]): IpPrefix => ({ address: ipAddressOf(bytes), length: length % (bytes.length * 8 + 1) }),
  );
/** Text close to an address: the interesting side of the border. */
const nearAddresses = fc.oneof(
  fc
    .array(
      fc.constantFrom('0', '1', 'f', 'ffff', '10000', '255', '256', '01', ':', '::', '.', '%', '/', ' '),
      {
        maxLength: 16,
      },
    )
    .map((parts) => parts.join('')),
  fc
    .tuple(anyBytes, fc.nat(40), fc.constantFrom('', ':', '0', '.', 'g', '1', '::'))
    .map(([bytes, at, extra]) => {
      const text = formatIpAddress(bytes);
      return text.slice(0, at) + extra + text.slice(at + 1);
    }),
);

test('an address is read into its bytes and written canonically', () => {
  const table: [input: string, canonical: string][] = [
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    ['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
  ];
  for (const [input, canonical] of table) assert.equal(parseIpAddress(input)?.text, canonical, input);
  assert.deepEqual([...(parseIpAddress('198.51.100.7')?.bytes ?? [])], [198, 51, 100, 7]);
  assert.equal(parseIpAddress('2001:db8::7')?.bytes[15], 7);
});

test('what is not exactly one address is refused', () => {
  const refused =
    '|1.2.3|1.2.3.4.5|01.2.3.4|1.2.3.04|256.1.1.1|1.2.3.4 | 1.2.3.4|0x1.2.3.4|1.2.3.-4|+1.2.3.4|1..2.3|:|:::|1:2|' +
    '1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1::2::3|12345::|::g|1:2:3:4:5:6:7::8|fe80::1%eth0|[::1]|::1/64|1.2.3.4::|' +
    '::1.2.3.4:5|::1.2.3|::01.2.3.4|:1:2:3:4:5:6:7|1:2:3:4:5:6:7:|1:2:3:4:5:6:7:1.2.3.4|١.2.3.4';
  for (const text of refused.split('|')) assert.equal(parseIpAddress(text), undefined, text);
});

test('reading what was written gives the same bytes', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const address = parseIpAddress(formatIpAddress(bytes));
      assert.deepEqual(address?.bytes, bytes);
      assert.equal(address?.family, isIP(formatIpAddress(bytes)));
    }),
  );
});

test('Node.js agrees on what is an address', () => {
  fc.assert(
    fc.property(nearAddresses, (text) => {
      // Node.js takes a zone, which is no part of an address here.
      fc.pre(!text.includes('%'));
      assert.equal(parseIpAddress(text)?.family ?? 0, isIP(text));
    }),
    { numRuns: 1000 },
  );
});

test('the canonical text of IPv6 is that of the WHATWG URL parser, except for mapped addresses', () => {
  fc.assert(
    fc.property(v6Bytes, (bytes) => {
      const text = formatIpAddress(bytes);
      fc.pre(!text.startsWith('::ffff:') || !text.includes('.'));
      assert.equal(`[${text}]`, new URL(`http://[${text}]/`).hostname);
    }),
  );
});

test('a network has no host bits, an interface address may', () => {
  assert.equal(formatPrefix(parsePrefix('10.2.0.0/16') ?? assert.fail()), '10.2.0.0/16');
  assert.equal(parsePrefix('FD00:2:0::/64')?.address.text, 'fd00:2::');
  assert.equal(parsePrefix('0.0.0.0/0')?.length, 0);
  assert.equal(parsePrefix('::1/128')?.length, 128);
  for (const text of [
    '10.2.0.1/16',
    'fd00::1/64',
    '10.2.0.0',
    '10.2.0.0/33',
    '::/129',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
  ]) {
    assert.equal(parsePrefix(text), undefined, text);
  }
  for (const text of ['/8', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/ 8', '10/8']) {
    assert.equal(parseInterfaceAddress(text), undefined, text);
  }
  const inner = parseInterfaceAddress('10.255.0.5/30') ?? assert.fail();
  assert.equal(formatPrefix(inner), '10.255.0.5/30');
  assert.equal(formatPrefix(networkOf(inner)), '10.255.0.4/30');
});

test('a prefix contains exactly the addresses that share its leading bits', () => {
  const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  fc.assert(
    fc.property(prefixes, anyBytes, fc.nat(128), (prefix, bytes, shared) => {
      // Addresses near the prefix, so that both answers occur.
      const near = bytes.map((byte, index) =>
        index * 8 < shared ? (prefix.address.bytes[index] ?? byte) : byte,
      );
      const sameFamily = near.length === prefix.address.bytes.length;
      const expected =
        sameFamily &&
        bits(near).slice(0, prefix.length) === bits(prefix.address.bytes).slice(0, prefix.length);
      assert.equal(prefixContains(prefix, { bytes: near }), expected);
    }),
  );
});

test('networks overlap when one contains the other', () => {
  const overlap = (one: string, other: string) =>
    prefixesOverlap(parsePrefix(one) ?? assert.fail(), parsePrefix(other) ?? assert.fail());
  assert.equal(overlap('10.0.0.0/8', '10.2.0.0/16'), true);
  assert.equal(overlap('10.2.0.0/16', '10.0.0.0/8'), true);
  assert.equal(overlap('10.2.0.0/16', '10.3.0.0/16'), false);
  assert.equal(overlap('0.0.0.0/0', '::/0'), false);
  fc.assert(
    fc.property(prefixes, prefixes, (one, other) => {
      assert.equal(prefixesOverlap(one, other), prefixesOverlap(other, one));
      assert.equal(prefixesOverlap(one, one), true);
    }),
  );
});

test('an endpoint is an address with an optional port', () => {
  const table: [input: string, output: string][] = [
    ['198.51.100.1', '198.51.100.1:4500'],
    ['1.2.3.4:4501', '1.2.3.4:4501'],
    ['2001:db8::1', '[2001:db8::1]:4500'],
    ['[2001:db8::1]', '[2001:db8::1]:4500'],
    ['[2001:db8::1]:65535', '[2001:db8::1]:65535'],
    ['2001:db8::1:4501', '[2001:db8::1:4501]:4500'],
  ];
  for (const [input, output] of table) {
    assert.equal(formatEndpoint(parseEndpoint(input, 4500) ?? assert.fail(input)), output);
  }
  const refused = [
    '',
    ':1',
    '1.2.3.4:',
    '1.2.3.4:0',
    '1.2.3.4:65536',
    '1.2.3.4:01',
    '[1.2.3.4]:1',
    '[::1',
    '::1]:1',
  ];
  for (const text of [
    ...refused,
    '[::1]4500',
    '[::1]:',
    'host:1',
    '1.2.3.4:1:1',
    '1.2.3.4\n:1',
    '1.2.3.4:1\n',
  ]) {
    assert.equal(parseEndpoint(text, 4500), undefined, JSON.stringify(text));
  }
});

test('reading a written endpoint gives the same endpoint', () => {
  fc.assert(
    fc.property(anyBytes, fc.integer({ min: 1, max: 65535 }), (bytes, port) => {
      const endpoint = { address: ipAddressOf(bytes), port };
      assert.deepEqual(parseEndpoint(formatEndpoint(endpoint), 1), endpoint);
    }),
  );
});

test('no text makes a parser throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), nearAddresses), (text) => {
      for (const parse of [parseIpAddress, parsePrefix, parseInterfaceAddress]) parse(text);
      parseEndpoint(text, 1);
    }),
  );
});
