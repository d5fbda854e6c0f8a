import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandDialler } from './command-dialler.ts';
import type { OnDemandLinkConfig } from './link-dialler.ts';
import { dialledLink, LinkDials } from './link-dials.ts';

const noModem = { dial: () => assert.fail(), hangUp: () => assert.fail() };
const diallers = { command: commandDialler, ppp: noModem };

type Rig = {
  commands: LinkDials;
  troubles: string[];
  state: string;
  log(): string[];
  next(): LinkDials;
};

function open(context: TestContext): Rig {
  const state = mkdtempSync(join(tmpdir(), 'bs-dial-'));
  context.after(() => rmSync(state, { recursive: true }));
  const troubles: string[] = [];
  const next = () => new LinkDials(state, diallers, (problem) => troubles.push(problem));
  const file = join(state, 'log');
  const log = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
  return { commands: next(), troubles, state, log, next };
}

/** Scripts of a shell, which know the log as `$0`. */
function link({ state }: Rig, up: string, down: string): OnDemandLinkConfig {
  const words = (script: string) => ['/bin/sh', '-c', script, join(state, 'log')];
  const way = { kind: 'command', upCommand: words(up), downCommand: words(down) };
  const onDemand = { way, withinMillis: 5_000 };
  return { name: 'lte', interface: 'wwan0', onDemand } as unknown as OnDemandLinkConfig;
}

const down = 'echo down $BACKSTAY_LINK $BACKSTAY_INTERFACE >> $0';

function hangUp(commands: LinkDials, link: OnDemandLinkConfig) {
  return commands.hangUp(link.name, dialledLink(link));
}

test('a link is on record from before it is dialled until it is hung up', async (context) => {
  const rig = open(context);
  const lte = link(rig, 'ls "$(dirname $0)" > $0', down);
  assert.equal(await rig.commands.dial(lte), undefined);
  assert.ok(rig.log().includes('on-demand.json'), 'the command saw the record');
  assert.deepEqual([...rig.next().dialled.keys()], ['lte']);
  assert.equal(await hangUp(rig.commands, lte), undefined);
  assert.equal(rig.log().at(-1), 'down lte wwan0');
  assert.equal(rig.next().dialled.size, 0);
});

test('a link that could not be hung up stays on record', async (context) => {
  const rig = open(context);
  const lte = link(rig, 'true', 'echo modem busy; exit 3');
  await rig.commands.dial(lte);
  assert.match((await hangUp(rig.commands, lte)) ?? '', /status 3: modem busy/);
  assert.deepEqual([...rig.next().dialled.keys()], ['lte']);
});

test('at the end everything that is up is hung up, also what an earlier run left', async (context) => {
  const rig = open(context);
  await rig.commands.dial(link(rig, 'true', down));
  const told: string[] = [];
  const next = rig.next();
  await next.hangUpAll((name) => told.push(name));
  assert.deepEqual([told, rig.log(), next.dialled.size], [['lte'], ['down lte wwan0'], 0]);
});

test('an up-command that runs at the end is ended before the link is hung up', async (context) => {
  const rig = open(context);
  const dialling = rig.commands.dial(link(rig, 'sleep 3; echo up >> $0', down));
  await sleep(200);
  const begin = performance.now();
  await rig.commands.hangUpAll(() => {});
  assert.ok(performance.now() - begin < 2_000);
  assert.match((await dialling)?.message ?? '', /SIGKILL/);
  await sleep(3_000);
  assert.deepEqual(rig.log(), ['down lte wwan0']);
});

test('a down-command that runs at the end gets its time, and does not run twice', async (context) => {
  const rig = open(context);
  const lte = link(rig, 'true', `sleep 0.5; ${down}`);
  await rig.commands.dial(lte);
  const hanging = hangUp(rig.commands, lte);
  const told: string[] = [];
  await rig.commands.hangUpAll((name) => told.push(name));
  assert.equal(await hanging, undefined);
  assert.deepEqual([told, rig.log()], [[], ['down lte wwan0']]);
});

test('a down-command that runs at the end and fails is left to the next start', async (context) => {
  const rig = open(context);
  const lte = link(rig, 'true', `sleep 0.5; ${down}; exit 3`);
  await rig.commands.dial(lte);
  const hanging = hangUp(rig.commands, lte);
  await rig.commands.hangUpAll(() => {});
  assert.match((await hanging) ?? '', /status 3/);
  assert.deepEqual([rig.log(), [...rig.next().dialled.keys()]], [['down lte wwan0'], ['lte']]);
});

test('a link that cannot be hung up at the end is told as trouble, and left to the next start', async (context) => {
  const rig = open(context);
  await rig.commands.dial(link(rig, 'true', 'exit 3'));
  await rig.commands.hangUpAll(() => {});
  assert.match(rig.troubles.join(), /^BS_HANG_UP_FAILED link lte: .*status 3/);
  assert.deepEqual([...rig.next().dialled.keys()], ['lte']);
});

test('a record that cannot be written is told, and the link is dialled all the same', async (context) => {
  const rig = open(context);
  const troubles: string[] = [];
  const commands = new LinkDials(join(rig.state, 'not', 'there'), diallers, (problem) =>
    troubles.push(problem),
  );
  assert.equal(await commands.dial(link(rig, 'true', down)), undefined);
  assert.match(troubles.join(), /^BS_STATE_UNWRITABLE/);
});
