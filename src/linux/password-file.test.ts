import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BackstayError } from '../errors.ts';
import { readPasswordFile } from './password-file.ts';

function place(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'bs-password-'));
  context.after(() => rmSync(directory, { recursive: true }));
  return join(directory, 'isp.password');
}

function refusal(path: string): string {
  try {
    readPasswordFile(path);
  } catch (error) {
    assert.ok(error instanceof BackstayError);
    assert.equal(error.code, 'BS_PASSWORD_UNUSABLE');
    return error.message;
  }
  return assert.fail('the file was taken');
}

test('a password is one line, with or without its end', (context) => {
  const path = place(context);
  for (const [text, password] of [
    ['secret', 'secret'],
    [' a "b" \\c# \n', ' a "b" \\c# '],
    ['windows\r\n', 'windows'],
    [`${'x'.repeat(255)}\r\n`, 'x'.repeat(255)],
  ] as const) {
    writeFileSync(path, text, { mode: 0o600 });
    assert.equal(readPasswordFile(path), password);
  }
});

test('a file that others can reach, or that somebody else wrote, is refused', {
  skip: process.getuid?.() !== 0,
}, (context) => {
  const path = place(context);
  writeFileSync(path, 'secret\n', { mode: 0o600 });
  chmodSync(path, 0o640);
  assert.equal(refusal(path), 'Its mode is 0640, others can reach it.');
  chmodSync(path, 0o600);
  chownSync(path, 65_534, 65_534);
  assert.match(refusal(path), /^It belongs to user 65534/);
});

test('what is no password is refused without being shown', (context) => {
  const path = place(context);
  assert.equal(refusal(path), 'There is no such file.');
  assert.equal(refusal(tmpdir()), 'It is not a regular file.');
  for (const text of ['', '\n', 'hush\nhush\n', 'hush\0', 'hush\u00e9', 'hush'.repeat(100)]) {
    writeFileSync(path, text, { mode: 0o600 });
    assert.doesNotMatch(refusal(path), /hush/);
  }
});
