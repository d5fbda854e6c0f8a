import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DesiredLink,
  type DesiredState,
  type DesiredTunnelDevice,
  nothingDesired,
  withFilteredTunnelsClosed,
} from './desired-state.ts';
import type { TunnelFilter } from './filter-rule.ts';
import { filterComments, filterScript } from './filter-table.ts';
import { firewallComments } from './forwarding.ts';
import { parseInterfaceAddress, parseIpAddress, parsePrefix } from './ip-address.ts';
import { linkRoutes, linkRules } from './link-routing.ts';
import { formatPlan, planNetwork } from './network-plan.ts';
import type { NetworkInterface, NetworkSnapshot } from './network-snapshot.ts';
import { tunnelRoutes } from './tunnel-routing.ts';

const headOffice: DesiredTunnelDevice = {
  tunnel: 'head-office',
  name: 'bs-head',
  mtu: 1418,
  addresses: ['10.255.0.1/30', 'fd00:255::1/64'].map((text) => parseInterfaceAddress(text)!),
  networks: ['10.2.0.0/16', 'fd00:2::/64'].map((text) => parsePrefix(text)!),
  gsoMaxBytes: 65536,
  queuePackets: 100,
};

const fibre: DesiredLink = {
  name: 'fibre',
  index: 1,
  interface: 'eth1',
  families: [
    way('198.51.100.2', '198.51.100.1', ['198.51.100.0/24']),
    way('2001:db8:1::2', 'fe80::1', ['2001:db8:1::/64']),
  ],
};

const modem: DesiredLink = {
  name: 'modem',
  index: 2,
  interface: 'ppp0',
  families: [way('203.0.113.7', undefined, [])],
};

const site: DesiredState = {
  tunnelDevices: [headOffice],
  links: [fibre, modem],
  filters: [],
  forwarding: true,
};

const onlyReplies: TunnelFilter = {
  tunnel: 'head-office',
  device: 'bs-head',
  rules: [],
  otherwise: 'drop',
};

const filteredSite: DesiredState = { ...site, filters: [onlyReplies] };

const freshTun: NetworkInterface = {
  index: 9,
  name: 'bs-head',
  kind: 'tun',
  alias: undefined,
  up: false,
  carrier: false,
  mtu: 1500,
  queuePackets: 500,
  gsoMaxBytes: 65536,
  addressGeneration: 'eui64',
  addresses: [],
};

const doneTun: NetworkInterface = {
  ...freshTun,
  alias: 'backstay:head-office',
  up: true,
  mtu: 1418,
  queuePackets: 100,
  addressGeneration: 'none',
  addresses: headOffice.addresses.map((prefix) => ({ prefix, scope: 'global', ready: true, avoided: false })),
};

const before = snapshot({ interfaces: [freshTun] });

