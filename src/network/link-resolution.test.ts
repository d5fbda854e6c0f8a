import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix, parseInterfaceAddress, parseIpAddress, parsePrefix } from './ip-address.ts';
import { type LinkWish, resolveLink } from './link-resolution.ts';
import type { InterfaceAddress, MainRoute, NetworkInterface, NetworkSnapshot } from './network-snapshot.ts';

const eth1 = device([address('198.51.100.2/24'), address('198.51.100.3/24'), address('2001:db8:1::2/64')]);
const routes = [
  route('0.0.0.0/0', '198.51.100.9', 200),
  route('0.0.0.0/0', '198.51.100.1', 100),
  route('198.51.100.0/24', undefined, 0),
  route('172.16.0.0/12', '198.51.100.5', 0),
  route('fe80::/64', undefined, 256),
  route('2001:db8:1::/64', undefined, 256),
  { ...route('10.0.0.0/8', undefined, 0), device: 'eth0' },
];

test('auto is the first address of each family, the best default route and the segments', () => {
  assert.deepEqual(resolved(eth1), [
    '198.51.100.2 via 198.51.100.1 in 198.51.100.0/24',
    '2001:db8:1::2 via - in 2001:db8:1::/64',
  ]);
});

test('written values are used in the families that they name', () => {
  const wish = { address: [parseIpAddress('198.51.100.3')!], gateway: [parseIpAddress('198.51.100.7')!] };
  assert.deepEqual(resolved(eth1, wish), ['198.51.100.3 via 198.51.100.7 in 198.51.100.0/24']);
});

test('an avoided address and one of the site only come after others', () => {
  const addresses = [
    { ...address('2001:db8::a/64'), avoided: true },
    address('fd00::1/64'),
    address('2001:db8::b/64'),
  ];
  assert.match(resolved(device(addresses))[0] ?? '', /^2001:db8::b /);
  assert.match(resolved(device(addresses.slice(0, 2)))[0] ?? '', /^fd00::1 /);
});

test('an unusable link says why', () => {
  const unready = device([{ ...address('2001:db8::1/64'), ready: false }]);
  const written = { address: [parseIpAddress('2001:db8::1')!] };
  assert.equal(reason(undefined), 'interface-missing');
  assert.equal(reason({ ...eth1, up: false, carrier: false }), 'interface-down');
  assert.equal(reason({ ...eth1, carrier: false }), 'no-carrier');
  assert.equal(reason(device([{ ...address('169.254.0.1/16'), scope: 'link' }])), 'no-address');
  assert.equal(reason(unready), 'no-address');
  assert.equal(reason(unready, written), 'address-not-ready');
  assert.equal(reason(eth1, written), 'address-missing');
});

function resolved(present: NetworkInterface, wish: Partial<LinkWish> = {}): string[] {
  const resolution = resolve(present, wish);
  assert.ok(resolution.usable);
  return resolution.families.map(
    (way) =>
      `${way.address.text} via ${way.gateway?.text ?? '-'} in ${way.onLink.map(formatPrefix).join(' ')}`,
  );
}

function reason(present: NetworkInterface | undefined, wish: Partial<LinkWish> = {}): string {
  const resolution = resolve(present, wish);
  assert.ok(!resolution.usable);
  assert.match(resolution.explanation, /eth1/);
  return resolution.reason;
}

function resolve(present: NetworkInterface | undefined, wish: Partial<LinkWish>) {
  const network: NetworkSnapshot = {
    interfaces: present === undefined ? [] : [present],
    mainRoutes: routes,
    rules: [],
    ownRoutes: [],
    ownRules: [],
    ownFirewall: undefined,
    ownFilters: undefined,
  };
  return resolveLink(network, { interface: 'eth1', address: 'auto', gateway: 'auto', ...wish });
}

function device(addresses: InterfaceAddress[]): NetworkInterface {
  return {
    index: 3,
    name: 'eth1',
    kind: undefined,
    alias: undefined,
    up: true,
    carrier: true,
    mtu: 1500,
    queuePackets: 1000,
    gsoMaxBytes: 65536,
    addressGeneration: 'eui64',
    addresses,
  };
}

function address(text: string): InterfaceAddress {
  return { prefix: parseInterfaceAddress(text)!, scope: 'global', ready: true, avoided: false };
}

function route(destination: string, gateway: string | undefined, metric: number): MainRoute {
  const prefix = parsePrefix(destination)!;
  return {
    family: prefix.address.family,
    type: 'unicast',
    destination: prefix,
    gateway: gateway === undefined ? undefined : parseIpAddress(gateway)!,
    device: 'eth1',
    metric,
    protocol: 2,
  };
}
