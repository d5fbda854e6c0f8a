import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { alarmSource, alarmTestFixture } from '../../test/fixtures/alarm-source.ts';
import { pcap, tcpFrame, udpFrame } from '../../test/fixtures/capture-bytes.ts';
import { linkFixture, linkSource, trialFixture } from '../../test/fixtures/link-source.ts';
import { statusFixture } from '../../test/fixtures/status.ts';
import { openApiServer } from '../api/server.ts';
import { parseProbeTrial } from '../config/index.ts';
import { Journal } from '../journal/journal.ts';
import { encodeMessage } from '../tunnel/control/message-codec.ts';
import { version } from '../version.ts';
import { runCommandLine } from './program.ts';
import { noColours } from './terminal.ts';

const launcher = fileURLToPath(new URL('../../bin/backstay', import.meta.url));

function temporary(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'bs-cli-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function backstay(...words: string[]): Promise<{ status: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const status = await runCommandLine(words, {
    out: (text) => {
      out += text;
    },
    error: (text) => {
      error += text;
    },
    palette: noColours,
    isTty: false,
  });
  return { status, out, error };
}

async function daemon(context: TestContext) {
  const socket = join(temporary(context), 'backstay.sock');
  const journal = new Journal();
  const source = { ...linkSource, status: async () => statusFixture };
  const server = await openApiServer(socket, { source, alarms: alarmSource, journal, version });
  context.after(() => server.close());
  return { socket, journal };
}

const linkDown = (name: string) =>
  ({
    kind: 'linkDown',
    subject: { type: 'link', name },
    evidence: { interface: 'eth1', reason: 'no carrier' },
  }) as const;

test('link use and link release: status 0 when taken, 1 when the link cannot carry', async (context) => {
  const { socket } = await daemon(context);
  const use = await backstay('link', 'use', 'fibre', '--socket', socket);
  assert.deepEqual([use.status, use.error], [0, '']);
  assert.match(use.out, /^Link fibre carries the internet/);
  const refused = await backstay('link', 'use', 'lte', '--socket', socket);
  assert.deepEqual([refused.status, refused.out], [1, '']);
  assert.match(refused.error, /^BS_INTERNET_LINK_UNUSABLE lte: /);
  assert.equal((await backstay('link', 'release', '--socket', socket)).status, 0);
});

test('a command line that is not understood is one line and status 2', async () => {
  for (const words of [
    ['--nonsense'],
    ['status', '--nonsense'],
    ['nonsense'],
    ['check'],
    ['status', 'more'],
  ]) {
    const { status, out, error } = await backstay(...words);
    assert.equal(status, 2, words.join(' '));
    assert.equal(out, '');
    assert.match(error, /^BS_USAGE [^\n]+\. See `backstay --help`\.\n$/);
  }
});

test('help and version are answers', async () => {
  assert.deepEqual(await backstay('version'), { status: 0, out: `${version}\n`, error: '' });
  assert.deepEqual(await backstay('--version'), { status: 0, out: `${version}\n`, error: '' });
  const help = await backstay('status', '--help');
  assert.equal(help.status, 0);
  assert.match(help.out, /--watch/);
});

test('without a daemon the message says what to do, with status 5', async (context) => {
  const socket = join(temporary(context), 'none.sock');
  const { status, error } = await backstay('status', '--socket', socket);
  assert.equal(status, 5);
  assert.match(
    error,
    /^BS_DAEMON_UNREACHABLE \S+none\.sock: There is no such socket: .*backstay run --config FILE.*\n$/,
  );
});

test('something else on the socket is not taken for the daemon', async (context) => {
  const socket = join(temporary(context), 'other.sock');
  const other = createServer((_, answer) => answer.writeHead(200).end('<html>'));
  await new Promise<void>((resolve) => other.listen(socket, resolve));
  context.after(() => other.close());
  const { status, error } = await backstay('events', '--socket', socket);
  assert.equal(status, 5);
  assert.match(error, /is not this daemon/);
});

