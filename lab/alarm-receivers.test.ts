/**
 * Alarms at real receivers: Net-SNMP's snmptrapd reads traps of version 2c and 3, a datagram socket in place of /dev/log,
 * web servers that answer, refuse and swallow, and a program in place of sendmail (S1.7).
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AlarmsConfig, SnmpConfig } from '../src/config/index.ts';
import { openAlarmReceivers } from '../src/gateway/alarm-receivers.ts';
import { parseEndpoint } from '../src/network/ip-address.ts';
import { linkDown, noAlarms, sent } from '../test/fixtures/alarm-rig.ts';

const fingerprint = 'SHA256:mB9xT2yWq7LsK4dRfN0cGzJ6hVuP1eXaO8iQ3wDtYkE';
const run = { boots: 7, upMillis: 123_456, stopped: new AbortController().signal };
const mibs = ['test/fixtures/mibs', 'packaging']
  .map((path) => join(import.meta.dirname, '..', path))
  .join(':');

function temporary(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'bs-alarms-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function secret(directory: string, name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

function receivers(alarms: Partial<AlarmsConfig>, places: { syslog?: string; sendmail?: string } = {}) {
  const config = { gateway: { name: 'lyon' }, alarms: { ...noAlarms, ...alarms } };
  const usual = { syslog: '/nowhere/log', sendmail: '/nowhere/sendmail', timeoutMillis: 1_000 };
  return openAlarmReceivers(config as never, fingerprint as never, { ...usual, ...places });
}

async function waitFor(found: () => boolean, what: () => string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!found()) {
    if (performance.now() > deadline) assert.fail(what());
    await sleep(20);
  }
}

/** Ends with the test. */
function start(context: TestContext, program: string, words: string[], environment = {}) {
  const child: ChildProcess = spawn(program, words, { env: { ...process.env, ...environment } });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  context.after(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  return { output: () => output };
}

async function startTrapd(context: TestContext, port: number, configuration: string) {
  const directory = temporary(context);
  const file = secret(directory, 'snmptrapd.conf', configuration);
  const words = ['-f', '-Lo', '-C', '-c', file, '-M', mibs, '-m', 'BACKSTAY-MIB', `udp:127.0.0.1:${port}`];
  const trapd = start(context, 'snmptrapd', words, { SNMP_PERSISTENT_DIR: directory, MIBS: '' });
  await waitFor(() => /NET-SNMP version/.test(trapd.output()), trapd.output);
  return trapd;
}

function to(port: number) {
  return parseEndpoint(`127.0.0.1:${port}`, 162) ?? assert.fail();
}

/** What every notification of the fixture shows in snmptrapd's words. */
const shown = [
  // snmpTrapOID.0, without the MIB that has the name.
  /internet\.6\.3\.1\.1\.4\.1\.0 = OID: BACKSTAY-MIB::backstayLinkDown/,
  /BACKSTAY-MIB::backstayGateway\.0 = STRING: lyon/,
  /BACKSTAY-MIB::backstaySubject\.0 = STRING: Link fibre/,
  /BACKSTAY-MIB::backstayKind\.0 = STRING: linkDown/,
  /BACKSTAY-MIB::backstaySeverity\.0 = INTEGER: warning\(3\)/,
  /BACKSTAY-MIB::backstayRole\.0 = INTEGER: trouble\(1\)/,
  /BACKSTAY-MIB::backstayText\.0 = STRING: "?Link fibre is down: no carrier \(eth1\)\./,
  /BACKSTAY-MIB::backstayTime\.0 = STRING: 2026-11-20,12:0:0\.5,\+0:0/,
  /BACKSTAY-MIB::backstayLeftOut\.0 = Gauge32: 3/,
  /Timeticks: \(12345\) 0:02:03\.45/,
];

test('snmptrapd reads a trap of version 2c by the MIB', async (context) => {
  const directory = temporary(context);
  const trapd = await startTrapd(context, 42162, 'authCommunity log f3nce\ndisableAuthorization no\n');
  const [right, wrong] = receivers({
    snmp: ['f3nce\n', 'other'].map((community, index) => ({
      to: to(42162),
      version: '2c',
      communityFile: secret(directory, `community${index}`, community),
    })),
  });
  await wrong?.deliver(sent(linkDown('lte')), run);
  await right?.deliver(sent(linkDown()), run);
  await waitFor(() => /backstayLinkDown/.test(trapd.output()), trapd.output);
  for (const line of shown) assert.match(trapd.output(), line);
  assert.doesNotMatch(trapd.output(), /Link lte/);
});

for (const [hash, name] of [
  ['sha256', 'SHA-256'],
  ['sha512', 'SHA-512'],
  ['sha1', 'SHA'],
] as const) {
  test(`snmptrapd reads a trap of version 3 with ${hash} and AES, and only of who has the passwords`, async (context) => {
    const directory = temporary(context);
    const port = { sha256: 42163, sha512: 42164, sha1: 42165 }[hash];
    const v3 = (password: string, privacy: string): SnmpConfig => ({
      to: to(port),
      version: '3',
      user: 'backstay',
      authentication: { hash, passwordFile: secret(directory, `auth-${password}`, password) },
      privacy: { passwordFile: secret(directory, `privacy-${privacy}`, privacy) },
      engineId: undefined,
    });
    const [right, wrong] = receivers({
      snmp: [v3('correct horse', 'battery staple'), v3('wrong horse', 'battery staple')],
    });
    const engine = /0x[0-9a-f]+/.exec(right?.note ?? '')?.[0];
    const trapd = await startTrapd(
      context,
      port,
      `createUser -e ${engine} backstay ${name} "correct horse" AES "battery staple"\nauthUser log backstay priv\n`,
    );
    await wrong?.deliver(sent(linkDown('lte')), run);
    await right?.deliver(sent(linkDown()), run);
    // A second one: the same boots, and another salt.
    await right?.deliver(sent(linkDown('dsl')), { ...run, upMillis: run.upMillis + 900 });
    await waitFor(() => /Link dsl/.test(trapd.output()), trapd.output);
    for (const line of shown) assert.match(trapd.output(), line);
    assert.doesNotMatch(trapd.output(), /Link lte/);
  });
}

test('a port that nobody listens on is told for SNMP', async (context) => {
  const communityFile = secret(temporary(context), 'community', 'x');
  const [receiver] = receivers({ snmp: [{ to: to(42199), version: '2c', communityFile }] });
  await assert.rejects(async () => receiver?.deliver(sent(linkDown()), run), {
    code: 'BS_ALARM_UNDELIVERED',
    message: 'the trap could not be sent: nobody listens there',
  });
});

test("snmptranslate takes the MIB without complaint, and its numbers are the program's", (context) => {
  const directory = temporary(context);
  const translate = (name: string) =>
    spawnSync('snmptranslate', ['-Pw', '-M', mibs, '-m', 'BACKSTAY-MIB', '-On', `BACKSTAY-MIB::${name}`], {
      encoding: 'utf8',
      env: { ...process.env, SNMP_PERSISTENT_DIR: directory },
    });
  // It makes a directory for itself, and says so once.
  translate('backstay');
  const root = '.1.3.6.1.4.1.8072.9999.9999.1701';
  for (const [name, place] of [
    ['backstayLinkDown', '0.6'],
    ['backstayInternetMoved', '0.13'],
    ['backstayText', '1.6'],
  ]) {
    const { stdout, stderr } = translate(name ?? '');
    assert.deepEqual([stdout.trim(), stderr], [`${root}.${place}`, '']);
  }
});

async function serve(context: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a webhook gets the document and the headers of the file', async (context) => {
  const got: { request: IncomingMessage; body: string }[] = [];
  const origin = await serve(context, async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    got.push({ request, body });
    response.writeHead(204).end();
  });
  const headersFile = secret(temporary(context), 'headers', '# for the hook\nAuthorization: Bearer abc\n');
  const [receiver] = receivers({ webhooks: [{ url: `${origin}/secret/path`, headersFile }] });
  assert.equal(receiver?.name, `webhook ${origin}`);
  await receiver?.deliver(sent(linkDown()), run);
  const [{ request, body } = assert.fail()] = got;
  assert.deepEqual([request.method, request.url], ['POST', '/secret/path']);
  assert.equal(request.headers.authorization, 'Bearer abc');
  assert.equal(request.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(body), {
    version: 1,
    id: 'lyon/1/2026-11-20T12:00:00.500Z',
    gateway: 'lyon',
    name: 'Link fibre',
    matter: 'link/fibre/state',
    kind: 'linkDown',
    role: 'trouble',
    severity: 'warning',
    at: '2026-11-20T12:00:00.500Z',
    subject: { type: 'link', name: 'fibre' },
    evidence: { interface: 'eth1', reason: 'no carrier' },
    text: 'Link fibre is down: no carrier (eth1).',
    replaced: 2,
    omitted: 1,
  });
});

