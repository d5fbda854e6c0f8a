import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { niceOf, RAISED_NICE, raiseThreadPriority } from './thread-priority.ts';

const options = { skip: process.getuid?.() !== 0 && 'a thread may be raised by root' };

test('the calling thread is raised, and no other of the process', options, () => {
  assert.equal(raiseThreadPriority(), true);
  const others = readdirSync('/proc/self/task').map(Number);
  const raised = others.filter((thread) => niceOf(thread) === RAISED_NICE);
  // The first thread of a process has its number.
  assert.deepEqual(raised, [process.pid]);
  assert.ok(others.length > 1);
});
