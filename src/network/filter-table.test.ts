import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterRule, TunnelFilter } from './filter-rule.ts';
import { filterComments, filterScript } from './filter-table.ts';
import { parsePrefix } from './ip-address.ts';

const rule: FilterRule = {
  list: 'tunnel',
  position: 1,
  name: undefined,
  action: 'accept',
  direction: 'both',
  from: [],
  to: [],
  protocols: [],
  ports: [],
  sourcePorts: [],
};

const office: TunnelFilter = {
  tunnel: 'office',
  device: 'bs-office',
  rules: [
    { ...rule, list: 'gateway', name: 'no-telnet', action: 'reject', protocols: ['tcp'], ports: [port(23)] },
    {
      ...rule,
      name: 'web',
      direction: 'out',
      to: [parsePrefix('10.2.0.0/16')!, parsePrefix('fd00:2::/48')!],
      protocols: ['tcp'],
      ports: [port(80), port(443)],
    },
    { ...rule, position: 2, action: 'drop', direction: 'in', protocols: ['icmp'] },
    { ...rule, position: 3, action: 'reject' },
  ],
  otherwise: 'accept',
};

const plant: TunnelFilter = {
  tunnel: '9th-plant',
  device: 'bs-9th-plant',
  rules: [{ ...rule, action: 'reject', direction: 'out', protocols: ['udp', 'tcp'], ports: [port(53)] }],
  otherwise: 'drop',
};

test('two tunnels: each is asked about what comes from it and what goes into it', () => {
  assert.equal(
    withoutDigests(filterScript([office, plant])),
    `table inet backstay-filters
delete table inet backstay-filters
table inet backstay-filters {
  counter established-of-office { }
  counter gateway-rule-1-of-office { }
  counter rule-1-of-office { }
  counter rule-2-of-office { }
  counter rule-3-of-office { }
  counter default-of-office { }
  counter established-of-9th-plant { }
  counter rule-1-of-9th-plant { }
  counter default-of-9th-plant { }
  chain in-office {
    ct state established,related counter name "established-of-office" return comment "accepted connections"
    meta l4proto 6 th dport 23 counter name "gateway-rule-1-of-office" reject with tcp reset comment "no-telnet"
    meta l4proto { 1, 58 } counter name "rule-2-of-office" drop comment "tunnel rule 2"
    meta l4proto 6 counter name "rule-3-of-office" reject with tcp reset comment "tunnel rule 3"
    counter name "rule-3-of-office" reject with icmpx admin-prohibited comment "tunnel rule 3"
    counter name "default-of-office" return comment "everything else"
  }
  chain out-office {
    ct state established,related counter name "established-of-office" return comment "accepted connections"
    meta l4proto 6 th dport 23 counter name "gateway-rule-1-of-office" reject with tcp reset comment "no-telnet"
    ip daddr 10.2.0.0/16 meta l4proto 6 th dport { 80, 443 } counter name "rule-1-of-office" return comment "web"
    ip6 daddr fd00:2::/48 meta l4proto 6 th dport { 80, 443 } counter name "rule-1-of-office" return comment "web"
    meta l4proto 6 counter name "rule-3-of-office" reject with tcp reset comment "tunnel rule 3"
    counter name "rule-3-of-office" reject with icmpx admin-prohibited comment "tunnel rule 3"
    counter name "default-of-office" return comment "everything else"
  }
  chain in-9th-plant {
    ct state established,related counter name "established-of-9th-plant" return comment "accepted connections"
    counter name "default-of-9th-plant" drop comment "everything else"
  }
  chain out-9th-plant {
    ct state established,related counter name "established-of-9th-plant" return comment "accepted connections"
    meta l4proto 6 th dport 53 counter name "rule-1-of-9th-plant" reject with tcp reset comment "tunnel rule 1"
    meta l4proto 17 th dport 53 counter name "rule-1-of-9th-plant" reject with icmpx admin-prohibited comment "tunnel rule 1"
    counter name "default-of-9th-plant" drop comment "everything else"
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "bs-office" jump in-office comment "in office"
    iifname "bs-9th-plant" jump in-9th-plant comment "in 9th-plant"
    oifname "bs-office" jump out-office comment "out office"
    oifname "bs-9th-plant" jump out-9th-plant comment "out 9th-plant"
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "bs-office" jump in-office comment "in office"
    iifname "bs-9th-plant" jump in-9th-plant comment "in 9th-plant"
  }
  chain output {
    type filter hook output priority filter; policy accept;
    oifname "bs-office" jump out-office comment "out office"
    oifname "bs-9th-plant" jump out-9th-plant comment "out 9th-plant"
  }
}
`,
  );
});

test('without filters there is no table', () => {
  assert.equal(filterScript([]), 'table inet backstay-filters\ndelete table inet backstay-filters\n');
  assert.equal(filterComments([]), undefined);
});

test('the comments are those of the script, in its order and within what the kernel keeps', () => {
  const inScript = [...filterScript([office, plant]).matchAll(/comment "(.*)"$/gm)].map(([, text]) => text);
  assert.deepEqual(filterComments([office, plant]), inScript);
  const longest = { ...office, tunnel: 'x'.repeat(31), rules: [{ ...rule, name: 'y'.repeat(31) }] };
  for (const comment of filterComments([longest]) ?? []) assert.ok(comment.length < 128, comment);
});

test('every difference of a filter is one of its comments', () => {
  const [gatewayRule, web, ...others] = office.rules;
  const changedTo = (changes: Partial<FilterRule>): TunnelFilter => ({
    ...office,
    rules: [gatewayRule!, { ...web!, ...changes }, ...others],
  });
  const different = [
    office,
    changedTo({ action: 'drop' }),
    changedTo({ direction: 'in' }),
    changedTo({ ports: [port(80)] }),
    changedTo({ sourcePorts: [port(80), port(443)], ports: [] }),
    changedTo({ to: [parsePrefix('10.2.0.0/17')!, parsePrefix('fd00:2::/48')!] }),
    changedTo({ protocols: ['udp'] }),
    changedTo({ name: 'internet' }),
    { ...office, rules: office.rules.toReversed() },
    { ...office, otherwise: 'drop' as const },
    { ...office, device: 'bs-other' },
    { ...office, tunnel: 'other' },
  ];
  const texts = different.map((filter) => JSON.stringify(filterComments([filter])));
  assert.equal(new Set(texts).size, different.length);
});

function port(number: number) {
  return { first: number, last: number };
}

function withoutDigests(script: string): string {
  return script.replaceAll(/: [0-9a-f]{16}"/g, '"');
}
