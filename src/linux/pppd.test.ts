import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PppWay } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import { PppLog } from '../link/dial/ppp-log.ts';
import { findLine, type LineStart, startLine } from './pppd.ts';

const way: PppWay = {
  kind: 'ppp',
  device: '/dev/null',
  speed: 115_200,
  phone: '0123',
  account: 'branch12',
  passwordFile: '/p',
  init: ['ATZ'],
  tries: 1,
  pauseMillis: 1_000,
  answerMillis: 5_000,
  negotiateMillis: 5_000,
};

/** @param script what runs in place of pppd */
function place(context: TestContext, script: string): LineStart {
  const state = mkdtempSync(join(tmpdir(), 'bs-line-'));
  context.after(() => rmSync(state, { recursive: true, force: true }));
  const pppd = join(state, 'fake');
  writeFileSync(pppd, `#!/bin/sh\n${script}\n`);
  chmodSync(pppd, 0o755);
  const programs = { pppd, chat: '/usr/sbin/chat' };
  return { state, link: 'modem', interface: 'ppp0', way, password: 'hush', programs };
}

const up =
  'echo Serial connection established.; echo "local  IP address 10.64.0.2"; echo "primary   DNS address 192.0.2.53"';

test('a log that grows for months is cut, and what matters of it stays', async (context) => {
  const noise = 'head -c 200000 /dev/zero | tr "\\0" "x" | fold -w 70';
  const start = place(context, `${up}; ${noise}; trap "exit 5" TERM; while :; do sleep 0.05; done`);
  const line = (await startLine(start)) ?? assert.fail('it does not run');
  context.after(() => line.end(3_000));
  const log = join(start.state, 'ppp', 'modem', 'log');
  for (let wait = 0; statSync(log).size < 200_000 && wait < 100; wait += 1) await sleep(50);
  for (let look = 0; look < 5; look += 1) line.look();
  assert.ok(statSync(log).size <= 64 * 1024, `${statSync(log).size}`);
  assert.equal(statSync(log).mode & 0o777, 0o600);
  const successor = new PppLog();
  successor.read(readFileSync(log, 'latin1'));
  for (const reader of [line.log, successor])
    assert.deepEqual(
      [reader.phase, reader.localAddress, reader.nameServers],
      ['up', '10.64.0.2', ['192.0.2.53']],
    );
  assert.equal(await line.end(5_000), true);
  assert.equal(await line.exited, 5);
});

test('nothing of an earlier attempt is taken for the present one', async (context) => {
  const start = place(context, 'ls "$(dirname "$2")"; exit 8');
  const first = (await startLine(start)) ?? assert.fail('it does not run');
  await first.exited;
  writeFileSync(join(start.state, 'ppp', 'modem', 'chat-report'), 'dial 4\n');
  const second = (await startLine(start)) ?? assert.fail('it does not run');
  assert.equal(await second.exited, 8);
  second.look();
  assert.deepEqual(second.log.lastWords, ['connect', 'dial.chat', 'init.chat', 'log', 'options']);
  assert.equal(second.report(), undefined);
  assert.equal(findLine(start.state, 'modem'), undefined);
});

test('an attempt that ends leaves no password behind', async (context) => {
  const start = place(context, 'exit 8');
  const line = (await startLine(start)) ?? assert.fail('it does not run');
  await line.exited;
  await line.end(1_000);
  assert.equal(existsSync(join(start.state, 'ppp', 'modem', 'options')), false);
});

test('a state directory that cannot be written is told', async (context) => {
  const start = { ...place(context, ''), state: '/dev/null' };
  await assert.rejects(startLine(start), (error) => {
    return (
      error instanceof BackstayError && error.code === 'BS_STATE_UNWRITABLE' && !error.line.includes('hush')
    );
  });
});