test('from nothing: devices, then routes, then the rules that lead to them', () => {
  assert.equal(
    formatPlan(planNetwork(before, site)),
    `# ip -batch -
link set dev bs-head addrgenmode none
link set dev bs-head alias backstay:head-office mtu 1418 txqueuelen 100 up
addr add 10.255.0.1/30 dev bs-head
addr add fd00:255::1/64 dev bs-head nodad
# ip -4 -batch -
route add 10.2.0.0/16 dev bs-head table main metric 300 protocol 185
route add unreachable 10.2.0.0/16 table main metric 2000000000 protocol 185
route add 198.51.100.0/24 dev eth1 src 198.51.100.2 advmss 1240 table 7301 metric 1024 protocol 185
route add default via 198.51.100.1 dev eth1 onlink src 198.51.100.2 advmss 1240 table 7301 metric 1024 protocol 185
route add default dev ppp0 src 203.0.113.7 advmss 1240 table 7302 metric 1024 protocol 185
rule add pref 7300 from all fwmark 0x42530001/0xffffffff lookup 7301 protocol 185
rule add pref 7301 from 198.51.100.2 lookup 7301 suppress_prefixlength 1 protocol 185
rule add pref 7302 from 198.51.100.2 lookup main suppress_prefixlength 1 protocol 185
rule add pref 7303 from 198.51.100.2 lookup 7301 protocol 185
rule add pref 7300 from all fwmark 0x42530002/0xffffffff lookup 7302 protocol 185
rule add pref 7301 from 203.0.113.7 lookup 7302 suppress_prefixlength 1 protocol 185
rule add pref 7302 from 203.0.113.7 lookup main suppress_prefixlength 1 protocol 185
rule add pref 7303 from 203.0.113.7 lookup 7302 protocol 185
# ip -6 -batch -
route add fd00:2::/64 dev bs-head table main metric 300 protocol 185
route add unreachable fd00:2::/64 table main metric 2000000000 protocol 185
route add 2001:db8:1::/64 dev eth1 src 2001:db8:1::2 advmss 1220 table 7301 metric 1024 protocol 185
route add default via fe80::1 dev eth1 onlink src 2001:db8:1::2 advmss 1220 table 7301 metric 1024 protocol 185
rule add pref 7300 from all fwmark 0x42530001/0xffffffff lookup 7301 protocol 185
rule add pref 7301 from 2001:db8:1::2 lookup 7301 suppress_prefixlength 1 protocol 185
rule add pref 7302 from 2001:db8:1::2 lookup main suppress_prefixlength 1 protocol 185
rule add pref 7303 from 2001:db8:1::2 lookup 7301 protocol 185
# nft -f -
table inet backstay
delete table inet backstay
table inet backstay {
  chain forward {
    type filter hook forward priority mangle; policy accept;
    oifname { "bs-head" } tcp flags syn tcp option maxseg size set rt mtu comment "into tunnels: segments fit the route: 02720428fdccf162"
    iifname { "bs-head" } meta nfproto ipv4 tcp flags syn tcp option maxseg size set 1378 comment "from tunnels, ipv4: segments up to 1378 bytes: 3960ad45d5466c97"
    iifname { "bs-head" } meta nfproto ipv6 tcp flags syn tcp option maxseg size set 1358 comment "from tunnels, ipv6: segments up to 1358 bytes: ace4978d9f03adc8"
  }
}
`,
  );
});

test('from the desired state to itself: nothing', () => {
  assert.equal(formatPlan(planNetwork(asApplied(site), site)), '');
});

test('a new address and next hop: the default is replaced in one step, new rules stand before old ones go', () => {
  const moved = {
    ...site,
    links: [{ ...fibre, families: [way('198.51.100.9', '198.51.100.3', [])] }, modem],
  };
  const onlyIpv4 = { ...site, links: [{ ...fibre, families: fibre.families.slice(0, 1) }, modem] };
  assert.equal(
    formatPlan(planNetwork(asApplied(onlyIpv4), moved)),
    `# ip -4 -batch -
route replace default via 198.51.100.3 dev eth1 onlink src 198.51.100.9 advmss 1240 table 7301 metric 1024 protocol 185
rule add pref 7301 from 198.51.100.9 lookup 7301 suppress_prefixlength 1 protocol 185
rule add pref 7302 from 198.51.100.9 lookup main suppress_prefixlength 1 protocol 185
rule add pref 7303 from 198.51.100.9 lookup 7301 protocol 185
# ip -4 -batch -
rule del pref 7301 from 198.51.100.2 lookup 7301 suppress_prefixlength 1 protocol 185
rule del pref 7302 from 198.51.100.2 lookup main suppress_prefixlength 1 protocol 185
rule del pref 7303 from 198.51.100.2 lookup 7301 protocol 185
route del 198.51.100.0/24 dev eth1 src 198.51.100.2 advmss 1240 table 7301 metric 1024 protocol 185
`,
  );
});

