import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { alarmSource } from '../../test/fixtures/alarm-source.ts';
import { linkFixture, linkSource, trialFixture } from '../../test/fixtures/link-source.ts';
import { statusFixture } from '../../test/fixtures/status.ts';
import { Journal } from '../journal/journal.ts';
import { openApiServer } from './server.ts';

function place(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'bs-api-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'run', 'backstay.sock');
}

async function open(context: TestContext, socketPath: string, status = async () => statusFixture) {
  const journal = new Journal();
  const source = { ...linkSource, status };
  const server = await openApiServer(socketPath, { source, alarms: alarmSource, journal, version: '0.1.0' });
  context.after(() => server.close());
  return { journal, server };
}

function get(
  socketPath: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers }, resolve).on('error', reject).end();
  });
}

async function text(answer: IncomingMessage): Promise<string> {
  let all = '';
  for await (const chunk of answer) all += chunk;
  return all;
}

async function json(socketPath: string, path: string): Promise<[number | undefined, unknown]> {
  const answer = await get(socketPath, path);
  return [answer.statusCode, JSON.parse(await text(answer))];
}

const linkDown = (name: string) =>
  ({
    kind: 'linkDown',
    subject: { type: 'link', name },
    evidence: { interface: 'eth1', reason: 'no carrier' },
  }) as const;

test('status, version and events are served on a socket of mode 0660', async (context) => {
  const socketPath = place(context);
  const { journal } = await open(context, socketPath);
  journal.record(linkDown('fibre'), '2026-11-20T12:00:00.000Z');
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  assert.deepEqual(await json(socketPath, '/v1/status'), [200, statusFixture]);
  assert.deepEqual(await json(socketPath, '/v1/version'), [200, { version: '0.1.0', api: 1 }]);
  assert.deepEqual(await json(socketPath, '/v1/events?since=0'), [
    200,
    { entries: journal.since(0), next: 1 },
  ]);
});

test('a link is explained, and what is not known of one has a code', async (context) => {
  const socketPath = place(context);
  await open(context, socketPath);
  assert.deepEqual(await json(socketPath, '/v1/links/fibre'), [200, linkFixture]);
  assert.deepEqual(await json(socketPath, '/v1/links/fibre/trial?retries=4'), [200, trialFixture]);
  const codes = [];
  for (const path of ['/v1/links/nothing', '/v1/links/isdn/trial', '/v1/links/fibre/trial?retries=many']) {
    const [status, document] = await json(socketPath, path);
    codes.push([status, (document as { error: { code: string } }).error.code]);
  }
  assert.deepEqual(codes, [
    [404, 'BS_LINK_UNKNOWN'],
    [400, 'BS_LINK_NOT_PROBED'],
    [400, 'BS_API_BAD_REQUEST'],
  ]);
});

test('failures have a code, and the server goes on', async (context) => {
  const socketPath = place(context);
  await open(context, socketPath, async () => {
    throw new Error('the room has a defect');
  });
  const codes = [];
  for (const path of ['/v1/nothing', '/v1/events?limit=many', '/v1/status', '/v1/%00', '/v1/version']) {
    const [status, document] = await json(socketPath, path);
    codes.push([status, (document as { error?: { code: string } }).error?.code]);
  }
  assert.deepEqual(codes, [
    [404, 'BS_API_NOT_FOUND'],
    [400, 'BS_API_BAD_REQUEST'],
    [500, 'BS_INTERNAL'],
    [404, 'BS_API_NOT_FOUND'],
    [200, undefined],
  ]);
});

test('the event stream begins where the reader was and goes on', async (context) => {
  const socketPath = place(context);
  const { journal, server } = await open(context, socketPath);
  for (const name of ['a', 'b', 'c']) journal.record(linkDown(name), '2026-11-20T12:00:00.000Z');
  const answer = await get(socketPath, '/v1/events/stream', { 'last-event-id': '1' });
  assert.equal(answer.headers['content-type'], 'text/event-stream');
  let received = '';
  for await (const chunk of answer) {
    received += chunk;
    if (received.includes('id: 3') && journal.newestSequence === 3)
      journal.record(linkDown('d'), '2026-11-20T12:00:01.000Z');
    if (received.includes('id: 4')) break;
  }
  assert.deepEqual(received.match(/^id: \d+$/gm), ['id: 2', 'id: 3', 'id: 4']);
  await server.close();
});

test('closing ends open streams and removes the socket file', async (context) => {
  const socketPath = place(context);
  const { server } = await open(context, socketPath);
  const answer = await get(socketPath, '/v1/events/stream');
  answer.on('error', () => {});
  answer.resume();
  const ended = new Promise((resolve) => answer.once('close', resolve));
  await server.close();
  await ended;
  assert.equal(existsSync(socketPath), false);
});

test('a living daemon keeps its socket', async (context) => {
  const socketPath = place(context);
  await open(context, socketPath);
  await assert.rejects(open(context, socketPath), { code: 'BS_ALREADY_RUNNING', place: socketPath });
  assert.equal((await json(socketPath, '/v1/version'))[0], 200);
});

test('the socket of a killed daemon is replaced', async (context) => {
  const socketPath = place(context);
  const { server } = await open(context, socketPath);
  await server.close();
  const script = `require('node:net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  assert.ok(statSync(socketPath).isSocket());
  await open(context, socketPath);
  assert.equal((await json(socketPath, '/v1/version'))[0], 200);
});

test('what is not a socket is left alone, and a path that is too long is named', async (context) => {
  const socketPath = place(context);
  const { server } = await open(context, socketPath);
  await server.close();
  writeFileSync(socketPath, 'precious');
  await assert.rejects(open(context, socketPath), { code: 'BS_SOCKET_UNUSABLE' });
  assert.equal(statSync(socketPath).size, 8);
  await assert.rejects(open(context, `/tmp/${'x'.repeat(120)}`), { code: 'BS_SOCKET_UNUSABLE' });
});