test('status and events come from the daemon, as text and as JSON', async (context) => {
  const { socket, journal } = await daemon(context);
  for (const name of ['a', 'b', 'c']) journal.record(linkDown(name), '2026-11-20T12:00:00.000Z');
  assert.match((await backstay('status', '-s', socket)).out, /^Gateway lyon: /);
  assert.deepEqual(JSON.parse((await backstay('status', '--json', '-s', socket)).out), statusFixture);
  assert.match(
    (await backstay('events', '-s', socket, '--since', '2')).out,
    /^2026\S+ \S+ {2}warning {2}Link c is down: [^\n]+\n$/,
  );
  const lines = (await backstay('events', '--json', '-n', '2', '-s', socket)).out.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).sequence),
    [2, 3],
  );
});

test('the daemon refuses a limit, and its error is shown', async (context) => {
  const { socket } = await daemon(context);
  const { status, error } = await backstay('events', '-n', 'many', '-s', socket);
  assert.equal(status, 2);
  assert.match(error, /^BS_API_BAD_REQUEST limit: /);
});

test('a link is explained, with 1 as the exit status when it is down, and other settings are tried', async (context) => {
  const { socket } = await daemon(context);
  const explained = await backstay('link', 'explain', 'fibre', '-s', socket);
  assert.equal(explained.status, 1);
  assert.match(explained.out, /^Link fibre is down for 12 s: the next hop answers, nobody behind it does/);
  const asJson = await backstay('link', 'explain', 'fibre', '--json', '-s', socket);
  assert.deepEqual(JSON.parse(asJson.out), linkFixture);
  const tried = await backstay(
    'link',
    'try',
    'fibre',
    '--retries',
    '4',
    '--hold-most',
    '9s',
    '--json',
    '-s',
    socket,
  );
  assert.deepEqual([tried.status, JSON.parse(tried.out)], [0, trialFixture]);
});

test('what the daemon does not know of a link is told as its error', async (context) => {
  const { socket } = await daemon(context);
  const errorOf = async (...words: string[]) =>
    (await backstay('link', ...words, '-s', socket)).error.split(' ')[0];
  assert.equal(await errorOf('explain', 'nothing'), 'BS_LINK_UNKNOWN');
  assert.equal(await errorOf('try', 'isdn'), 'BS_LINK_NOT_PROBED');
  assert.equal(await errorOf('try', 'fibre', '--retries', 'many'), 'BS_API_BAD_REQUEST');
  assert.equal((await backstay('link', 'explain', 'nothing', '-s', socket)).status, 2);
});

test('every setting that can be tried is an option', async () => {
  const { out } = await backstay('link', 'try', '--help');
  assert.deepEqual(parseProbeTrial({ nothing: '1' }), {
    ok: false,
    place: 'nothing',
    message: `There is no such setting, allowed: ${[...out.matchAll(/--([\w-]+) <value>/g)].map(([, name]) => name).join(', ')}.`,
  });
});

test('keygen makes a key once, and fingerprint names it', async (context) => {
  const file = join(temporary(context), 'identity.pem');
  const made = await backstay('keygen', '--out', file);
  assert.equal(made.status, 0);
  assert.match(made.out, /^SHA256:[\w-]{43}\n$/);
  assert.equal((await backstay('fingerprint', file)).out, made.out);
  const again = await backstay('keygen', '--out', file);
  assert.equal(again.status, 1);
  assert.match(again.error, /^BS_IDENTITY_EXISTS /);
});

test('the launcher works through symbolic links, and follows events until it is interrupted', async (context) => {
  const { socket, journal } = await daemon(context);
  journal.record(linkDown('before'), '2026-11-20T12:00:00.000Z');
  const link = join(temporary(context), 'backstay');
  symlinkSync(launcher, `${link}-1`);
  symlinkSync(`${link}-1`, link);
  const follower = spawn(link, ['events', '--follow', '-s', socket], { cwd: '/' });
  context.after(() => follower.kill('SIGKILL'));
  let out = '';
  for await (const chunk of follower.stdout) {
    out += chunk;
    if (out.includes('Link before') && journal.newestSequence === 1)
      journal.record(linkDown('after'), '2026-11-20T12:00:01.000Z');
    if (out.includes('Link after')) follower.kill('SIGINT');
  }
  const status = await new Promise((resolve) => follower.once('close', resolve));
  assert.equal(status, 0);
  assert.equal(out.split('\n').length, 3);
});