test('a webhook that refuses, redirects, is not there or swallows everything is told without its secrets', async (context) => {
  const answers: Record<string, RequestListener> = {
    '/refuses': (_, response) => response.writeHead(503).end(),
    '/moves': (_, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    '/swallows': () => {},
  };
  const origin = await serve(context, (request, response) => answers[request.url ?? '']?.(request, response));
  const urls = [...Object.keys(answers).map((path) => origin + path), 'http://127.0.0.1:1/secret'];
  const hooks = receivers({ webhooks: urls.map((url) => ({ url, headersFile: undefined })) });
  assert.equal(hooks[1]?.name, `webhook ${origin} (2)`);
  const messages = await Promise.all(
    hooks.map((hook) =>
      hook.deliver(sent(linkDown()), run).then(
        () => 'taken',
        (error: Error) => error.message,
      ),
    ),
  );
  assert.deepEqual(messages.slice(0, 3), [
    'it answered with status 503',
    'it answered with status 307',
    'no answer within 1 s',
  ]);
  assert.doesNotMatch(messages[3] ?? '', /secret/);
  assert.notEqual(messages[3], 'taken');
});

test('the system log gets a datagram as syslog(3) sends it', async (context) => {
  const directory = temporary(context);
  const log = join(directory, 'log');
  const [receiver = assert.fail()] = receivers({ syslog: true }, { syslog: log });
  await assert.rejects(() => receiver.deliver(sent(linkDown()), run), /does not take it \(ENOENT\)/);
  const reader = start(context, 'socat', ['-u', `UNIX-RECV:${log}`, 'STDOUT']);
  let delivered = false;
  await waitFor(
    () => {
      if (!delivered)
        receiver.deliver(sent(linkDown()), run).then(
          () => {
            delivered = true;
          },
          () => {},
        );
      return reader.output() !== '';
    },
    () => 'nothing was read',
  );
  assert.match(
    reader.output(),
    /^<28>Nov 20 \d\d:00:00 backstay\[\d+\]: Link fibre is down: no carrier \(eth1\)\./,
  );
});

test('sendmail gets the mail by its standard input; one that fails or hangs is told', async (context) => {
  const directory = temporary(context);
  const program = join(directory, 'sendmail');
  const script = (body: string) => {
    writeFileSync(program, `#!/bin/sh\n${body}\n`);
    chmodSync(program, 0o755);
  };
  const mail = { from: 'backstay@branch.example', to: ['noc@example.org', 'me@example.org'] };
  const [receiver = assert.fail()] = receivers({ mail }, { sendmail: program });
  await assert.rejects(() => receiver.deliver(sent(linkDown()), run), /sendmail cannot be run \(ENOENT\)/);
  script(`echo "$@" >${directory}/words; cat >${directory}/mail`);
  await receiver.deliver(sent(linkDown()), run);
  assert.equal(
    readFileSync(`${directory}/words`, 'utf8'),
    '-i -f backstay@branch.example -- noc@example.org me@example.org\n',
  );
  assert.match(
    readFileSync(`${directory}/mail`, 'utf8'),
    /^Subject: \[lyon\] warning: Link fibre is down: no carrier \(eth1\)\.$/m,
  );
  script('echo "no route to host" >&2; exit 75');
  await assert.rejects(
    () => receiver.deliver(sent(linkDown()), run),
    /sendmail ended with 75: no route to host/,
  );
  script('sleep 60');
  await assert.rejects(() => receiver.deliver(sent(linkDown()), run), /sendmail did not end within 1 s/);
});
