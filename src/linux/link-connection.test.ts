import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { parseIpAddress } from '../network/ip-address.ts';
import { Deframer } from '../tunnel/control/deframer.ts';
import { decodeMessage, encodeMessage } from '../tunnel/control/message-codec.ts';
import {
  type ControlListener,
  connectLink,
  dialControl,
  type HandshakeRefusal,
  type LinkClaim,
  type ListenOptions,
  linkMac,
  listenControl,
  type TcpConnection,
} from './control-channel.ts';
import { generateIdentity } from './identity.ts';

const loopback = parseIpAddress('127.0.0.1')!;
const responder = generateIdentity();
const initiator = generateIdentity();
const ticket = new Uint8Array(16).fill(9);
const path = { tunnelInstance: new Uint8Array(16).fill(7), pathId: 3, mac: linkMac(new Uint8Array(32)) };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type World = {
  readonly listener: ControlListener;
  readonly accepted: TcpConnection[];
  readonly refusals: HandshakeRefusal[];
  readonly sessions: unknown[];
};

async function listening(changes: Partial<ListenOptions<string>> = {}): Promise<World> {
  const accepted: TcpConnection[] = [];
  const refusals: HandshakeRefusal[] = [];
  const sessions: unknown[] = [];
  const claim: LinkClaim = { ...path, accept: (connection) => accepted.push(connection) };
  const listener = await listenControl<string>({
    address: loopback,
    port: 0,
    identity: responder,
    authenticate: () => 'head-office',
    onSession: (session) => sessions.push(session),
    claimOf: (asked) => (Buffer.from(asked).equals(ticket) ? claim : undefined),
    onRefusal: (refusal) => refusals.push(refusal),
    ...changes,
  });
  cleanups.push(() => listener.close());
  return { listener, accepted, refusals, sessions };
}

function prove(port: number, changes: Partial<Parameters<typeof connectLink>[0]> = {}) {
  return connectLink({
    ...path,
    ticket,
    localAddress: loopback,
    remote: { address: loopback, port },
    timeoutMillis: 2_000,
    signal: new AbortController().signal,
    ...changes,
  });
}

/** A stranger's connection; what he hears is kept. */
function raw(port: number): { socket: Socket; heard: () => string } {
  const socket = connect({ host: '127.0.0.1', port });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  cleanups.push(() => socket.destroy());
  return { socket, heard: () => resultIn(Buffer.concat(chunks)) };
}

