import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DesiredTunnelDevice } from './desired-state.ts';
import { firewallComments, firewallScript } from './forwarding.ts';

function device(number: number, mtu: number): DesiredTunnelDevice {
  const name = `bs-${number}`;
  return { tunnel: name, name, addresses: [], networks: [], mtu, gsoMaxBytes: 65_536, queuePackets: 500 };
}

describe('the table of segment sizes', () => {
  it('asks a packet no more rules for hundreds of tunnels than for one', () => {
    const many = Array.from({ length: 500 }, (_, number) => device(number, 1418));
    assert.equal(firewallComments(many)?.length, 3);
    assert.match(firewallScript(many), /oifname \{ "bs-0", "bs-1", .*"bs-499" \} tcp flags syn/);
  });

  it('tells each size to its own tunnels', () => {
    const script = firewallScript([device(1, 1418), device(2, 1318), device(3, 1418)]);
    assert.match(script, /iifname \{ "bs-1", "bs-3" \} meta nfproto ipv4 .* set 1378 /);
    assert.match(script, /iifname \{ "bs-2" \} meta nfproto ipv6 .* set 1258 /);
  });

  it('is known by its comments: another tunnel or size gives others, nft(8) keeps 128 bytes of each', () => {
    const tables = [
      [device(1, 1418)],
      [device(2, 1418)],
      [device(1, 1318)],
      [device(1, 1418), device(2, 1418)],
    ];
    const comments = tables.map((devices) => firewallComments(devices) ?? []);
    assert.equal(new Set(comments.map((list) => list.join('\n'))).size, tables.length);
    assert.ok(comments.flat().every((comment) => comment.length < 128));
    assert.equal(firewallComments([]), undefined);
  });
});
