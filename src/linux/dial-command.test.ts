import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runDialCommand } from './dial-command.ts';

const shell = (script: string, timeoutMillis = 5_000) =>
  runDialCommand({ words: ['/bin/sh', '-c', script], timeoutMillis, environment: { BACKSTAY_LINK: 'lte' } });

test('a command that ends well answers nothing, and knows its link', async () => {
  assert.equal(await shell('test "$BACKSTAY_LINK" = lte'), undefined);
});

test('arguments are given as they are, without a shell', async () => {
  const words = ['/usr/bin/test', '$HOME; exit 1', '=', '$HOME; exit 1'];
  assert.equal(await runDialCommand({ words, timeoutMillis: 5_000, environment: {} }), undefined);
});

test('a failure is told with the end of what the command said', async () => {
  const failure = await shell('echo dialling; seq 100000; echo NO CARRIER >&2; exit 7');
  assert.match(failure ?? '', /ended with status 7: .*NO CARRIER$/s);
  assert.ok((failure ?? '').length < 1_200);
  assert.match((await shell('kill -9 $$')) ?? '', /was ended by SIGKILL/);
});

test('a program that is not there is a failure, not an exception', async () => {
  const command = { words: ['/no/such/program'], timeoutMillis: 1_000, environment: {} };
  assert.match((await runDialCommand(command)) ?? '', /`\/no\/such\/program` cannot be run \(ENOENT\)/);
});

test('a command that is too slow is killed with all that it started', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bs-dial-'));
  const mark = join(directory, 'mark');
  const begin = performance.now();
  const failure = await shell(`(sleep 1; touch ${mark}) & wait`, 200);
  assert.match(failure ?? '', /did not end within 0.2 s and was killed/);
  assert.ok(performance.now() - begin < 900);
  await sleep(1_200);
  assert.equal(existsSync(mark), false);
  rmSync(directory, { recursive: true });
});

test('what a command leaves in the background neither delays its end nor is killed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'bs-dial-'));
  const mark = join(directory, 'mark');
  const begin = performance.now();
  assert.equal(await shell(`(sleep 0.5; echo still here; touch ${mark}) & exit 0`), undefined);
  assert.ok(performance.now() - begin < 450);
  await sleep(900);
  assert.equal(existsSync(mark), true);
  rmSync(directory, { recursive: true });
});
