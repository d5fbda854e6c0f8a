import assert from 'node:assert/strict';
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
