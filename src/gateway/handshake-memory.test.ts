import assert from 'node:assert/strict';
import { it, mock } from 'node:test';
import { HandshakeMemory } from './handshake-memory.ts';

it('gives memory back once, after the last handshake of a row', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let given = 0;
  const memory = new HandshakeMemory(() => given++);
  for (let second = 0; second < 10; second++) {
    memory.used();
    mock.timers.tick(1_000);
  }
  assert.equal(given, 0);
  mock.timers.tick(4_000);
  assert.equal(given, 1);
  memory.used();
  memory.close();
  mock.timers.tick(60_000);
  assert.equal(given, 1);
  mock.timers.reset();
});
