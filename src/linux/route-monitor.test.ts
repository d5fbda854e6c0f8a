import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { enterPrivateNetwork } from './private-network.ts';
import { closeRouteMonitor, drainRouteMonitor, openRouteMonitor } from './route-monitor.ts';
import { runProgram } from './run-program.ts';

const root = process.getuid?.() === 0;
if (root) enterPrivateNetwork();
const fd = openRouteMonitor();
after(() => closeRouteMonitor(fd));

test('links, addresses, routes and rules of both families are noticed, each once', {
  skip: !root,
}, async () => {
  const changes = [
    'link set lo up',
    'link set lo mtu 30000',
    'address add 10.0.0.1/32 dev lo',
    '-6 address add fd00::1/128 dev lo nodad',
    'route add 10.1.0.0/16 dev lo',
    '-6 route add fd00:1::/64 dev lo',
    'rule add pref 9 lookup 9',
    '-6 rule add pref 9 lookup 9',
  ];
  for (const change of changes) {
    await runProgram('ip', change.split(' '));
    assert.equal(drainRouteMonitor(fd), true, change);
    assert.equal(drainRouteMonitor(fd), false, change);
  }
});

test('more changes than the socket can hold are still one change', { skip: !root }, async () => {
  const routes = Array.from(
    { length: 4000 },
    (_, index) => `route add 10.${index >> 8}.${index & 255}.0/24 dev lo table 99`,
  );
  await runProgram('ip', ['-batch', '-'], { input: routes.join('\n') });
  assert.equal(drainRouteMonitor(fd), true);
  assert.equal(drainRouteMonitor(fd), false);
});