test('what is taken away belongs to the link whose replacement must have succeeded first', () => {
  const moved = { ...site, links: [{ ...fibre, families: [way('198.51.100.9', undefined, [])] }] };
  const parts = planNetwork(asApplied(site), moved).removals.map(({ part, text }) => `${part}: ${text}`);
  const suppressing = parts.find((text) => text.includes('from 198.51.100.2 lookup main'));
  assert.match(suppressing ?? '', /^link fibre IPv4: rule del/);
  assert.ok(
    parts.some((text) => text.startsWith('leftovers: rule del pref 7300 from all fwmark 0x42530002/')),
  );
});

test('nothing desired: rules, routes, the device and the table go', () => {
  const onlyModem = { ...site, links: [modem] };
  assert.equal(
    formatPlan(planNetwork(asApplied(onlyModem), nothingDesired)),
    `# ip -4 -batch -
rule del pref 7300 from all fwmark 0x42530002/0xffffffff lookup 7302 protocol 185
rule del pref 7301 from 203.0.113.7 lookup 7302 suppress_prefixlength 1 protocol 185
rule del pref 7302 from 203.0.113.7 lookup main suppress_prefixlength 1 protocol 185
rule del pref 7303 from 203.0.113.7 lookup 7302 protocol 185
route del 10.2.0.0/16 dev bs-head table main metric 300 protocol 185
route del unreachable 10.2.0.0/16 table main metric 2000000000 protocol 185
route del default dev ppp0 src 203.0.113.7 advmss 1240 table 7302 metric 1024 protocol 185
# ip -6 -batch -
route del fd00:2::/64 dev bs-head table main metric 300 protocol 185
route del unreachable fd00:2::/64 table main metric 2000000000 protocol 185
# ip -batch -
link del dev bs-head
# nft -f -
table inet backstay
delete table inet backstay
`,
  );
});

test('filters are a table of their own: what changes in one of the two leaves the other alone', () => {
  const other = { ...onlyReplies, otherwise: 'accept' as const };
  const changed = planNetwork(asApplied(filteredSite), { ...filteredSite, filters: [other] });
  assert.equal(formatPlan(changed), `# nft -f -\n${filterScript([other])}`);
  const smaller = { ...filteredSite, tunnelDevices: [{ ...headOffice, mtu: 1400 }] };
  const plan = planNetwork(asApplied(filteredSite), smaller);
  assert.deepEqual([plan.filters, plan.firewall === undefined], [undefined, false]);
  assert.match(
    formatPlan(planNetwork(asApplied(filteredSite), site)),
    /delete table inet backstay-filters\n$/,
  );
  assert.equal(formatPlan(planNetwork(asApplied(filteredSite), filteredSite)), '');
});

test('a filter stands also while its device is missing', () => {
  assert.equal(planNetwork(snapshot({}), filteredSite).filters, filterScript([onlyReplies]));
});

test('a tunnel whose filter cannot be loaded is closed, the others are not', () => {
  const plant = { ...headOffice, tunnel: 'plant', name: 'bs-plant', networks: [parsePrefix('10.3.0.0/16')!] };
  const filtered = { ...filteredSite, tunnelDevices: [headOffice, plant], links: [] };
  const closed = withFilteredTunnelsClosed(filtered);
  const devices = [doneTun, { ...doneTun, index: 10, name: 'bs-plant', alias: 'backstay:plant' }];
  const applied = { ...asApplied(filtered), interfaces: devices };
  assert.equal(
    formatPlan({ ...planNetwork(applied, closed), filters: undefined }),
    `# ip -4 -batch -
route del 10.2.0.0/16 dev bs-head table main metric 300 protocol 185
# ip -6 -batch -
route del fd00:2::/64 dev bs-head table main metric 300 protocol 185
# ip -batch -
link set dev bs-head down
`,
  );
  const fresh = formatPlan(
    planNetwork(snapshot({ interfaces: [freshTun] }), {
      ...closed,
      tunnelDevices: closed.tunnelDevices.slice(0, 1),
    }),
  );
  assert.doesNotMatch(fresh, / up$|dev bs-head table/m);
  assert.match(fresh, /^route add unreachable 10\.2\.0\.0\/16 /m);
});

