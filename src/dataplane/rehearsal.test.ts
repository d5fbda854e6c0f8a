import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbound } from './outbound.ts';
import { rehearse } from './rehearsal.ts';

const options = { skip: process.getuid?.() !== 0 && 'binding to an interface needs root' };

test('the packet path brings packets through unharmed on this machine', options, () => {
  assert.equal(rehearse(5), true);
});

test('a packet path that harms packets is found out', options, (t) => {
  const drain = Outbound.prototype.drain;
  let harmed = 0;
  t.mock.method(Outbound.prototype, 'drain', function (this: Outbound, ...args: Parameters<typeof drain>) {
    harmed++;
    // From the second packet on nothing leaves.
    if (harmed < 2) drain.apply(this, args);
  });
  assert.throws(() => rehearse(5), { code: 'BS_SELF_TEST_FAILED' });
});
