import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openStage } from './rehearsal-stage.ts';

const options = { skip: process.getuid?.() !== 0 && 'binding to an interface needs root' };

test('a worker that is told to return memory collects what nobody has any more', options, async () => {
  const stage = openStage({ links: 1, schedule: 'arrival', classes: [], declared: true });
  try {
    const lost = new WeakRef({ size: 1 });
    // V8 keeps what a weak reference was made of until the turn is over.
    await nextTurn();
    stage.carryOut({ kind: 'returnMemory' });
    assert.equal(lost.deref(), undefined);
  } finally {
    stage.close();
  }
});
