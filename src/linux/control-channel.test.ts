import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { type IpAddress, parseIpAddress } from '../network/ip-address.ts';
import {
  type ControlListener,
  type ControlSession,
  type DialOptions,
  dialControl,
  type HandshakeRefusal,
  type ListenOptions,
  listenControl,
} from './control-channel.ts';
import { tlsOptions } from './control-tls.ts';
import { generateIdentity } from './identity.ts';
import { maxQueuedBytes } from './tcp-connection.ts';

const loopback = parseIpAddress('127.0.0.1')!;
const responder = generateIdentity();
const initiator = generateIdentity();
const stranger = generateIdentity();
const label = 'EXPORTER-backstay-test';

type Accepted = { readonly session: ControlSession; readonly peer: string; readonly received: Uint8Array[] };

type World = {
  readonly listener: ControlListener;
  readonly accepted: Accepted[];
  readonly refusals: HandshakeRefusal[];
};

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listening(changes: Partial<ListenOptions<string>> = {}): Promise<World> {
  const accepted: Accepted[] = [];
  const refusals: HandshakeRefusal[] = [];
  const listener = await listenControl<string>({
    address: loopback,
    port: 0,
    identity: responder,
    authenticate: (fingerprint) => (fingerprint === initiator.fingerprint ? 'head-office' : undefined),
    onSession: (session, peer) => {
      const received: Uint8Array[] = [];
      session.onData((bytes) => received.push(bytes));
      accepted.push({ session, peer, received });
    },
    claimOf: () => undefined,
    onRefusal: (refusal) => refusals.push(refusal),
    ...changes,
  });
  cleanups.push(() => listener.close());
  return { listener, accepted, refusals };
}

function dial(listener: ControlListener, changes: Partial<DialOptions> = {}) {
  return dialControl({
    remote: listener.local,
    identity: initiator,
    pinnedFingerprint: responder.fingerprint,
    timeoutMillis: 5000,
    ...changes,
  });
}

async function dialled(listener: ControlListener): Promise<ControlSession> {
  const result = await dial(listener);
  assert.ok(result.ok);
  cleanups.push(() => result.session.close());
  return result.session;
}

