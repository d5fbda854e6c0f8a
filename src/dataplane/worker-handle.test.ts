import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { niceOf, RAISED_NICE } from '../linux/thread-priority.ts';
import { WorkerHandle } from './worker-handle.ts';

const options = { skip: process.getuid?.() !== 0 && 'a thread may be raised by root' };

test('the thread that moves packets gets its turn before others', options, async () => {
  const isPackets = (thread: number) =>
    readFileSync(`/proc/self/task/${thread}/comm`, 'latin1') === 'packets\n';
  const fail = (error: Error) => assert.fail(error);
  const worker = await WorkerHandle.start(() => {}, fail, true);
  try {
    const threads = readdirSync('/proc/self/task').map(Number);
    assert.deepEqual(threads.filter(isPackets).map(niceOf), [RAISED_NICE]);
    assert.equal(niceOf(process.pid), 0);
  } finally {
    await worker.stop();
  }
});
