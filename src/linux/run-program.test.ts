import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { BackstayError } from '../errors.ts';
import { runProgram, tryProgram } from './run-program.ts';

test('a program gets its input and answers in the C locale', async () => {
  assert.equal(await runProgram('sh', ['-c', 'cat; echo $LC_ALL'], { input: 'in\n' }), 'in\nC\n');
});

test('a large input to a program that does not read it is judged by the exit status', async () => {
  assert.equal(await runProgram('true', [], { input: 'x'.repeat(1_000_000) }), '');
});

test('a failing program is an error with what it said, or an answer', async () => {
  const failing = ['-c', 'echo no such route >&2; exit 3'];
  await assert.rejects(runProgram('sh', failing), (error) => {
    assert.ok(error instanceof BackstayError && error.code === 'BS_PROGRAM_FAILED');
    assert.match(error.message, /no such route/);
    return true;
  });
  assert.deepEqual(await tryProgram('sh', failing), { status: 3, stdout: '', stderr: 'no such route\n' });
});

test('a missing program, and one that a signal ended, are errors', async () => {
  await assert.rejects(tryProgram('bs-no-such-program', []), { code: 'BS_PROGRAM_MISSING' });
  await assert.rejects(tryProgram('sh', ['-c', 'kill -9 $$']), { code: 'BS_PROGRAM_FAILED' });
});

test('a program whose child stays behind is not waited for longer than it runs, nor one that closes every file', async () => {
  const begin = performance.now();
  const { stdout } = await tryProgram('sh', ['-c', 'sleep 4 & echo $!']);
  assert.ok(performance.now() - begin < 3_000);
  process.kill(Number(stdout));
  const closing = 'exec 3>&-; sleep 0.3; echo late; exit 4';
  assert.deepEqual(await tryProgram('sh', ['-c', closing]), { status: 4, stdout: 'late\n', stderr: '' });
});

test('a program has signals as a new process has them, and none of our files', async () => {
  const status = await runProgram('cat', ['/proc/self/status']);
  const setOf = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s(\\w+)$`, 'm').exec(status)?.[1]}`);
  assert.equal(setOf('SigBlk'), 0n);
  // Signals 32 and 33 are the C library's own.
  assert.equal(setOf('SigIgn') & ~0x1_8000_0000n, 0n);
  const file = openSync('/dev/null', 'r');
  const files = await runProgram('ls', ['/proc/self/fd']);
  closeSync(file);
  assert.ok(!files.trim().split('\n').includes(`${file}`), files);
});

test('a program that says too much is ended', async () => {
  await assert.rejects(tryProgram('sh', ['-c', 'head -c 70M /dev/zero; exec sleep 8']), /says too much/);
});
