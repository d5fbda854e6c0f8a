import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PppdProcess } from './pppd-process.ts';

/** In place of pppd `cat`, which waits for as long as nobody writes into the pipe that is its options file. */
async function start(context: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'bs-pppd-'));
  const [program, options, log] = ['pppd', 'options', 'log'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  symlinkSync('/bin/cat', program);
  execFileSync('mkfifo', [options]);
  const line = (await PppdProcess.start(program, options, log)) ?? assert.fail('it does not run');
  context.after(async () => {
    await line.end(3_000);
    rmSync(directory, { recursive: true });
  });
  return { line, options, log };
}

test('a pppd is found again by its options file, and by nothing else', async (context) => {
  const { line, options } = await start(context);
  const found = PppdProcess.find(options) ?? assert.fail('it is not found');
  assert.deepEqual([found.pid, found.isAlive], [line.pid, true]);
  assert.equal(PppdProcess.find(`${options}2`), undefined);
  assert.equal(await found.end(5_000), true);
  assert.deepEqual([line.isAlive, found.isAlive, PppdProcess.find(options)], [false, false, undefined]);
  assert.equal(await found.exited, undefined);
});

test('one that somebody else has started is none of ours', {
  skip: process.getuid?.() !== 0,
}, async (context) => {
  const { line, options } = await start(context);
  await line.end(3_000);
  const program = join(dirname(options), 'pppd');
  chmodSync(dirname(options), 0o755);
  const stranger = spawn(program, ['file', options], { uid: 65_534, gid: 65_534, stdio: 'ignore', cwd: '/' });
  const gone = once(stranger, 'exit');
  await once(stranger, 'spawn');
  assert.ok(readFileSync(`/proc/${stranger.pid}/cmdline`, 'latin1').includes(options));
  assert.equal(PppdProcess.find(options), undefined);
  stranger.kill();
  await gone;
});

test('its exit status and what it said are known', async (context) => {
  const { line, options, log } = await start(context);
  writeFileSync(options, 'said\n');
  assert.equal(await line.exited, 1, 'as there is no file named file');
  assert.equal(line.isAlive, false);
  assert.match(readFileSync(log, 'utf8'), /No such file or directory\n(.*\n)*said\n$/);
});

test('one that does not listen is killed', async (context) => {
  const { line } = await start(context);
  process.kill(line.pid, 'SIGSTOP');
  assert.equal(await line.end(2_500), true);
  assert.equal(line.isAlive, false);
});

test('a program that cannot be run is told', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'bs-pppd-'));
  context.after(() => rmSync(directory, { recursive: true }));
  assert.equal(await PppdProcess.start('/nowhere/pppd', '/o', join(directory, 'log')), undefined);
});
