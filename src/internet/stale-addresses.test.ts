import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StaleAddresses } from './stale-addresses.ts';

const way = (text: string, family: 4 | 6 = 4) => ({ link: 'fibre', family, address: { text } });

test('connections from an address that is not there any more are cut off, once and of that family only', () => {
  const addresses = new StaleAddresses();
  assert.deepEqual(addresses.look([way('192.0.2.1'), way('2001:db8::1', 6)]), []);
  assert.deepEqual(addresses.look([way('192.0.2.2'), way('2001:db8::1', 6)]), [{ link: 'fibre', family: 4 }]);
  assert.deepEqual(addresses.look([way('192.0.2.2'), way('2001:db8::1', 6)]), []);
});

test('a link that comes back with its address keeps its connections, one with another does not', () => {
  const addresses = new StaleAddresses();
  addresses.look([way('192.0.2.1')]);
  addresses.look([]);
  assert.deepEqual(addresses.look([way('192.0.2.1')]), []);
  addresses.look([]);
  assert.deepEqual(addresses.look([way('192.0.2.9')]), [{ link: 'fibre', family: 4 }]);
});
