import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PppWay } from '../config/index.ts';
import type { DialFailure } from '../tunnel/demand/demand.ts';
import type { OnDemandLinkConfig } from './link-dialler.ts';
import { PppDialler } from './ppp-dialler.ts';

const never = new AbortController().signal;
const connected = 'echo "dial 0" > $REPORT; echo Serial connection established.';
const up = `${connected}; echo "CHAP authentication succeeded"; echo "local  IP address 10.64.0.2"; echo "primary   DNS address 192.0.2.53"`;
const stay = 'trap "exit 5" TERM; while :; do sleep 0.05; done';
const busy = 'echo "dial 4" > $REPORT; exit 8';

/** In place of pppd a script, another one at each try; the last one again and again. */
function open(context: TestContext, tries: readonly string[], change: Partial<PppWay> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'bs-ppp-'));
  const path = process.env['PATH'];
  context.after(() => {
    process.env['PATH'] = path;
    rmSync(directory, { recursive: true, force: true });
  });
  const write = (name: string, lines: string, mode: number) => {
    writeFileSync(join(directory, name), `${lines}\n`);
    chmodSync(join(directory, name), mode);
  };
  for (const [index, script] of tries.entries()) write(`try-${index}`, script, 0o600);
  const count = `n=$(cat ${directory}/calls 2>/dev/null || echo 0); echo $((n + 1)) > ${directory}/calls`;
  const options = `cp -p "$2" ${directory}/options; REPORT=$(dirname "$2")/chat-report; export REPORT`;
  const next = `[ $n -lt ${tries.length} ] || n=${tries.length - 1}; exec /bin/sh ${directory}/try-$n`;
  write('pppd', `#!/bin/sh\n${count}\n${options}\n${next}`, 0o755);
  write('chat', '#!/bin/sh', 0o755);
  write('password', 'hush', 0o600);
  // No resolver of the machine is to hear of it.
  write('resolvectl', `#!/bin/sh\necho "$@" >> ${directory}/resolver`, 0o755);
  process.env['PATH'] = `${directory}:${path}`;
  const told: string[] = [];
  const tell =
    (what: string) =>
    (_: string, { code }: DialFailure) =>
      void told.push(`${what} ${code}`);
  const dialler = new PppDialler(directory, {
    tryFailed: tell('try'),
    lost: tell('lost'),
    trouble: (problem) => void told.push(problem),
  });
  const way: PppWay = {
    kind: 'ppp',
    device: '/dev/null',
    speed: 115_200,
    phone: '0123',
    account: 'branch12',
    passwordFile: join(directory, 'password'),
    init: ['ATZ'],
    tries: 3,
    pauseMillis: 20,
    answerMillis: 5_000,
    negotiateMillis: 5_000,
    ...change,
  };
  const link = { name: 'modem', interface: 'ppp0', onDemand: { way } } as unknown as OnDemandLinkConfig;
  const hangUp = () => dialler.hangUp('modem', { interface: 'ppp0', withinMillis: 5_000, ppp: true }, 5_000);
  context.after(hangUp);
  const file = (name: string) => join(directory, name);
  const text = (name: string) => (existsSync(file(name)) ? readFileSync(file(name), 'utf8') : '');
  return { dialler, link, told, hangUp, text, file, calls: () => Number(text('calls')) };
}

test('a busy line is called as often as it may be, and told each time', async (context) => {
  const { dialler, link, told, calls } = open(context, [busy]);
  const failure = await dialler.dial(link, never);
  assert.deepEqual(failure, {
    code: 'BS_DIAL_BUSY',
    message: 'The modem says BUSY, calling 0123. That was try 3 of 3.',
  });
  assert.deepEqual([told, calls()], [['try BS_DIAL_BUSY', 'try BS_DIAL_BUSY'], 3]);
});

test('a refused password ends the dial at once', async (context) => {
  const { dialler, link, told, calls } = open(context, [
    `${connected}; echo CHAP authentication failed; exit 19`,
  ]);
  const failure = await dialler.dial(link, never);
  assert.deepEqual([failure?.code, failure?.lasting, told, calls()], ['BS_PPP_REFUSED', true, [], 1]);
});