test('V8 has one thread beside the program: packets need the processors', async (context) => {
  const { socket, journal } = await daemon(context);
  journal.record(linkDown('fibre'), '2026-11-20T12:00:00.000Z');
  const follower = spawn(launcher, ['events', '--follow', '-s', socket], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  context.after(() => follower.kill('SIGKILL'));
  await once(follower.stdout, 'data');
  const names = readdirSync(`/proc/${follower.pid}/task`).map((thread) =>
    readFileSync(`/proc/${follower.pid}/task/${thread}/comm`, 'latin1').trim(),
  );
  follower.kill('SIGINT');
  await once(follower, 'close');
  assert.equal(names.filter((name) => name === 'node-V8Worker').length, 1, names.join(', '));
});

test('check sums up a good file, and answers a bad one with its mistakes and status 3', async (context) => {
  const example = fileURLToPath(new URL('../../examples/head-office.yaml', import.meta.url));
  const good = await backstay('check', example);
  assert.deepEqual([good.status, good.error], [0, '']);
  assert.match(
    good.out,
    /^\S+head-office\.yaml: OK: gateway lyon, 2 links \(fibre, cable\), 2 tunnels [^\n]+\n$/,
  );
  const file = join(temporary(context), 'bad.yaml');
  writeFileSync(file, 'gateway: {}\nlinks: {}\n');
  const bad = await backstay('check', file);
  assert.deepEqual([bad.status, bad.error], [3, '']);
  for (const line of bad.out.trim().split('\n')) assert.match(line, /bad\.yaml:\d+:\d+ /);
  const missing = await backstay('check', `${file}.not`);
  assert.deepEqual([missing.status, missing.out], [3, '']);
  assert.match(missing.error, /^BS_CONFIG_UNREADABLE /);
});

const keepalive = encodeMessage(7, { type: 'keepalive' });

test('decode shows what is in a capture, and what of it can be read when it is cut short', async (context) => {
  const ends = { from: [192, 0, 2, 1], to: [198, 51, 100, 1], port: 4500 };
  const bytes = pcap([udpFrame(ends, new Uint8Array(60).fill(1)), tcpFrame(ends, 1, keepalive)]);
  const file = join(temporary(context), 'wan.pcap');
  writeFileSync(file, bytes);
  const whole = await backstay('decode', file);
  assert.deepEqual([whole.status, whole.error], [0, '']);
  assert.match(
    whole.out,
    /^2026-11-21T12:00:00\.250Z {2}192\.0\.2\.1:4500 > 198\.51\.100\.1:4500 {2}ESP spi=0x01010101 .*\n.*keepalive id=7\n$/,
  );
  const lines = (await backstay('decode', '--json', file)).out.trim().split('\n');
  const [esp, message] = lines.map((line) => JSON.parse(line));
  assert.deepEqual(
    [esp.kind, esp.spi, esp.iv, message.message],
    ['esp', 0x01010101, '01'.repeat(8), 'keepalive'],
  );
  writeFileSync(file, bytes.subarray(0, -1));
  const short = await backstay('decode', file);
  assert.equal(short.status, 1);
  assert.equal(short.out.split('\n').length, 2);
  assert.match(short.error, /^BS_DECODE_FAILED \S+wan\.pcap: It ends in the middle of a record[^\n]+\n$/);
});

test('decode reads from standard input', () => {
  const ends = { from: [192, 0, 2, 1], to: [198, 51, 100, 1], port: 4500 };
  const run = (input: Uint8Array) => spawnSync(launcher, ['decode'], { input, encoding: 'utf8' });
  const whole = run(pcap([tcpFrame(ends, 1, keepalive)]));
  assert.deepEqual([whole.status, whole.stderr], [0, '']);
  assert.match(whole.stdout, /keepalive id=7\n$/);
  const nothing = run(new Uint8Array());
  assert.deepEqual([nothing.status, nothing.stdout], [1, '']);
  assert.match(nothing.stderr, /^BS_DECODE_FAILED standard input: There is nothing in it\. /);
});

test('decode says what it cannot decode', async (context) => {
  const file = join(temporary(context), 'text');
  writeFileSync(file, 'no capture');
  assert.match(
    (await backstay('decode', file)).error,
    /^BS_DECODE_FAILED \S+text: It is neither pcap nor pcapng\./,
  );
  assert.match((await backstay('decode', `${file}.not`)).error, /^BS_DECODE_FAILED \S+: .*ENOENT/);
  for (const words of [
    ['-p', '70000', file],
    ['--hex', '00', file],
  ])
    assert.equal((await backstay('decode', ...words)).status, 2, words.join(' '));
});

test('decode reads one message or one report from hexadecimal digits', async () => {
  const message = await backstay('decode', '--hex', `0x${keepalive.toHex()}`);
  assert.deepEqual(message, { status: 0, out: 'keepalive id=7\n', error: '' });
  const report = await backstay('decode', '--json', '--hex', `01 01:0007 ${'00'.repeat(20)}`);
  assert.equal(JSON.parse(report.out).path, 7);
  for (const digits of ['', 'xyz', '012', keepalive.toHex().slice(2), `${keepalive.toHex()}00`]) {
    const bad = await backstay('decode', '--hex', digits);
    assert.deepEqual([bad.status, bad.out], [1, ''], digits);
    assert.match(bad.error, /^BS_DECODE_FAILED --hex: /);
  }
});

test('alarm test shows who takes it, and its status is 1 when one does not', async (context) => {
  const { socket } = await daemon(context);
  const { status, out } = await backstay('alarm', 'test', '--socket', socket);
  assert.equal(status, 1);
  assert.equal(
    out,
    `RECEIVER                     RESULT  TIME
syslog                       taken   1 ms
snmp 192.0.2.11:162          sent    201 ms  engine 0x80001f88050102030405
webhook https://example.org  failed  10 s    no answer within 10 s
`,
  );
  const json = await backstay('alarm', 'test', '--json', '--socket', socket);
  assert.deepEqual(JSON.parse(json.out), alarmTestFixture);
});

test('import dialbkup prints a configuration and keeps the password in a file of its own', async (context) => {
  const directory = temporary(context);
  const path = (name: string) => join(directory, name);
  const words = [
    'import',
    'dialbkup',
    '--cfg',
    path('cfg'),
    '--ppp-on',
    path('ppp-on'),
    '--password-file',
    path('password'),
  ];
  const missing = await backstay(...words);
  assert.match(missing.error, /^BS_IMPORT_MISSING \S+\/cfg: /);
  writeFileSync(path('cfg'), 'Delay=5\nIdaddr1=192.0.2.1\nIdaddr2=198.51.100.1\nRetry=3\nFrequency=4\n');
  writeFileSync(path('ppp-on'), 'ACCOUNT=a\nPASSWORD=pa55phrase\n');
  const broken = await backstay(...words);
  assert.match(broken.error, /^BS_IMPORT_KEY_MISSING \S+\/ppp-on: TELEPHONE is missing\./);
  assert.equal(existsSync(path('password')), false);
  writeFileSync(path('ppp-on'), 'ACCOUNT=a\nPASSWORD=pa55phrase\nTELEPHONE=5551212\n');
  const { status, out, error } = await backstay(...words, '--primary', 'wan0');
  assert.deepEqual([status, error], [0, '']);
  assert.match(out, /interface: "wan0"/);
  assert.doesNotMatch(out, /pa55phrase/);
  assert.equal(readFileSync(path('password'), 'utf8'), 'pa55phrase\n');
  assert.equal(statSync(path('password')).mode & 0o777, 0o600);
  const again = await backstay(...words);
  assert.match(again.error, /^BS_SECRET_UNWRITABLE /);
  assert.doesNotMatch(again.error, /pa55phrase/);
  writeFileSync(path('cfg'), Buffer.from([0xff, 0x00, 0xfe]));
  assert.match((await backstay(...words)).error, /^BS_IMPORT_NOT_TEXT /);
});

test('run refuses a secret that others can read before it touches anything', async (context) => {
  const directory = temporary(context);
  const path = (name: string) => join(directory, name);
  assert.equal((await backstay('keygen', '--out', path('id.pem'))).status, 0);
  writeFileSync(path('community'), 'public\n', { mode: 0o644 });
  const section = `alarms: { snmp: [{ to: 192.0.2.1, version: 2c, community-file: ${path('community')} }] }`;
  const gateway = `gateway: { name: lyon, identity: ${path('id.pem')}, state: ${path('state')}, socket: ${path('s')} }`;
  writeFileSync(path('config'), `${gateway}\nlinks: { fibre: { interface: eth1 } }\n${section}\n`);
  const { status, error } = await backstay('run', '--config', path('config'));
  assert.equal(status, 3);
  assert.match(error, /^BS_SECRET_EXPOSED \S+\/community: Its mode is 0644\. Run `chmod 600`/);
  assert.equal(existsSync(path('state')), false);
});