test('a tunnel for everything is two halves, so that the default route stays', () => {
  const everything = ['0.0.0.0/0', '::/0'].map((text) => parsePrefix(text)!);
  const plan = planNetwork(before, {
    ...site,
    links: [],
    tunnelDevices: [{ ...headOffice, networks: everything }],
  });
  const routes = plan.additions.filter(({ text }) => text.includes('dev bs-head table'));
  assert.deepEqual(
    routes.map(({ text }) => text.split(' ')[2]),
    ['0.0.0.0/1', '128.0.0.0/1', '::/1', '8000::/1'],
  );
});

test('a missing device, or one that belongs to somebody else, is a problem of its tunnel only', () => {
  const missing = planNetwork(snapshot({}), site);
  assert.deepEqual(missing.problems, [{ part: 'tunnel head-office', device: 'bs-head', why: 'missing' }]);
  assert.ok(missing.additions.length > 0 && missing.additions.every(({ part }) => part.startsWith('link ')));
  for (const foreign of [{ kind: 'veth' }, { alias: 'openvpn' }]) {
    const plan = planNetwork(snapshot({ interfaces: [{ ...freshTun, ...foreign }] }), site);
    assert.deepEqual(plan.problems, [{ part: 'tunnel head-office', device: 'bs-head', why: 'foreign' }]);
  }
});

test('two links with one address: the first is meant by the address, both by their marks', () => {
  const second: DesiredLink = {
    ...fibre,
    name: 'second',
    index: 2,
    families: [way('198.51.100.2', '198.51.100.7', [])],
  };
  const plan = planNetwork(before, { ...site, links: [fibre, second] });
  const ofSecond = plan.additions.filter(({ part }) => part === 'link second IPv4').map(({ text }) => text);
  assert.deepEqual(ofSecond, [
    'route add default via 198.51.100.7 dev eth1 onlink src 198.51.100.2 advmss 1240 table 7302 metric 1024 protocol 185',
    'rule add pref 7300 from all fwmark 0x42530002/0xffffffff lookup 7302 protocol 185',
  ]);
});

test('a device is taken back to what it was', () => {
  const steps = planNetwork(before, site).additions.filter(({ text }) => text.startsWith('link set'));
  assert.deepEqual(
    steps.map(({ undo }) => undo),
    ['link set dev bs-head addrgenmode eui64', 'link set dev bs-head mtu 1500 txqueuelen 500 down'],
  );
});

function way(address: string, gateway: string | undefined, onLink: readonly string[]) {
  const parsed = parseIpAddress(address)!;
  return {
    family: parsed.family,
    address: parsed,
    gateway: gateway === undefined ? undefined : parseIpAddress(gateway)!,
    onLink: onLink.map((text) => parsePrefix(text)!),
  };
}

function snapshot(parts: Partial<NetworkSnapshot>): NetworkSnapshot {
  return {
    interfaces: [],
    mainRoutes: [],
    rules: [],
    ownRoutes: [],
    ownRules: [],
    ownFirewall: undefined,
    ownFilters: undefined,
    ...parts,
  };
}

function asApplied(state: DesiredState): NetworkSnapshot {
  const ways = state.links.flatMap((link) => link.families.map((family) => ({ link, family })));
  return snapshot({
    interfaces: [doneTun],
    ownRoutes: [
      ...state.tunnelDevices.flatMap(tunnelRoutes),
      ...ways.flatMap(({ link, family }) => linkRoutes(link, family)),
    ],
    ownRules: ways.flatMap(({ link, family }) => linkRules(link, family, true)),
    ownFirewall: firewallComments(state.tunnelDevices),
    ownFilters: filterComments(state.filters),
  });
}
