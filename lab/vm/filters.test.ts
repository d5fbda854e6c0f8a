/** Debian's kernel has what traffic filters need, and loads it by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterRule } from '../../src/network/filter-rule.ts';
import { filterScript } from '../../src/network/filter-table.ts';
import { parsePrefix } from '../../src/network/ip-address.ts';
import { runInVm } from './machine.ts';

/** Every kind of condition and verdict, as small as it gets. */
const rule: FilterRule = {
  list: 'tunnel',
  position: 1,
  name: undefined,
  action: 'reject',
  direction: 'both',
  from: ['10.1.0.0/16', 'fd00:1::/48'].map((text) => parsePrefix(text)!),
  to: [],
  protocols: ['tcp', 'udp'],
  ports: [
    { first: 53, last: 53 },
    { first: 8000, last: 8100 },
  ],
  sourcePorts: [],
};

test('Debian’s kernel takes filters, and connection tracking with them', async () => {
  const script = filterScript([{ tunnel: 'office', device: 'bs-office', rules: [rule], otherwise: 'drop' }]);
  const command = ['sh', '-c', 'echo "$SCRIPT" | nft -f - && nft list ruleset && cat /proc/modules'];
  const { exitStatus, stdout, stderr } = await runInVm({ command, env: { SCRIPT: script } });
  assert.equal(exitStatus, 0, stderr);
  assert.match(stdout, /counter name "rule-1-of-office" reject with tcp reset/);
  assert.match(stdout, /counter name "rule-1-of-office" reject with icmpx admin-prohibited/);
  for (const module of ['nf_conntrack', 'nft_ct', 'nft_objref', 'nft_reject_inet'])
    assert.match(stdout, new RegExp(`^${module} `, 'm'));
});
