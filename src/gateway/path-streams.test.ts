import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import type { WorkerCommand } from '../dataplane/protocol.ts';
import type { EventDetail } from '../journal/event.ts';
import { Arena } from '../linux/arena.ts';
import { type ControlListener, listenControl } from '../linux/control-channel.ts';
import { errno, errnoValue } from '../linux/ffi.ts';
import { generateIdentity } from '../linux/identity.ts';
import { receiveStream } from '../linux/stream-socket.ts';
import { parseIpAddress } from '../network/ip-address.ts';
import type { SessionPath } from '../tunnel/control/session.ts';
import type { GatewayContext } from './context.ts';
import { type PathSecret, PathStreams } from './path-streams.ts';

const loopback = parseIpAddress('127.0.0.1')!;
const identity = generateIdentity();

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Side = {
  readonly streams: PathStreams;
  readonly events: EventDetail[];
  readonly worker: StreamWatch;
};

function open(retryMillis?: number): Side {
  const events: EventDetail[] = [];
  const worker = new StreamWatch((path, fd) => streams.lost(path, fd, 'ended'));
  const record = (event: EventDetail) => events.push(event);
  const context = { record, worker } as unknown as GatewayContext;
  const streams: PathStreams = new PathStreams(context, { id: 3, name: 'sites' }, retryMillis);
  cleanups.push(() => streams.clear());
  return { streams, events, worker };
}

/** In the worker's place: sees the connections end. */
class StreamWatch {
  readonly commands: WorkerCommand[] = [];
  readonly #ended: (path: number, fd: number) => void;
  readonly #timers = new Map<number, NodeJS.Timeout>();

  constructor(ended: (path: number, fd: number) => void) {
    this.#ended = ended;
  }

  send(command: WorkerCommand): void {
    this.commands.push(command);
    if (command.kind === 'openStream') this.#watch(command.path, command.fd);
    else if (command.kind === 'closeStream') clearInterval(this.#timers.get(command.fd));
  }

  released(): Promise<void> {
    return Promise.resolve();
  }

  #watch(path: number, fd: number): void {
    const arena = new Arena(4096);
    const timer = setInterval(() => {
      if (receiveStream(fd, arena.address, 4096) < 0 && errno() === errnoValue.EAGAIN) return;
      clearInterval(timer);
      this.#ended(path, fd);
    }, 5);
    this.#timers.set(fd, timer);
  }
}

async function listening({ streams }: Side, port = 0): Promise<ControlListener> {
  const listener = await listenControl<string>({
    address: loopback,
    port,
    identity,
    authenticate: () => undefined,
    onSession: () => {},
    claimOf: (ticket) => streams.claimOf(ticket),
    onRefusal: () => {},
  });
  cleanups.push(() => listener.close());
  return listener;
}

function secret(key: number, pathId = 0): PathSecret {
  return {
    key: new Uint8Array(32).fill(key),
    ticket: new Uint8Array(16).fill(pathId),
    tunnelInstance: new Uint8Array(16),
  };
}

function initiatorPath(port: number, pathId = 0): Extract<SessionPath, { role: 'initiator' }> {
  const ends = { localAddress: loopback, remoteLinkIndex: 0, remote: { address: loopback, port } };
  return { role: 'initiator', pathId, localLink: 'fibre', ...ends };
}

function responderPath(pathId = 0): Extract<SessionPath, { role: 'responder' }> {
  const local = { address: loopback, port: 4500 };
  return { role: 'responder', pathId, localLink: 'wan', local, claimedRemote: loopback };
}

/** Descriptors that the worker was given. */
function opened({ worker }: Side): number[] {
  return worker.commands.flatMap((command) => (command.kind === 'openStream' ? [command.fd] : []));
}

function closed({ worker }: Side): number[] {
  return worker.commands.flatMap((command) => (command.kind === 'closeStream' ? [command.fd] : []));
}

