import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { isDaemonRunning, lockInstance } from './instance-lock.ts';
import { enterPrivateNetwork } from './private-network.ts';

const root = process.getuid?.() === 0;
if (root) enterPrivateNetwork();
const state = mkdtempSync(`${tmpdir()}/bs-host-`);
const otherState = mkdtempSync(`${tmpdir()}/bs-host-`);
after(() => {
  rmSync(state, { recursive: true });
  rmSync(otherState, { recursive: true });
});

test('a second daemon is told who runs; after a release the next may', { skip: !root }, async () => {
  const lock = await lockInstance(state);
  await assert.rejects(lockInstance(state), {
    code: 'BS_ALREADY_RUNNING',
    message: `Process ${process.pid} works with ${state}.`,
  });
  await assert.rejects(lockInstance(otherState), {
    code: 'BS_ALREADY_RUNNING',
    message: /network namespace/,
  });
  assert.equal(await isDaemonRunning(), true);
  lock.release();
  assert.equal(await isDaemonRunning(), false);
  (await lockInstance(state)).release();
});

test('a killed daemon leaves no lock', { skip: !root }, async () => {
  const program = `import(${JSON.stringify(new URL('./instance-lock.ts', import.meta.url).href)})
    .then(({ lockInstance }) => lockInstance(${JSON.stringify(state)}))
    .then(() => { console.log('locked'); setInterval(() => {}, 1000); });`;
  const holder = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  await assert.rejects(lockInstance(state), { message: new RegExp(`Process ${holder.pid} `) });
  holder.kill('SIGKILL');
  await once(holder, 'close');
  (await lockInstance(state)).release();
});

test('a state directory that cannot be made is an error', { skip: !root }, async () => {
  await assert.rejects(lockInstance('/proc/no-such-directory'), { code: 'BS_STATE_UNWRITABLE' });
});
