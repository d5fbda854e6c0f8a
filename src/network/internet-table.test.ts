import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DesiredLink, type DesiredState, nothingDesired } from './desired-state.ts';
import { internetRoutes, internetRules } from './internet-routing.ts';
import { internetComments, internetScript } from './internet-table.ts';
import { parseIpAddress, parsePrefix } from './ip-address.ts';
import { formatRoute, formatRule } from './route.ts';

const fibre: DesiredLink = {
  name: 'fibre',
  index: 0,
  interface: 'eth1',
  families: [way('198.51.100.2', '198.51.100.1'), way('2001:db8:1::2', 'fe80::1')],
};
const dsl: DesiredLink = { name: 'dsl', index: 1, interface: 'ppp0', families: [way('203.0.113.7')] };

const office: DesiredState = {
  ...nothingDesired,
  links: [fibre, dsl],
  internet: {
    links: [0, 1],
    choices: [
      {
        family: 4,
        carriers: [
          { link: 0, weight: 3 },
          { link: 1, weight: 1 },
        ],
        canary: { share: 0.1, carriers: [{ link: 1, weight: 1 }] },
      },
      { family: 6, carriers: [{ link: 0, weight: 1 }] },
    ],
    masquerade: ['192.168.1.0/24', 'fd00:1::/64'].map((text) => parsePrefix(text)!),
  },
};

test('new connections by weight, known ones as before, sources translated to the link they leave by', () => {
  const script = internetScript(office).replaceAll(/ comment ".*"$/gm, '');
  assert.equal(
    script,
    `table inet backstay-internet
delete table inet backstay-internet
table inet backstay-internet {
  chain choose {
    type filter hook prerouting priority dstnat + 10; policy accept;
    meta mark != 0 return
    ct mark & 0xffff0000 == 0x42540000 meta mark set ct mark return
    ct mark != 0 return
    ct state != new return
    fib daddr type local return
    meta nfproto ipv4 iifname "eth1" meta mark set 0x42540000 ct mark set 0x42540000 return
    meta nfproto ipv6 iifname "eth1" meta mark set 0x42540000 ct mark set 0x42540000 return
    meta nfproto ipv4 iifname "ppp0" meta mark set 0x42540001 ct mark set 0x42540001 return
    iifname { "eth1", "ppp0" } return
    meta nfproto ipv4 numgen random mod 100 < 10 meta mark set jhash ip saddr mod 1 seed 0x4254 map { 0 : 0x42540001 } return
    meta nfproto ipv4 meta mark set jhash ip saddr mod 4 seed 0x4254 map { 0-2 : 0x42540000, 3 : 0x42540001 }
    meta nfproto ipv6 meta mark set jhash ip6 saddr mod 1 seed 0x4254 map { 0 : 0x42540000 }
  }
  chain keep {
    type filter hook postrouting priority mangle; policy accept;
    ct mark 0 meta mark 0x42540000 oifname "eth1" ct mark set 0x42540000
    ct mark 0 meta mark 0x42540001 oifname "ppp0" ct mark set 0x42540001
  }
  chain translate {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "eth1" meta mark 0x42540000 ip saddr { 192.168.1.0/24 } snat ip to 198.51.100.2
    oifname "eth1" meta mark 0x42540000 ip6 saddr { fd00:1::/64 } snat ip6 to 2001:db8:1::2
    oifname "ppp0" meta mark 0x42540001 ip saddr { 192.168.1.0/24 } snat ip to 203.0.113.7
    oifname "eth1" ip saddr { 192.168.1.0/24 } snat ip to 198.51.100.2
    oifname "eth1" ip6 saddr { fd00:1::/64 } snat ip6 to 2001:db8:1::2
    oifname "ppp0" ip saddr { 192.168.1.0/24 } snat ip to 203.0.113.7
  }
}
`,
  );
});

test('rules behind those of the links; the gateway itself takes the first link that is there', () => {
  assert.deepEqual(
    internetRules(office).map((rule) => `${rule.family}: ${formatRule(rule)}`),
    [
      '4: pref 7304 from all lookup main suppress_prefixlength 0 protocol 185',
      '4: pref 7305 from all fwmark 0x42540000/0xffffffff lookup 7300 protocol 185',
      '4: pref 7305 from all fwmark 0x42540001/0xffffffff lookup 7301 protocol 185',
      '4: pref 7306 from all lookup 7299 protocol 185',
      '6: pref 7304 from all lookup main suppress_prefixlength 0 protocol 185',
      '6: pref 7305 from all fwmark 0x42540000/0xffffffff lookup 7300 protocol 185',
      '6: pref 7306 from all lookup 7299 protocol 185',
    ],
  );
  assert.deepEqual(internetRoutes(office).map(formatRoute), [
    'default via 198.51.100.1 dev eth1 onlink src 198.51.100.2 table 7299 metric 1024 protocol 185',
    'default via fe80::1 dev eth1 onlink src 2001:db8:1::2 table 7299 metric 1024 protocol 185',
  ]);
  const gone = { ...office, links: [dsl] };
  assert.deepEqual(internetRoutes(gone).map(formatRoute), [
    'default dev ppp0 src 203.0.113.7 table 7299 metric 1024 protocol 185',
  ]);
});

test('two links on one interface are told apart by the address that was called', () => {
  const shared = { ...office, links: [fibre, { ...dsl, interface: 'eth1' }] };
  const script = internetScript(shared);
  assert.match(script, /iifname "eth1" ct original ip daddr 198\.51\.100\.2 meta mark set 0x42540000/);
  assert.match(script, /iifname "eth1" ct original ip daddr 203\.0\.113\.7 meta mark set 0x42540001/);
});

test('without the section, or without a link, there is no table', () => {
  for (const none of [nothingDesired, { ...office, links: [] }]) {
    assert.equal(internetComments(none), undefined);
    assert.equal(internetScript(none).split('\n').length, 3);
    assert.deepEqual([internetRules(none), internetRoutes(none)], [[], []]);
  }
  assert.notDeepEqual(
    internetComments(office),
    internetComments({ ...office, internet: { ...office.internet!, masquerade: [] } }),
  );
});

function way(address: string, gateway?: string): DesiredLink['families'][number] {
  const own = parseIpAddress(address)!;
  return {
    family: own.family,
    address: own,
    gateway: gateway === undefined ? undefined : parseIpAddress(gateway),
    onLink: [],
  };
}