/** Proves, and waits for what comes of it. */
function prove({ streams }: Side, port: number, key = 1, pathId = 0): Promise<'join' | 'refuted'> {
  return new Promise((resolve) =>
    streams.prove(initiatorPath(port, pathId), secret(key, pathId), {
      join: () => resolve('join'),
      refuted: () => resolve('refuted'),
    }),
  );
}

function kinds(events: readonly EventDetail[]): string[] {
  return events.map((event) => (event.kind === 'pathUnproven' ? event.evidence.outcome : event.kind));
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the own connections of paths', () => {
  it('let their paths join when they are proven, and stay open on both sides', async () => {
    const [one, other] = [open(), open()];
    const { local } = await listening(other);
    other.streams.expect(responderPath(), secret(1));
    assert.equal(await prove(one, local.port), 'join');
    await until(() => one.streams.openCount === 1, 'this end');
    assert.deepEqual(kinds(one.events), ['pathProven']);
    await until(() => other.streams.openCount === 1, 'the other end');
    assert.deepEqual(kinds(other.events), ['pathProven']);
  });

  it('are replaced by the ones of the next session without an entry, and end with their paths', async () => {
    const [one, other] = [open(), open()];
    const { local } = await listening(other);
    for (const key of [1, 2]) {
      other.streams.expect(responderPath(), secret(key));
      assert.equal(await prove(one, local.port, key), 'join');
      await until(() => opened(other).length === key, 'the other end');
    }
    await until(() => closed(other).length === 1, 'the end of the first');
    assert.deepEqual(closed(other), opened(other).slice(0, 1));
    assert.equal(other.streams.openCount, 1);
    assert.deepEqual([kinds(one.events), kinds(other.events)], [['pathProven'], ['pathProven']]);
    one.streams.forget(0);
    assert.equal(one.streams.openCount, 0);
    await until(() => other.streams.openCount === 0, 'the end of the other');
  });

  it('refute their paths when an answer is wrong', async () => {
    const [one, other] = [open(), open()];
    const { local } = await listening(other);
    other.streams.expect(responderPath(), secret(1));
    assert.equal(await prove(one, local.port, 2), 'refuted');
    assert.deepEqual([kinds(one.events), one.streams.openCount], [['wrongAnswer'], 0]);
  });

  it('let their paths join by UDP when there is no way for TCP, and say so once', async () => {
    const [one, other] = [open(), open()];
    const listener = await listening(other);
    const { port } = listener.local;
    await listener.close();
    cleanups.pop();
    for (let session = 0; session < 3; session++) assert.equal(await prove(one, port), 'join');
    assert.deepEqual(kinds(one.events), ['noConnection']);
  });

  it('are tried again after a pause, and made again when they are lost; the path joins once', async () => {
    const [one, other] = [open(50), open()];
    const first = await listening(other);
    const { port } = first.local;
    await first.close();
    cleanups.pop();
    other.streams.expect(responderPath(), secret(1));
    let joins = 0;
    const join = () => {
      joins += 1;
    };
    one.streams.prove(initiatorPath(port), secret(1), { join, refuted: () => {} });
    await until(() => joins === 1, 'the path by UDP');
    const second = await listening(other, port);
    await until(() => one.streams.openCount === 1 && other.streams.openCount === 1, 'the connection');
    await second.close();
    cleanups.pop();
    other.streams.forget(0);
    await until(() => one.streams.openCount === 0, 'the loss');
    other.streams.expect(responderPath(), secret(1));
    await listening(other, port);
    await until(() => one.streams.openCount === 1, 'another connection');
    // Between loss and return it is tried in vain, perhaps.
    const [beginning, ...rest] = kinds(one.events);
    assert.equal(beginning, 'noConnection');
    assert.ok(rest.includes('pathProven'));
    assert.equal(joins, 1);
  });

  it('are not tried again after a wrong answer', async () => {
    const [one, other] = [open(20), open()];
    const { local } = await listening(other);
    other.streams.expect(responderPath(), secret(1));
    let refutations = 0;
    const refuted = () => {
      refutations += 1;
    };
    one.streams.prove(initiatorPath(local.port), secret(2), { join: () => {}, refuted });
    await until(() => refutations === 1, 'the refutation');
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(refutations, 1);
  });

  it('do not keep a path from joining for longer than two seconds', async () => {
    const one = open();
    const silent = createServer((socket) => void cleanups.push(() => socket.destroy()));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => silent.close());
    const begin = performance.now();
    assert.equal(await prove(one, (silent.address() as { port: number }).port), 'join');
    const millis = performance.now() - begin;
    assert.ok(millis > 1_900 && millis < 4_000, `${millis} ms`);
    assert.deepEqual(one.events, []);
  });

  it('do nothing any more for a path that has gone meanwhile', async () => {
    const [one, other] = [open(), open()];
    const { local } = await listening(other);
    other.streams.expect(responderPath(), secret(1));
    let called = false;
    const note = () => {
      called = true;
    };
    one.streams.prove(initiatorPath(local.port), secret(1), { join: note, refuted: note });
    one.streams.forget(0);
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    assert.deepEqual([called, one.events, one.streams.openCount], [false, [], 0]);
    other.streams.forget(0);
    assert.equal(other.streams.claimOf(secret(1).ticket), undefined);
  });

  it('do nothing for a path that goes while it waits for its turn', async () => {
    const one = open();
    const silent = createServer((socket) => void cleanups.push(() => socket.destroy()));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => silent.close());
    const { port } = silent.address() as { port: number };
    const joined: number[] = [];
    for (let pathId = 0; pathId < 5; pathId++)
      one.streams.prove(initiatorPath(port, pathId), secret(1, pathId), {
        join: () => void joined.push(pathId),
        refuted: () => {},
      });
    one.streams.forget(4);
    await new Promise((resolve) => setTimeout(resolve, 2_300));
    assert.deepEqual(joined, [0, 1, 2, 3]);
  });

  it('are made anew at once when the worker has no use for them while their path does not carry', async () => {
    const [one, other] = [open(), open()];
    const { local } = await listening(other);
    other.streams.expect(responderPath(), secret(1));
    await prove(one, local.port);
    await until(() => opened(one).length === 1, 'the connection');
    one.streams.lost(0, opened(one)[0]!, 'notUnderstood');
    assert.deepEqual(kinds(one.events), ['pathProven', 'controlError']);
    await until(() => opened(one).length === 2, 'another connection');
    assert.deepEqual(closed(one), opened(one).slice(0, 1));
  });

  it('are waited for while their path carries, and made at once when it does not any more', async () => {
    const [one, other] = [open(), open()];
    const { local } = await listening(other);
    other.streams.expect(responderPath(), secret(1));
    await prove(one, local.port);
    await until(() => opened(one).length === 1, 'the connection');
    one.streams.pathChanged(0, 'up');
    one.streams.lost(0, opened(one)[0]!, 'ended');
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.equal(opened(one).length, 1);
    one.streams.pathChanged(0, 'suspect');
    await until(() => opened(one).length === 2, 'another connection');
  });

  it('leave their descriptors open until the worker has let go', async () => {
    const [one, other] = [open(), open()];
    const { local } = await listening(other);
    other.streams.expect(responderPath(), secret(1));
    await prove(one, local.port);
    await until(() => opened(one).length === 1, 'the connection');
    const letGo = Promise.withResolvers<void>();
    one.worker.released = () => letGo.promise;
    one.streams.forget(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(other.streams.openCount, 1);
    letGo.resolve();
    await until(() => other.streams.openCount === 0, 'the end over there');
  });

  it('are made a few at a time, as a responder lets a few strangers of one source in', async () => {
    const one = open();
    const sockets: Socket[] = [];
    let most = 0;
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      most = Math.max(most, sockets.filter((each) => !each.destroyed).length);
      setTimeout(() => socket.destroy(), 50);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const { port } = server.address() as { port: number };
    await Promise.all(Array.from({ length: 12 }, (_, pathId) => prove(one, port, 1, pathId)));
    assert.deepEqual([sockets.length, most <= 4], [12, true], `${most} at a time`);
  });
});
