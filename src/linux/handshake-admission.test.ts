import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import fc from 'fast-check';
import { HandshakeAdmission, plainAddress, sourceOf } from './handshake-admission.ts';
import { type HandshakeRefusal, HandshakeRefusals, refusalWindowMillis } from './handshake-refusals.ts';

describe('handshake admission', () => {
  it('counts an IPv6 customer as one, and IPv4 as IPv4', () => {
    assert.equal(sourceOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    assert.equal(sourceOf('fe80::1%eth0'), 'fe80::/64');
    assert.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(sourceOf(''), '');
  });

  it('never holds more than its limits, and everything is free again in the end', () => {
    const steps = fc.array(fc.record({ source: fc.constantFrom('a', 'b', 'c', 'd'), release: fc.boolean() }));
    fc.assert(
      fc.property(steps, (list) => {
        const admission = new HandshakeAdmission({ maxPending: 5, maxPendingPerSource: 2 });
        const held: { source: string; release: () => void }[] = [];
        for (const { source, release } of list) {
          if (release) {
            const one = held.shift();
            one?.release();
            one?.release();
            continue;
          }
          const ofSource = held.filter((one) => one.source === source).length;
          const result = admission.admit(source);
          assert.equal(result.admitted, ofSource < 2 && held.length < 5);
          if (result.admitted) held.push({ source, release: result.release });
          assert.equal(admission.pending, held.length);
        }
        for (const one of held) one.release();
        assert.equal(admission.pending, 0);
      }),
    );
  });
});

describe('handshake refusals', () => {
  it('are told at once, then counted until the window is over', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const told: HandshakeRefusal[] = [];
    const refusals = new HandshakeRefusals((refusal) => told.push(refusal));
    for (let number = 0; number < 1000; number++) refusals.add('192.0.2.1', 'unknownKey');
    refusals.add('192.0.2.2', 'handshakeFailed', { code: 'ERR_SSL' });
    assert.deepEqual(
      told.map(({ address, count }) => [address, count]),
      [
        ['192.0.2.1', 1],
        ['192.0.2.2', 1],
      ],
    );
    mock.timers.tick(refusalWindowMillis);
    assert.deepEqual(
      told.slice(2).map(({ address, count }) => [address, count]),
      [['192.0.2.1', 999]],
    );
    refusals.add('192.0.2.1', 'unknownKey');
    assert.equal(told.length, 4);
    refusals.flush();
    mock.timers.reset();
  });

  it('of very many sources are told together', () => {
    const told: HandshakeRefusal[] = [];
    const refusals = new HandshakeRefusals((refusal) => told.push(refusal));
    for (let number = 0; number < 5000; number++) refusals.add(`source ${number}`, 'handshakeTimeout');
    assert.equal(told.length, 129);
    refusals.flush();
    assert.deepEqual([told.length, told.at(-1)!.address, told.at(-1)!.count], [130, 'others', 5000 - 129]);
  });
});
