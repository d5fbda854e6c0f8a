import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { linkDown, linkUp, noAlarms } from '../../test/fixtures/alarm-rig.ts';
import type { SentAlarm } from '../alarm/alarm.ts';
import type { AlarmsConfig } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import type { EventDetail } from '../journal/event.ts';
import { Journal } from '../journal/journal.ts';
import { readAlarmRecord } from '../linux/alarm-record.ts';
import { KeepaliveLog } from '../linux/keepalive-log.ts';
import { createSecretFile } from '../linux/secret-file.ts';
import { localisedKey } from '../linux/snmp-trap.ts';
import { parseEndpoint } from '../network/ip-address.ts';
import { type AlarmReceiver, openAlarmReceivers } from './alarm-receivers.ts';
import { Alarms } from './alarms.ts';

const fingerprint = 'SHA256:mB9xT2yWq7LsK4dRfN0cGzJ6hVuP1eXaO8iQ3wDtYkE' as never;

function temporary(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'bs-alarms-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Takes alarms, or fails, or never answers. */
class Receiver implements AlarmReceiver {
  readonly name: string;
  readonly got: SentAlarm[] = [];
  readonly boots: number[] = [];
  attempts = 0;
  mode: 'takes' | 'fails' | 'swallows' = 'takes';

  constructor(name: string, mode: Receiver['mode'] = 'takes') {
    this.name = name;
    this.mode = mode;
  }

  deliver = async (alarm: SentAlarm, { boots }: { boots: number }): Promise<void> => {
    this.attempts += 1;
    if (this.mode === 'fails') throw new BackstayError('BS_ALARM_UNDELIVERED', 'it is not there');
    if (this.mode === 'swallows') await new Promise(() => {});
    this.got.push(alarm);
    this.boots.push(boots);
  };
}

function open(state: string, receivers: readonly AlarmReceiver[], alarms: Partial<AlarmsConfig> = {}) {
  const journal = new Journal();
  const record = (event: EventDetail) => void journal.record(event, new Date().toISOString());
  const config = {
    gateway: { name: 'lyon', state },
    links: [{ name: 'fibre' }],
    tunnels: [],
    alarms: { ...noAlarms, ...alarms },
  } as never;
  return { alarms: new Alarms({ config, receivers, journal, record }), journal, record };
}

const kinds = ({ got }: Receiver) => got.map(({ kind }) => kind);

describe('the alarms of a gateway', () => {
  it('reach one receiver while another swallows them and a third fails, which is told once', async (context) => {
    const [good, deaf, broken] = [
      new Receiver('good'),
      new Receiver('deaf', 'swallows'),
      new Receiver('broken', 'fails'),
    ];
    const { alarms, journal, record } = open(temporary(context), [deaf, broken, good]);
    record(linkDown());
    record(linkDown('lte'));
    await sleep(50);
    assert.deepEqual(kinds(good), ['linkDown', 'linkDown', 'alarmReceiverFailed']);
    const events = journal.since(0).filter(({ kind }) => kind === 'alarmReceiverFailed');
    assert.deepEqual(
      events.map(({ evidence }) => evidence),
      [{ receiver: 'broken', code: 'BS_ALARM_UNDELIVERED', message: 'it is not there' }],
    );
    const closing = performance.now();
    await alarms.close();
    assert.ok(performance.now() - closing < 5_000);
  });

  it('that a failing receiver did not get are sent when it is back, but nothing about itself', async (context) => {
    const receiver = new Receiver('it', 'fails');
    const { alarms, journal, record } = open(temporary(context), [receiver]);
    record(linkDown());
    const deadline = performance.now() + 20_000;
    while (receiver.attempts < 2 && performance.now() < deadline) await sleep(20);
    receiver.mode = 'takes';
    while (receiver.got.length === 0 && performance.now() < deadline) await sleep(20);
    await sleep(20);
    assert.deepEqual(kinds(receiver), ['linkDown']);
    assert.deepEqual(
      journal.since(0).map(({ kind, count }) => [kind, count]),
      [
        ['linkDown', 1],
        ['alarmReceiverFailed', 1],
        ['alarmReceiverRecovered', 1],
      ],
    );
    await alarms.close();
  });

  it('outlast a restart: what stands is not told again, what waited is sent, what is over is told', async (context) => {
    const state = temporary(context);
    const [good, broken] = [new Receiver('good'), new Receiver('broken', 'fails')];
    const first = open(state, [good, broken]);
    first.record(linkDown());
    await sleep(20);
    await first.alarms.close();
    assert.equal(statSync(join(state, 'alarms.json')).mode & 0o777, 0o600);
    const [goodAgain, mended] = [new Receiver('good'), new Receiver('broken')];
    const second = open(state, [goodAgain, mended]);
    second.record(linkUp());
    second.record(linkDown());
    await sleep(50);
    assert.deepEqual(kinds(goodAgain), []);
    assert.deepEqual(kinds(mended), ['linkDown']);
    await second.alarms.close();
    const [before = 0] = good.boots;
    assert.ok((mended.boots[0] ?? 0) > before);
  });

  it('of a path that a killed daemon told of end with it', async (context) => {
    const state = temporary(context);
    const path = { type: 'path', tunnel: 'office', id: 2, link: 'fibre' } as const;
    const first = open(state, [new Receiver('it')]);
    first.record({ kind: 'pathDown', subject: path, evidence: { unansweredProbes: 4 } });
    await first.alarms.close();
    const second = open(state, [new Receiver('it')]);
    assert.deepEqual(
      second.journal.since(0).map(({ kind, subject }) => [kind, subject]),
      [['pathRemoved', path]],
    );
    await second.alarms.close();
  });

  it('begin anew where their record is damaged', (context) => {
    const state = temporary(context);
    for (const text of [
      '',
      '{',
      '{"boots":-1}',
      '[]',
      '{"boots":1,"standing":[{"matter":"m","kind":"no"}],"pending":{}}',
    ]) {
      writeFileSync(join(state, 'alarms.json'), text);
      assert.deepEqual(readAlarmRecord(state), { boots: 0, standing: [], pending: {} }, text);
    }
  });

  it('are tried at every receiver, and nobody is no receiver', async (context) => {
    const state = temporary(context);
    const tried = open(state, [new Receiver('good'), new Receiver('bad', 'fails')], {
      keepaliveLog: '/dev/full',
    });
    const { results } = await tried.alarms.testAlarms();
    assert.deepEqual(
      results.map(({ receiver, error }) => [receiver, error?.message]),
      [
        ['good', undefined],
        ['bad', 'it is not there'],
        ['keepalive-log', 'it cannot be written (ENOSPC)'],
      ],
    );
    await tried.alarms.close();
    const none = open(state, []);
    await assert.rejects(() => none.alarms.testAlarms(), { code: 'BS_ALARM_NO_RECEIVER' });
    await none.alarms.close();
  });
});

describe('the keepalive log', () => {
  it('is bounded, and has one older file beside it', (context) => {
    const path = join(temporary(context), 'log', 'keepalive.log');
    const log = new KeepaliveLog(path, () => assert.fail(), 200);
    for (let index = 0; index < 100; index++) assert.equal(log.write('now', `line ${index}`), undefined);
    assert.ok(statSync(path).size <= 200 && statSync(`${path}.1`).size <= 200);
    const text = readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8');
    assert.match(text, /^now line \d+\n(?:now line \d+\n)+now line 99\n$/);
  });

  it('on a full disk loses lines, tells it once, and says afterwards how many', (context) => {
    const told: (string | undefined)[] = [];
    const tell = (reason: string | undefined) => void told.push(reason);
    const full = new KeepaliveLog('/dev/full', tell);
    for (let index = 0; index < 3; index++) assert.equal(full.write('now', 'line'), 'ENOSPC');
    assert.deepEqual(told, ['ENOSPC']);
    // A directory in the way is a disk that does not take it; then it is removed.
    const path = join(temporary(context), 'keepalive.log');
    writeFileSync(path, '');
    const blocked = new KeepaliveLog(join(path, 'log'), tell);
    blocked.write('then', 'first');
    blocked.write('then', 'second');
    rmSync(path);
    blocked.write('now', 'third');
    assert.deepEqual(told.slice(1), ['EEXIST', undefined]);
    assert.equal(
      readFileSync(join(path, 'log'), 'utf8'),
      'now 2 lines before this one could not be written\nnow third\n',
    );
  });
});

describe('secrets of receivers', () => {
  const to = parseEndpoint('192.0.2.1', 162);

  it('are refused when others can read them, when they are missing, or no secrets', (context) => {
    const directory = temporary(context);
    const path = join(directory, 'secret');
    const attempt = () =>
      openAlarmReceivers(
        {
          gateway: { name: 'lyon' },
          alarms: { ...noAlarms, snmp: [{ to, version: '2c', communityFile: path }] },
        } as never,
        fingerprint,
      );
    assert.throws(attempt, { code: 'BS_SECRET_MISSING', place: path });
    for (const [content, mode, code] of [
      ['public', 0o640, 'BS_SECRET_EXPOSED'],
      ['', 0o600, 'BS_SECRET_INVALID'],
      ['two\nlines', 0o600, 'BS_SECRET_INVALID'],
      [Buffer.from([0xff, 0xfe]), 0o600, 'BS_SECRET_INVALID'],
      ['x'.repeat(100_000), 0o600, 'BS_SECRET_INVALID'],
    ] as const) {
      writeFileSync(path, content);
      chmodSync(path, mode);
      assert.throws(attempt, { code, place: path }, code);
    }
    writeFileSync(path, 'public\n');
    assert.equal(attempt()[0]?.name, 'snmp 192.0.2.1:162');
  });

  it('of version 3 have eight characters; a file of headers names the line that is none', (context) => {
    const directory = temporary(context);
    const file = (name: string, content: string) => {
      createSecretFile(join(directory, name), content);
      return join(directory, name);
    };
    const alarms = (more: Partial<AlarmsConfig>) =>
      ({ gateway: { name: 'lyon' }, alarms: { ...noAlarms, ...more } }) as never;
    const authentication = { hash: 'sha256', passwordFile: file('short', 'seven77\n') } as const;
    const snmp = [
      { to, version: '3', user: 'u', authentication, privacy: undefined, engineId: undefined },
    ] as never;
    assert.throws(() => openAlarmReceivers(alarms({ snmp }), fingerprint), { code: 'BS_SECRET_INVALID' });
    const headersFile = file('headers', 'a: b\nsecret token\n');
    const webhooks = [{ url: 'https://example.org/', headersFile }];
    assert.throws(
      () => openAlarmReceivers(alarms({ webhooks }), fingerprint),
      (error: BackstayError) => error.place === `${headersFile}:2` && !error.line.includes('token'),
    );
    assert.throws(() => createSecretFile(headersFile, 'x'), { code: 'BS_SECRET_UNWRITABLE' });
  });

  it('become the keys of RFC 3414 A.3.2', () => {
    const engine = Uint8Array.from(Buffer.from('000000000000000000000002', 'hex'));
    assert.equal(
      Buffer.from(localisedKey('sha1', 'maplesyrup', engine)).toString('hex'),
      '6695febc9288e36282235fc7151f128497b38f3f',
    );
  });
});
