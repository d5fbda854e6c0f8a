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

  const limits = { maxPending: 5, maxPendingPerSource: 2, maxWaiting: 4, maxWaitingPerSource: 3 };

  it('never holds more than its limits, and everything is free again in the end', () => {
    const steps = fc.array(fc.record({ source: fc.constantFrom('a', 'b', 'c', 'd'), release: fc.nat(3) }));
    fc.assert(
      fc.property(steps, (list) => {
        const admission = new HandshakeAdmission(limits);
        const there: { source: string; entered: boolean; release: () => void }[] = [];
        const within = (entered: boolean, most: number, mostOfSource: number) => {
          const counted = there.filter((one) => one.entered === entered);
          const ofSource = Object.values(Object.groupBy(counted, (one) => one.source));
          assert.ok(counted.length <= most);
          assert.ok(ofSource.every((list = []) => list.length <= mostOfSource));
          return counted.length;
        };
        for (const { source, release } of list) {
          const [gone] = release === 0 ? there.splice(there.length >> 1, 1) : [];
          gone?.release();
          gone?.release();
          const one = { source, entered: false, release: () => {} };
          const result = admission.admit(source, () => (one.entered = true));
          if (result.admitted) there.push(Object.assign(one, { release: result.release }));
          assert.equal(result.admitted && result.waits === undefined, one.entered);
          assert.equal(admission.pending, within(true, 5, 2));
          assert.equal(admission.waiting, within(false, 4, 3));
        }
        for (const one of there) one.release();
        assert.deepEqual([admission.pending, admission.waiting], [0, 0]);
      }),
    );
  });

  it('lets in who has waited longest and may enter', () => {
    const admission = new HandshakeAdmission(limits);
    const entered: string[] = [];
    const admit = (source: string, name: string) => admission.admit(source, () => void entered.push(name));
    const first = admit('a', 'a1');
    for (const name of ['a2', 'a3', 'a4', 'a5']) admit('a', name);
    assert.deepEqual(admit('a', 'a6'), { admitted: false, reason: 'tooManyPendingOfSource' });
    const other = admit('b', 'b1');
    assert.deepEqual(entered, ['a1', 'a2', 'b1']);
    assert.ok(first.admitted && other.admitted);
    other.release();
    assert.deepEqual(entered, ['a1', 'a2', 'b1'], 'no place of its own source is free');
    first.release();
    first.release();
    assert.deepEqual(entered, ['a1', 'a2', 'b1', 'a3']);
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
