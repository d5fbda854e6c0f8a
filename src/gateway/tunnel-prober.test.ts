import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PathState } from '../tunnel/path/path.ts';
import { TunnelProber, type TunnelSight } from './tunnel-prober.ts';

const TIMEOUT_MILLIS = 800;

/** A tunnel whose paths are as `set` says: over the link, and whether another one carries. */
function open() {
  let nowMillis = 1_000;
  let path: PathState | undefined;
  let beside: ReturnType<TunnelSight['beside']>;
  let isThere = true;
  const sight: TunnelSight = {
    over: () => path && { state: path, roundTripMillis: 25 },
    beside: () => beside,
  };
  const prober = new TunnelProber(
    () => (isThere ? sight : undefined),
    'fibre',
    TIMEOUT_MILLIS,
    () => nowMillis,
  );
  return {
    prober,
    set: (state: PathState | undefined, others?: typeof beside) => {
      path = state;
      beside = others;
    },
    leave: () => {
      isThere = false;
    },
    pass: (millis: number) => {
      nowMillis += millis;
    },
  };
}

describe('a tunnel that is asked', () => {
  it('answers while a path over the link is up, after the round trip that it measures', () => {
    const { prober, set, pass } = open();
    set('up');
    assert.equal(prober.ask(7), 'asked');
    pass(10);
    assert.deepEqual(prober.collect(), [{ question: 7, delayMillis: 25 }]);
    assert.deepEqual(prober.collect(), []);
  });

  it('refuses at once where the path is down', () => {
    const { prober, set } = open();
    set('down');
    assert.equal(prober.ask(1), 'asked');
    assert.deepEqual(prober.collect(), [{ question: 1, failure: 'path down' }]);
  });

  it('waits while the path is in doubt, no longer than the question may', () => {
    const { prober, set, pass } = open();
    set('suspect');
    prober.ask(1);
    pass(400);
    assert.deepEqual(prober.collect(), []);
    prober.ask(2);
    pass(500);
    set('up');
    assert.deepEqual(prober.collect(), [{ question: 2, delayMillis: 500 }]);
  });

  it('waits while it is open whether the peer is dead', () => {
    const { prober, set } = open();
    set('down', 'open');
    prober.ask(1);
    assert.deepEqual(prober.collect(), []);
    set('down', 'silent');
    assert.deepEqual(prober.collect(), [{ question: 1, failure: 'path down' }]);
  });

  it('is not asked while it knows nothing: not there yet, not up, or its peer has left', () => {
    const { prober, set, pass, leave } = open();
    assert.equal(prober.ask(1), 'absent');
    pass(60_000);
    set(undefined, undefined);
    assert.equal(prober.ask(2), 'absent');
    set(undefined, 'silent');
    assert.equal(prober.ask(3), 'absent');
    leave();
    assert.equal(prober.ask(4), 'absent');
    assert.deepEqual(prober.collect(), []);
  });

  it('misses a path over this link when the others carry, once it had the time to be laid', () => {
    const { prober, set, pass } = open();
    set(undefined, 'carry');
    pass(9_000);
    assert.equal(prober.ask(1), 'absent');
    pass(2_000);
    assert.equal(prober.ask(2), 'asked');
    assert.deepEqual(prober.collect(), [{ question: 2, failure: 'no path' }]);
  });
});