test('a line that comes up gives its name servers to the system, and takes them back at the end', async (context) => {
  const { dialler, link, told, hangUp, text, file } = open(context, [busy, `${up}; ${stay}`]);
  assert.equal(await dialler.dial(link, never), undefined);
  assert.deepEqual([told, dialler.nameServers('modem')], [['try BS_DIAL_BUSY'], ['192.0.2.53']]);
  assert.match(text('options'), /^password "hush"$/m);
  assert.equal(statSync(file('options')).mode & 0o777, 0o600, 'as pppd saw it');
  assert.equal(existsSync(file('ppp/modem/options')), false, 'nothing secret is left');
  for (const name of ['connect', 'dial.chat', 'log'])
    assert.equal(statSync(file(`ppp/modem/${name}`)).mode & 0o777, 0o600);
  assert.equal(await hangUp(), undefined);
  assert.equal(text('resolver'), 'dns ppp0 192.0.2.53\nrevert ppp0\n');
  assert.deepEqual([told, dialler.nameServers('modem')], [['try BS_DIAL_BUSY'], []], 'hanging up is no loss');
});

test('a line that drops is told once', async (context) => {
  const { dialler, link, told, hangUp } = open(context, [`${up}; sleep 1; echo Modem hangup; exit 16`]);
  assert.equal(await dialler.dial(link, never), undefined);
  for (let wait = 0; told.length === 0 && wait < 100; wait += 1) await sleep(50);
  assert.equal(await hangUp(), undefined);
  assert.deepEqual([told, dialler.nameServers('modem')], [['lost BS_PPP_DROPPED'], []]);
});

test('a negotiation that comes to no end is ended, and told as that', async (context) => {
  const way = { tries: 1, negotiateMillis: 300 };
  const { dialler, link } = open(context, [`${connected}; ${stay}`], way);
  const failure = await dialler.dial(link, never);
  assert.equal(failure?.code, 'BS_PPP_TIMEOUT');
  assert.match(failure?.message ?? '', /LCP did not come to an end within 0\.3 s/);
});

test('a chat script that never ends is ended, called again, and told as that', async (context) => {
  const way = { tries: 2, answerMillis: 100, init: [] };
  const { dialler, link, told, calls } = open(context, [`echo "expect (OK)"; ${stay}`], way);
  const failure = await dialler.dial(link, never);
  assert.deepEqual([failure?.code, told, calls()], ['BS_PPP_FAILED', ['try BS_PPP_FAILED'], 2]);
  assert.match(
    failure?.message ?? '',
    /^chat came to no end within 0\.1 s, calling 0123; it said: expect \(OK\)/,
  );
});

test('a dial is ended when the daemon stops, while it calls and between two tries', async (context) => {
  for (const [script, pauseMillis] of [
    [stay, 20],
    [busy, 60_000],
  ] as const) {
    await context.test(script, async (context) => {
      const { dialler, link, calls } = open(context, [script], { pauseMillis });
      const abort = new AbortController();
      const dial = dialler.dial(link, abort.signal);
      await sleep(500);
      assert.deepEqual(dialler.progress('modem').dial?.try, pauseMillis === 20 ? 1 : undefined);
      abort.abort();
      assert.equal((await dial)?.code, 'BS_DIAL_FAILED');
      assert.equal(calls(), 1);
    });
  }
});

test('what is missing on the machine is told without a call', async (context) => {
  for (const [change, code] of [
    [{ device: '/dev/no-such-modem' }, 'BS_MODEM_MISSING'],
    [{ passwordFile: '/nowhere/password' }, 'BS_PASSWORD_UNUSABLE'],
  ] as const) {
    const { dialler, link, told, calls } = open(context, [busy], change);
    assert.equal((await dialler.dial(link, never))?.code, code);
    assert.deepEqual([told, calls()], [[], 0]);
  }
});

test('a line of an earlier run that is gone is told', (context) => {
  const { dialler, link, told } = open(context, [busy]);
  dialler.adopt(link);
  assert.deepEqual(told, ['lost BS_PPP_DROPPED']);
});
