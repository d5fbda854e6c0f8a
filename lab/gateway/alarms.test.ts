/**
 * Alarms of a running gateway: a receiver that swallows everything delays no other, and when it is back it gets the last
 * state; trouble that outlasts a restart is told once; the keepalive log has the polls (S1.7, S1.11, P7).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebhookDocument } from '../../src/alarm/webhook-document.ts';
import { outside } from '../addressing.ts';
import type { Child } from '../child.ts';
import { JournalWatch } from './journal-watch.ts';
import { attempt, program } from './refusal.ts';
import { openSitePair, type SitePair } from './site-pair.ts';

const serverPath = join(import.meta.dirname, 'alarms', 'webhook-main.ts');
const line = { rateMbit: 50, delayMillis: 10 };
const ports = { good: '8090', bad: '8091' };
/** In this time a receiver that answers has what happened. */
const PROMPT_MILLIS = 3_000;
/** Past the time in which recoveries are set aside after a start, and the longest pause between two attempts. */
const PATIENT_MILLIS = 100_000;

describe('alarms of a gateway', () => {
  let pair: SitePair;
  let good: Child;
  let bad: Child;
  const directory = mkdtempSync(join(tmpdir(), 'bs-alarms-'));
  const log = join(directory, 'keepalive.log');

  async function serve(port: string, mode: 'answers' | 'swallows', namespace = pair.sites.gatewayA) {
    const server = await namespace.spawn(process.execPath, [serverPath, port, mode]);
    await server.waitFor(/listening/);
    return server;
  }

  before(async () => {
    const probe = { targets: [{ icmp: outside(0, 2).v4 }], timeout: '300ms', interval: '100ms' };
    pair = await openSitePair('alarms', {
      shape: 'nat',
      profile: [line, line],
      overrides: {
        a: {
          links: { link0: { probe } },
          alarms: {
            'keepalive-log': log,
            webhooks: Object.values(ports).map((port) => ({ url: `http://127.0.0.1:${port}/hook` })),
          },
        },
      },
      prepare: async ({ gatewayA }) => {
        good = await serve(ports.good, 'answers', gatewayA);
        bad = await serve(ports.bad, 'swallows', gatewayA);
      },
    });
  });
  after(async () => {
    await pair?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const told = (server: Child) =>
    server.output
      .split('\n')
      .filter((text) => text.startsWith('{'))
      .map((text) => JSON.parse(text) as WebhookDocument);

  async function waitForAlarm(server: Child, kind: string, name: string, withinMillis = PROMPT_MILLIS) {
    const deadline = performance.now() + withinMillis;
    for (;;) {
      const found = told(server).find((alarm) => alarm.kind === kind && alarm.name === name);
      if (found !== undefined) return found;
      if (performance.now() > deadline) assert.fail(`no ${kind} of ${name}:\n${server.output}`);
      await sleep(20);
    }
  }

  it('are delayed by no receiver that swallows them, which gets the last state when it is back', async () => {
    const watch = await JournalWatch.start(pair.a);
    await pair.sites.link(0).set({ blackHole: true });
    await watch.waitFor('linkDown', ({ subject }) => subject.name === 'link0');
    const down = await waitForAlarm(good, 'linkDown', 'Link link0');
    assert.equal(down.role, 'trouble');
    const failed = await watch.waitFor('alarmReceiverFailed', undefined, 15_000);
    assert.equal(failed.evidence.message, 'no answer within 10 s');
    // The others are told of it, once.
    await waitForAlarm(good, 'alarmReceiverFailed', 'Gateway site-a');
    await pair.sites.link(0).set({ blackHole: false });
    await waitForAlarm(good, 'linkUp', 'Link link0', PATIENT_MILLIS);
    bad.killNow();
    await bad.exited;
    bad = await serve(ports.bad, 'answers');
    const last = await waitForAlarm(bad, 'linkUp', 'Link link0', PATIENT_MILLIS);
    assert.equal(last.replaced > 0, true);
    assert.deepEqual(
      told(bad)
        .filter(({ matter }) => matter === last.matter)
        .map(({ kind }) => kind),
      ['linkUp'],
    );
    await waitForAlarm(good, 'alarmReceiverRecovered', 'Gateway site-a');
    assert.equal(told(good).filter(({ kind }) => kind === 'alarmReceiverFailed').length, 1);
    assert.deepEqual(
      told(bad).filter(({ kind }) => kind.startsWith('alarmReceiver')),
      [],
    );
  });

  it('write the failed polls and the changes to the keepalive log', () => {
    const text = readFileSync(log, 'utf8');
    const { v4 } = outside(0, 2);
    assert.match(text, /^\S+ NOTE Gateway site-a started: /);
    assert.match(text, new RegExp(`TIMEOUT Link link0, bad round 1: icmp ${v4} 0/3, neighbour next-hop `));
    assert.match(text, new RegExp(`DOWN Link link0 is down: .*icmp ${v4} 0/3`));
    assert.match(text, /UP Link link0 is up again after/);
  });

  it('of trouble that outlasts a restart are not sent again', async () => {
    const { interfaceName } = pair.sites.link(1).plan.a;
    await pair.sites.gatewayA.ip(`link set ${interfaceName} down`);
    await waitForAlarm(good, 'linkDown', 'Link link1');
    await pair.a.stop();
    await pair.a.start();
    const watch = await JournalWatch.start(pair.a);
    await pair.a.waitForTunnel((tunnel) => tunnel.state === 'up');
    await sleep(PROMPT_MILLIS);
    const downs = (await pair.a.events()).filter(
      ({ kind, subject }) => kind === 'linkDown' && subject.type === 'link' && subject.name === 'link1',
    );
    assert.ok(downs.length > 0 && (await watch.of('alarmReceiverFailed')).length === 0);
    const sent = told(good).filter(({ kind, name }) => kind === 'linkDown' && name === 'Link link1');
    assert.equal(sent.length, 1);
  });

  it('are tried by a command, which says who takes them', async () => {
    const test = () =>
      attempt(pair.sites.gatewayA, [program, 'alarm', 'test', '--socket', pair.a.files.socket]);
    const all = await test();
    assert.equal(all.status, 0, all.stderr);
    assert.match(all.stdout, /^webhook http:\/\/127\.0\.0\.1:8090 +taken/m);
    assert.match(all.stdout, /^keepalive-log +taken/m);
    await waitForAlarm(good, 'alarmTest', 'Gateway site-a');
    bad.killNow();
    await bad.exited;
    const some = await test();
    assert.equal(some.status, 1);
    assert.match(some.stdout, /^webhook http:\/\/127\.0\.0\.1:8091 +failed .*ECONNREFUSED/m);
  });
});