/** What the kernel holds for the listener of this connection; proc(5), /proc/net/tcp. */
function unreadBytes(listener: ControlListener, socket: Socket): number {
  const port = (number = 0) => `:${number.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const fields = rows.map((row) => row.trim().split(/\s+/));
  const own = fields.find(
    ([, local, remote]) =>
      local?.endsWith(port(listener.local.port)) === true && remote?.endsWith(port(socket.localPort)),
  );
  return Number.parseInt(own?.[4]?.split(':')[1] ?? '0', 16);
}

/** A connection that speaks no protocol of its own. */
function raw(listener: ControlListener): Socket {
  const socket = connect({ host: '127.0.0.1', port: listener.local.port, allowHalfOpen: true });
  socket.on('error', () => {});
  cleanups.push(() => socket.destroy());
  return socket;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function bytesOf(chunks: readonly Uint8Array[]): string {
  return Buffer.concat(chunks).toString();
}

describe('control channel', () => {
  it('joins two gateways that have pinned each other, with the same keys on both sides', async () => {
    const { listener, accepted } = await listening();
    const session = await dialled(listener);
    const answered: Uint8Array[] = [];
    session.onData((bytes) => answered.push(bytes));
    session.send(Buffer.from('question'));
    await until(() => accepted[0]?.received.length === 1, 'the question');
    const other = accepted[0]!;
    assert.equal(other.peer, 'head-office');
    assert.equal(bytesOf(other.received), 'question');
    other.session.send(Buffer.from('answer'));
    await until(() => answered.length === 1, 'the answer');
    assert.equal(bytesOf(answered), 'answer');

    const [one, two] = [Uint8Array.of(0), Uint8Array.of(1)];
    const key = session.exportKey(label, one, 36);
    assert.equal(key.length, 36);
    assert.deepEqual(key, other.session.exportKey(label, one, 36));
    assert.notDeepEqual(key, other.session.exportKey(label, two, 36));
    assert.deepEqual(
      [session.peerFingerprint, other.session.peerFingerprint],
      [responder.fingerprint, initiator.fingerprint],
    );
    assert.deepEqual([session.remoteAddress, other.session.localAddress], ['127.0.0.1', '127.0.0.1']);
  });

  it('makes other keys in every session', async () => {
    const { listener } = await listening();
    const keys = [await dialled(listener), await dialled(listener)].map((session) =>
      session.exportKey(label, Uint8Array.of(0), 36),
    );
    assert.notDeepEqual(keys[0], keys[1]);
  });

  it('works over IPv6', async () => {
    const { listener, accepted } = await listening({ address: parseIpAddress('::1')! });
    const session = await dialled(listener);
    assert.equal(session.remoteAddress, '::1');
    await until(() => accepted.length === 1, 'the session');
  });

  it('tells both sides of its end, after what was sent before', async () => {
    const { listener, accepted } = await listening();
    const session = await dialled(listener);
    await until(() => accepted.length === 1, 'the session');
    const ended: string[] = [];
    session.onClose(() => ended.push('initiator'));
    accepted[0]!.session.onClose(() => ended.push('responder'));
    session.onData(() => {});
    session.send(Buffer.from('last word'));
    session.close();
    await until(() => ended.length === 2, 'both ends');
    assert.equal(bytesOf(accepted[0]!.received), 'last word');
    session.send(Buffer.from('too late'));
    let late = false;
    session.onClose(() => (late = true));
    await until(() => late, 'a late listener');
    assert.equal(listener.sessions, 0);
  });

  it('drops a peer that does not read, and queues no more than its bound', async () => {
    const { listener, accepted } = await listening();
    const session = await dialled(listener);
    await until(() => accepted.length === 1, 'the session');
    let ended = false;
    accepted[0]!.session.onClose(() => (ended = true));
    const chunk = new Uint8Array(16 * 1024);
    // The dialled side never calls onData: the kernel's buffers fill up, then the queue.
    let sent = 0;
    for (; !ended && sent < 64 * 1024 * 1024; sent += chunk.length) {
      accepted[0]!.session.send(chunk);
      if (sent % maxQueuedBytes === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(ended);
    assert.ok(session);
  });
});

describe('a dialler', () => {
  it('refuses another key than the pinned one, names both, and says nothing', async () => {
    const { listener, accepted } = await listening();
    const result = await dial(listener, { pinnedFingerprint: stranger.fingerprint });
    assert.ok(!result.ok);
    assert.deepEqual([result.kind, result.code], ['wrongKey', 'BS_PEER_WRONG_KEY']);
    assert.ok(result.reason.includes(stranger.fingerprint) && result.reason.includes(responder.fingerprint));
    await until(
      () => listener.pendingHandshakes === 0 && listener.sessions === 0,
      'the end of the connection',
    );
    assert.deepEqual(
      accepted.flatMap((one) => one.received),
      [],
    );
  });

  it('gives what the network does as a result', async () => {
    const { listener } = await listening();
    const free = listener.local;
    await listener.close();
    cleanups.pop();
    const refused = await dial({ ...listener, local: free } as ControlListener);
    assert.deepEqual([refused.ok, !refused.ok && refused.kind], [false, 'refused']);
    const elsewhere = await dialControl({
      localAddress: parseIpAddress('192.0.2.77')!,
      remote: free,
      identity: initiator,
      pinnedFingerprint: responder.fingerprint,
      timeoutMillis: 1000,
    });
    assert.deepEqual([elsewhere.ok, !elsewhere.ok && elsewhere.code], [false, 'BS_ADDRESS_UNAVAILABLE']);
  });

  it('gives up on a server that is silent, talks nonsense or closes', async () => {
    const behaviours: [string, (socket: Socket) => void][] = [
      ['timeout', () => {}],
      ['handshakeFailed', (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
      ['handshakeFailed', (socket) => void socket.destroy()],
    ];
    for (const [expected, behave] of behaviours) {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        cleanups.push(() => socket.destroy());
        behave(socket);
      }).listen(0, '127.0.0.1');
      cleanups.push(() => server.close());
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const result = await dial({ local: { address: loopback, port } } as ControlListener, {
        timeoutMillis: 300,
      });
      assert.equal(!result.ok && result.kind, expected);
    }
  });

  it('gives up when told to', async () => {
    const server = createServer((socket) => void cleanups.push(() => socket.destroy())).listen(
      0,
      '127.0.0.1',
    );
    cleanups.push(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const target = { local: { address: loopback, port } } as ControlListener;
    const controller = new AbortController();
    const running = dial(target, { signal: controller.signal });
    controller.abort();
    const results = [await running, await dial(target, { signal: controller.signal })];
    assert.deepEqual(
      results.map((result) => !result.ok && result.kind),
      ['aborted', 'aborted'],
    );
  });
});

describe('a listener', () => {
  it('refuses a key it does not know without reading a byte, and says goodbye', async () => {
    const farewellToStrangers = Buffer.from('goodbye');
    const { listener, accepted, refusals } = await listening({ farewellToStrangers });
    const result = await dial(listener, { identity: stranger });
    assert.ok(result.ok, 'in TLS 1.3 the client learns of the refusal later');
    const heard: Uint8Array[] = [];
    let ended = false;
    result.session.onData((bytes) => heard.push(bytes));
    result.session.onClose(() => (ended = true));
    result.session.send(Buffer.from('let me in'));
    await until(() => ended, 'the end');
    assert.equal(bytesOf(heard), 'goodbye');
    assert.equal(accepted.length, 0);
    assert.equal(refusals.length, 1);
    assert.deepEqual([refusals[0]!.reason, refusals[0]!.fingerprint], ['unknownKey', stranger.fingerprint]);
    await until(() => listener.pendingHandshakes === 0, 'nothing pending');
  });

  const tlsClients: [string, string, object][] = [
    ['TLS 1.2', 'handshakeFailed', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: undefined }],
    ['no certificate', 'noCertificate', { key: undefined, cert: undefined }],
    ['another protocol', 'handshakeFailed', { ALPNProtocols: ['h2'] }],
    ['no protocol', 'wrongProtocol', { ALPNProtocols: undefined }],
    ['a weak cipher only', 'handshakeFailed', { ciphers: 'TLS_AES_128_GCM_SHA256' }],
  ];
  for (const [name, reason, changes] of tlsClients) {
    it(`refuses a client with ${name}`, async () => {
      const { listener, accepted, refusals } = await listening();
      const socket = tlsClient(listener, changes);
      await until(() => socket.closed, 'the refusal');
      assert.equal(accepted.length, 0);
      assert.deepEqual(
        refusals.map((refusal) => refusal.reason),
        [reason],
      );
      if (name === 'TLS 1.2') assert.equal(refusals[0]?.code, 'ERR_SSL_UNSUPPORTED_PROTOCOL');
    });
  }

  it('never resumes a session', async () => {
    const { listener, accepted } = await listening();
    const first = tlsClient(listener, {});
    const tickets: Buffer[] = [];
    first.on('session', (ticket) => tickets.push(ticket));
    await until(() => accepted.length === 1, 'the first session');
    accepted[0]!.session.send(Buffer.from('x'));
    first.resume();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const session of tickets) {
      const again = tlsClient(listener, { session });
      await once(again, 'secureConnect');
      assert.equal(again.isSessionReused(), false);
    }
  });

  it('cuts off garbage at once and silence, slow drip and half-open connections in time', async () => {
    const { listener, accepted, refusals } = await listening({ limits: { handshakeTimeoutMillis: 300 } });
    const garbage = [
      Buffer.from('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n'),
      Buffer.alloc(4096, 0xff),
      Buffer.from('42535459000000010000000100000010', 'hex'),
      Buffer.from('160301', 'hex'),
      Buffer.alloc(0),
    ];
    const sockets = garbage.map((bytes) => {
      const socket = raw(listener);
      socket.write(bytes);
      return socket;
    });
    sockets.at(-1)!.end();
    const drip = raw(listener);
    const hello = Buffer.from('16030104000100', 'hex');
    let dripped = 0;
    const timer = setInterval(() => drip.write(hello.subarray(dripped, ++dripped) ?? 'x'), 40);
    cleanups.push(() => clearInterval(timer));
    for (const socket of [...sockets, drip]) socket.resume();
    await Promise.all([...sockets, drip].map((socket) => socket.closed || once(socket, 'end')));
    await until(() => listener.pendingHandshakes === 0, 'nothing pending');
    assert.equal(accepted.length, 0);
    assert.ok(dripped < 20, 'the drip does not put the deadline off');
    assert.equal(refusals[0]?.address, '127.0.0.1');
  });

  it('reads no more of an endless handshake than TLS allows', async () => {
    const { listener } = await listening();
    const socket = raw(listener);
    const record = Buffer.concat([Buffer.from('1603034000', 'hex'), Buffer.alloc(0x4000)]);
    const first = Buffer.concat([
      Buffer.from('1603034000', 'hex'),
      Buffer.from('0101fffc', 'hex'),
      Buffer.alloc(0x3ffc),
    ]);
    socket.write(first);
    let sent = first.length;
    while (!socket.destroyed && sent < 4 * 1024 * 1024) {
      await new Promise<void>((resolve) => socket.write(record, () => resolve()));
      sent += record.length;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.ok(sent < 1024 * 1024, `${sent} bytes were taken`);
    await until(() => listener.pendingHandshakes === 0, 'nothing pending');
  });

  it('bounds the handshakes of one source, and journals a flood as a number', async () => {
    const { listener, refusals } = await listening({ limits: { waitTimeoutMillis: 100 } });
    const sockets = Array.from({ length: 40 }, () => raw(listener));
    for (const socket of sockets) socket.resume();
    await until(
      () => sockets.filter((socket) => socket.readableEnded || socket.closed).length === 32,
      '32 cut off',
    );
    assert.equal(listener.pendingHandshakes, 8);
    assert.equal(refusals.length, 1);
    assert.deepEqual([refusals[0]!.reason, refusals[0]!.count], ['tooManyPendingOfSource', 1]);
    for (const socket of sockets) socket.destroy();
    await until(() => listener.pendingHandshakes === 0, 'nothing pending');
    // The next one gets in: nothing was leaked.
    await dialled(listener);
  });

  it('lets a peer wait until others of its source are done', async () => {
    const { listener } = await listening({ limits: { handshakeTimeoutMillis: 500 } });
    for (let number = 0; number < 20; number++) raw(listener).resume();
    await until(() => listener.pendingHandshakes === 8, 'all places taken');
    const peers = await Promise.all(Array.from({ length: 10 }, () => dialled(listener)));
    assert.equal(peers.length, 10);
  });

  it('reads nothing of one who waits', async () => {
    const { listener } = await listening();
    for (let number = 0; number < 8; number++) raw(listener);
    await until(() => listener.pendingHandshakes === 8, 'all places taken');
    const waiting = raw(listener);
    waiting.write(Buffer.alloc(1_000));
    await until(() => unreadBytes(listener, waiting) === 1_000, 'its bytes at the kernel');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(unreadBytes(listener, waiting), 1_000);
  });

  it('lets no more wait than it has room for', async () => {
    const limits = { maxWaiting: 3, waitTimeoutMillis: 60_000, handshakeTimeoutMillis: 60_000 };
    const { listener } = await listening({ limits });
    const sockets = Array.from({ length: 40 }, () => raw(listener).resume());
    const cutOff = () => sockets.filter((socket) => socket.readableEnded || socket.closed).length;
    await until(() => cutOff() === 29, '29 cut off');
    assert.equal(listener.pendingHandshakes, 8);
  });

  it('bounds the handshakes of all sources together', async () => {
    const { listener, refusals } = await listening({ limits: { maxPending: 5, waitTimeoutMillis: 100 } });
    const sockets = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'].flatMap((localAddress) =>
      Array.from({ length: 3 }, () =>
        connect({ host: '127.0.0.1', port: listener.local.port, localAddress }),
      ),
    );
    for (const socket of sockets) {
      socket.on('error', () => {}).resume();
      cleanups.push(() => socket.destroy());
    }
    await until(
      () => sockets.filter((socket) => socket.readableEnded || socket.closed).length === 7,
      '7 cut off',
    );
    assert.equal(listener.pendingHandshakes, 5);
    assert.ok(refusals.every((refusal) => refusal.reason === 'tooManyPending'));
  });

  it('lets a peer in again and drops its oldest session when it has too many', async () => {
    const { listener, accepted } = await listening({ limits: { maxSessionsPerPeer: 2 } });
    const ended: number[] = [];
    for (let number = 0; number < 3; number++) {
      const session = await dialled(listener);
      session.onData(() => {});
      session.onClose(() => ended.push(number));
      await until(() => accepted.length === number + 1, `session ${number}`);
    }
    await until(() => ended.length === 1, 'the oldest one’s end');
    assert.deepEqual(ended, [0]);
    assert.equal(listener.sessions, 2);
  });

  it('says where it cannot listen', async () => {
    const { listener } = await listening();
    const place = `tcp 127.0.0.1:${listener.local.port}`;
    await assert.rejects(listening({ port: listener.local.port }), { code: 'BS_ADDRESS_IN_USE', place });
    const address = parseIpAddress('192.0.2.77') as IpAddress;
    await assert.rejects(listening({ address }), { code: 'BS_ADDRESS_UNAVAILABLE' });
  });

  it('ends everything when it is closed', async () => {
    const { listener } = await listening();
    const session = await dialled(listener);
    session.onData(() => {});
    let ended = false;
    session.onClose(() => (ended = true));
    raw(listener);
    await until(() => listener.pendingHandshakes === 1, 'a pending handshake');
    await listener.close();
    cleanups.shift();
    await until(() => ended, 'the end of the session');
    assert.equal(listener.pendingHandshakes, 0);
  });
});

function tlsClient(listener: ControlListener, changes: object): TLSSocket {
  const options = { ...tlsOptions(initiator), host: '127.0.0.1', port: listener.local.port, ...changes };
  const socket = tlsConnect(options);
  socket.on('error', () => {});
  socket.resume();
  cleanups.push(() => socket.destroy());
  return socket;
}
