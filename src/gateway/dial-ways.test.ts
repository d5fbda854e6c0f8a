import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Endpoint, parseIpAddress } from '../network/ip-address.ts';
import type { ControlLink } from '../tunnel/control/path-mapping.ts';
import { dialWays } from './dial-ways.ts';

function link(name: string, ...addresses: string[]): ControlLink {
  return { name, index: 0, addresses: addresses.map((text) => parseIpAddress(text)!), port: 4500 };
}

function remote(text: string): Endpoint {
  return { address: parseIpAddress(text)!, port: 4500 };
}

function keys(links: ControlLink[], ...remotes: string[]): string[] {
  return dialWays(links, remotes.map(remote)).map(({ key }) => key);
}

describe('the ways to dial a peer', () => {
  it('are every address of the peer from every link, neighbours differing in both ends', () => {
    const links = [link('one', '192.0.2.1'), link('two', '192.0.2.2')];
    assert.deepEqual(keys(links, '198.51.100.1', '198.51.100.2'), [
      'one 192.0.2.1 198.51.100.1:4500',
      'two 192.0.2.2 198.51.100.2:4500',
      'two 192.0.2.2 198.51.100.1:4500',
      'one 192.0.2.1 198.51.100.2:4500',
    ]);
  });

  it('are none where the families differ', () => {
    assert.deepEqual(keys([link('one', '192.0.2.1')], '2001:db8::1'), []);
    const both = link('one', '192.0.2.1', '2001:db8::9');
    assert.deepEqual(keys([both], '2001:db8::1'), ['one 2001:db8::9 [2001:db8::1]:4500']);
  });

  it('are none without links or addresses', () => {
    assert.deepEqual(keys([], '198.51.100.1'), []);
    assert.deepEqual(keys([link('one', '192.0.2.1')]), []);
  });
});
