import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Doze } from './doze.ts';

const SECOND = 1_000_000;

describe('how long the worker sleeps', () => {
  it('is until something is due while nobody talks', () => {
    const doze = new Doze();
    assert.equal(doze.timeout(-1, 5 * SECOND), -1);
    assert.equal(doze.timeout(250, 5 * SECOND), 250);
  });

  it('is a nap for a second after data, and no longer than what is due', () => {
    const doze = new Doze();
    doze.talked(5 * SECOND);
    assert.equal(doze.timeout(-1, 5 * SECOND), 2);
    assert.equal(doze.timeout(250, 5.9 * SECOND), 2);
    assert.equal(doze.timeout(1, 5.9 * SECOND), 1);
    assert.equal(doze.timeout(0, 5.9 * SECOND), 0);
    assert.equal(doze.timeout(-1, 6 * SECOND), -1);
    assert.equal(doze.timeout(250, 6 * SECOND), 250);
  });
});