function resultIn(bytes: Uint8Array): string {
  const [frame] = new Deframer().push(bytes).frames;
  const decoded = frame === undefined ? undefined : decodeMessage(frame);
  const isResult = decoded?.ok && decoded.message.type === 'linkAuthenticateResult';
  return isResult ? decoded.message.result : `${frame?.type}`;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("a path's own connection", () => {
  it('is proven on both sides, counts as pending no longer, and then carries bytes both ways', async () => {
    const { listener, accepted, refusals, sessions } = await listening();
    const result = await prove(listener.local.port);
    assert.ok(result.ok);
    cleanups.push(() => result.connection.close());
    await until(() => accepted.length === 1, 'the connection');
    assert.deepEqual([listener.pendingHandshakes, listener.sessions, sessions.length], [0, 0, 0]);
    const heard: string[] = [];
    const other = accepted[0]!;
    other.onData((bytes) => {
      heard.push(`${bytes}`);
      other.send(Buffer.from('back'));
    });
    result.connection.onData((bytes) => heard.push(`${bytes}`));
    result.connection.send(Buffer.from('forth'));
    await until(() => heard.length === 2, 'both');
    assert.deepEqual([heard, refusals], [['forth', 'back'], []]);
    assert.equal(other.remoteAddress, '127.0.0.1');
  });

  it('stands beside TLS on the same port', async () => {
    const { listener, accepted, sessions } = await listening();
    const [session, link] = await Promise.all([
      dialControl({
        remote: listener.local,
        identity: initiator,
        pinnedFingerprint: responder.fingerprint,
        timeoutMillis: 5_000,
      }),
      prove(listener.local.port),
    ]);
    assert.ok(session.ok && link.ok);
    cleanups.push(() => session.session.close());
    await until(() => accepted.length === 1 && sessions.length === 1, 'both');
  });

  it('ends with its listener', async () => {
    const { listener } = await listening();
    const result = await prove(listener.local.port);
    assert.ok(result.ok);
    let ended = false;
    result.connection.onData(() => {});
    result.connection.onClose(() => (ended = true));
    await listener.close();
    cleanups.shift();
    await until(() => ended, 'the end');
  });

  const failures: [string, Partial<Parameters<typeof connectLink>[0]>, string][] = [
    ['wrongAnswer', { mac: linkMac(new Uint8Array(32).fill(1)) }, 'linkWrongAnswer'],
    ['unknownPath', { ticket: new Uint8Array(16) }, 'linkUnknownPath'],
    ['unknownPath', { pathId: 4 }, 'linkUnknownPath'],
  ];
  for (const [reason, changes, told] of failures) {
    it(`fails with ${reason}, and both sides know it (${told})`, async () => {
      const { listener, accepted, refusals } = await listening();
      const result = await prove(listener.local.port, changes);
      assert.ok(!result.ok);
      assert.equal(result.reason, reason);
      await until(() => listener.pendingHandshakes === 0, 'nothing pending');
      assert.deepEqual([accepted.length, refusals.map((refusal) => refusal.reason)], [0, [told]]);
    });
  }

  it('gives what the network or another program does as a result', async () => {
    const behaviours: [string, (socket: Socket) => void][] = [
      ['timeout', () => {}],
      ['brokenOff', (socket) => void socket.destroy()],
      ['notUnderstood', (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ];
    for (const [reason, behave] of behaviours) {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        cleanups.push(() => socket.destroy());
        behave(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      cleanups.push(() => server.close());
      const { port } = server.address() as { port: number };
      const result = await prove(port, { timeoutMillis: 200 });
      assert.equal(!result.ok && result.reason, reason);
    }
    const { listener } = await listening();
    const { port } = listener.local;
    await listener.close();
    cleanups.pop();
    const refused = await prove(port);
    assert.deepEqual(
      [!refused.ok && refused.reason, !refused.ok && refused.code],
      ['noConnection', 'ECONNREFUSED'],
    );
    const elsewhere = await prove(port, { localAddress: parseIpAddress('192.0.2.77')! });
    assert.equal(!elsewhere.ok && elsewhere.reason, 'noConnection');
    const abort = new AbortController();
    abort.abort();
    const aborted = await prove(port, { signal: abort.signal });
    assert.equal(!aborted.ok && aborted.reason, 'aborted');
  });
});

describe('a listener, of strangers on the connection of a path', () => {
  const request = encodeMessage(1, {
    type: 'linkAuthenticateRequest',
    ticket,
    pathId: 3,
    challenge: new Uint8Array(32),
  });

  it('answers what it does not understand, and closes', async () => {
    const { listener, accepted, refusals } = await listening();
    const hostile = [
      encodeMessage(1, { type: 'keepalive' }),
      Uint8Array.fromHex('42535459000000010000000a7fffffff'),
      Uint8Array.of(...request, ...request),
      Buffer.alloc(100_000, 'BSTY'),
    ];
    for (const bytes of hostile) {
      const { socket, heard } = raw(listener.local.port);
      socket.write(bytes);
      await until(() => socket.closed, 'the end');
      // Of a flood the rest is unread: the end may overtake the answer.
      if (bytes.length < 1000) assert.equal(heard(), 'malformed');
    }
    await until(() => listener.pendingHandshakes === 0, 'nothing pending');
    assert.deepEqual([accepted.length, refusals[0]?.reason], [0, 'linkMalformed']);
  });

  it('gives them 5 s and no more, an answer at the end, and nothing after', async () => {
    const { listener, accepted, refusals } = await listening({ limits: { handshakeTimeoutMillis: 200 } });
    const [late, silent] = [raw(listener.local.port), raw(listener.local.port)];
    late.socket.write(request);
    silent.socket.write('B');
    await until(() => late.socket.closed && silent.socket.closed, 'the end of both');
    assert.deepEqual([silent.heard(), accepted.length], ['tooLate', 0]);
    assert.deepEqual([refusals[0]?.reason, listener.pendingHandshakes], ['linkTooLate', 0]);
  });

  it('counts them with the handshakes of their source', async () => {
    const { listener, refusals } = await listening({ limits: { waitTimeoutMillis: 100 } });
    const strangers = Array.from({ length: 20 }, () => raw(listener.local.port));
    for (const { socket } of strangers) socket.write(request);
    await until(() => strangers.filter(({ socket }) => socket.closed).length === 12, '12 cut off');
    assert.equal(listener.pendingHandshakes, 8);
    assert.equal(refusals[0]?.reason, 'tooManyPendingOfSource');
    for (const { socket } of strangers) socket.destroy();
    await until(() => listener.pendingHandshakes === 0, 'nothing pending');
    assert.ok((await prove(listener.local.port)).ok);
  });

  it('tells when they leave in the middle', async () => {
    const { listener, refusals } = await listening();
    const { socket } = raw(listener.local.port);
    socket.write(request, () => socket.end());
    await until(() => refusals.length === 1, 'the refusal');
    assert.equal(refusals[0]?.reason, 'linkBrokenOff');
  });
});
