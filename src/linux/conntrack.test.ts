/** Real tracked connections, in a network namespace of the test's own process. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { countConnections, cutConnections } from './conntrack.ts';
import { enterPrivateNetwork } from './private-network.ts';
import { runProgram } from './run-program.ts';

const root = process.getuid?.() === 0;
if (root) enterPrivateNetwork();

test('only connections of this mark and family are cut off', { skip: !root }, async () => {
  await runProgram('ip', ['link', 'set', 'lo', 'up']);
  const input = `table inet t { chain c { type filter hook output priority 0;
    udp dport 7001 ct mark set 0x42540001
    udp dport 7002 ct mark set 0x42540002
  }
  }`;
  await runProgram('nft', ['-f', '-'], { input });
  for (const port of [7001, 7002]) await sendOne('udp4', port, '127.0.0.1');
  await sendOne('udp6', 7001, '::1');
  assert.equal(countConnections(0x42540001, 4), 1);
  assert.equal(countConnections(0x42540002, 4), 1);
  assert.equal(countConnections(0x42540001, 6), 1);
  cutConnections(0x42540001, 4);
  assert.equal(countConnections(0x42540001, 4), 0);
  assert.equal(countConnections(0x42540002, 4), 1);
  assert.equal(countConnections(0x42540001, 6), 1);
  cutConnections(0x42540009, 4);
  assert.equal(countConnections(0x42540002, 4), 1);
});

async function sendOne(type: 'udp4' | 'udp6', port: number, address: string): Promise<void> {
  const socket = createSocket(type);
  const receiver = createSocket(type);
  receiver.bind(port, address);
  await once(receiver, 'listening');
  socket.send('x', port, address);
  await once(receiver, 'message');
  socket.close();
  receiver.close();
}
