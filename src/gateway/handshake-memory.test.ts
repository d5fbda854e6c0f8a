import assert from 'node:assert/strict';
import { it, mock } from 'node:test';
import { HandshakeMemory } from './handshake-memory.ts';

it('gives memory back once, after the last handshake of a row', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const given: number[] = [];
  const memory = new HandshakeMemory((handshakes) => given.push(handshakes));
  for (let second = 0; second < 10; second++) {
    memory.used();
    mock.timers.tick(1_000);
  }
  assert.deepEqual(given, []);
  mock.timers.tick(4_000);
  assert.deepEqual(given, [10]);
  memory.used();
  memory.close();
  mock.timers.tick(60_000);
  assert.deepEqual(given, [10]);
  mock.timers.reset();
});
