import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LinkConfig } from '../config/index.ts';
import { pathSlot } from '../dataplane/counters.ts';
import type { WorkerCommand } from '../dataplane/protocol.ts';
import type { EventDetail } from '../journal/event.ts';
import { parseIpAddress } from '../network/ip-address.ts';
import type { SessionPath } from '../tunnel/control/session.ts';
import type { PathState } from '../tunnel/path/path.ts';
import type { GatewayContext } from './context.ts';
import type { Links } from './links.ts';
import { TunnelPaths } from './tunnel-paths.ts';

const port = 4500;
const evidence = { silentMillis: 0, unansweredProbes: 0, roundTripMillis: 12.3456, lastHeardMillisAgo: 4 };

type Told = { commands: WorkerCommand[]; events: EventDetail[]; removed: number[]; paths: TunnelPaths };

/** Paths of a tunnel over links with these rates; what the worker and the journal are told is kept. */
function open(rates: Record<string, number | undefined>): Told {
  const commands: WorkerCommand[] = [];
  const events: EventDetail[] = [];
  const configs = Object.entries(rates).map(
    ([name, rateBps]) => ({ name, rateBps, keepaliveMillis: 250 }) as LinkConfig,
  );
  const context = {
    worker: { send: (command: WorkerCommand) => commands.push(command) },
    record: (event: EventDetail) => events.push(event),
  } as unknown as GatewayContext;
  const links = {
    indexOf: (name: string) => configs.findIndex((config) => config.name === name),
    config: (name: string) => configs.find((config) => config.name === name),
    families: () => [{ linkIndex: 0, family: 4, address: parseIpAddress('192.0.2.9') }],
  } as unknown as Links;
  const removed: number[] = [];
  const gone = (pathId: number) => removed.push(pathId);
  const paths = new TunnelPaths(context, links, 0, 'sites', Object.keys(rates), gone);
  return { commands, events, removed, paths };
}

function path(pathId: number, localLink: string, local: string, remote: string): SessionPath {
  const address = parseIpAddress(remote)!;
  const localAddress = parseIpAddress(local)!;
  return {
    role: 'initiator',
    pathId,
    localLink,
    localAddress,
    remoteLinkIndex: 0,
    remote: { address, port },
  };
}

const first = path(0, 'fibre', '192.0.2.1', '198.51.100.1');
const second = path(1, 'fibre', '2001:db8::1', '2001:db8:1::1');
const other = path(2, 'lte', '203.0.113.1', '198.51.100.1');

function change(paths: TunnelPaths, path: number, from: PathState, to: PathState): void {
  paths.stateChanged({ kind: 'pathState', tunnel: 0, path, from, to, evidence });
}

/** The weight that the worker has for each path in the end. */
function weights(commands: readonly WorkerCommand[]): Record<number, number> {
  const known: Record<number, number> = {};
  for (const command of commands) {
    if (command.kind === 'addPath' || command.kind === 'weightPath') known[command.path] = command.weight;
    if (command.kind === 'removePath') delete known[command.path];
  }
  return known;
}

describe("a tunnel's paths", () => {
  it('share what their link weighs, so that a link with both families takes no more than another', () => {
    const { commands, paths } = open({ fibre: undefined, lte: undefined });
    for (const one of [first, second, other]) paths.add(one);
    for (const id of [0, 1, 2]) change(paths, id, 'probing', 'up');
    assert.deepEqual(weights(commands), { 0: 0.5, 1: 0.5, 2: 1 });
  });

  it('say of a link what the best of its paths does', () => {
    const { paths } = open({ fibre: undefined, lte: undefined });
    assert.equal(paths.over('fibre'), undefined);
    for (const one of [first, second]) paths.add(one);
    assert.equal(paths.over('fibre')?.state, 'probing');
    change(paths, 0, 'probing', 'down');
    change(paths, 1, 'probing', 'up');
    assert.equal(paths.over('fibre')?.state, 'up');
    change(paths, 1, 'up', 'down');
    assert.equal(paths.over('fibre')?.state, 'down');
  });

  it('say whether the peer lives by what the other links heard after this one ought to have', (test) => {
    let now = 10_000;
    test.mock.method(performance, 'now', () => now);
    const { commands, paths } = open({ fibre: undefined, lte: undefined });
    assert.equal(paths.beside('fibre'), undefined);
    for (const one of [first, other]) paths.add(one);
    for (const id of [0, 2]) change(paths, id, 'probing', 'up');
    const heard = (id: number, atMillis: number) => {
      const added = commands.find((it) => it.kind === 'addPath' && it.path === id);
      assert.ok(added?.kind === 'addPath');
      new Float64Array(added.counters)[pathSlot.lastHeardAtMillis] = atMillis;
    };
    heard(0, 9_000);
    heard(2, 9_200);
    assert.equal(paths.beside('fibre'), 'carry');
    change(paths, 0, 'up', 'down');
    assert.equal(paths.beside('fibre'), 'open');
    heard(2, 9_400);
    assert.equal(paths.beside('fibre'), 'carry');
    heard(2, 9_200);
    now += 2_500;
    assert.equal(paths.beside('fibre'), 'carry');
    change(paths, 2, 'up', 'down');
    assert.equal(paths.beside('fibre'), 'silent');
  });

  it('have the weight of a path of the link that does not carry, or is gone', () => {
    const { commands, paths } = open({ fibre: 100e6, lte: 20e6 });
    for (const one of [first, second, other]) paths.add(one);
    for (const id of [0, 1, 2]) change(paths, id, 'probing', 'up');
    assert.deepEqual(weights(commands), { 0: 50, 1: 50, 2: 20 });
    change(paths, 0, 'suspect', 'down');
    assert.deepEqual(weights(commands), { 0: 100, 1: 100, 2: 20 });
    change(paths, 0, 'down', 'up');
    paths.remove(1, 'test');
    assert.deepEqual(weights(commands), { 0: 100, 2: 20 });
  });

  it('that a new session does not ask for go', () => {
    const { events, removed, paths } = open({ fibre: undefined, lte: undefined });
    for (const one of [first, second]) paths.add(one);
    paths.sessionOpened();
    paths.add(second);
    paths.add(other);
    paths.removeStale('test');
    assert.deepEqual(
      paths.status().map(({ id }) => id),
      [1, 2],
    );
    assert.equal(events.at(-1)?.kind, 'pathRemoved');
    assert.deepEqual(removed, [0]);
  });

  it('are moved when they get another address, and left alone when they do not', () => {
    const { commands, paths } = open({ fibre: undefined, lte: undefined });
    paths.add(first);
    commands.length = 0;
    paths.add(first);
    assert.deepEqual(commands, []);
    paths.add(path(0, 'fibre', '192.0.2.1', '198.51.100.9'));
    assert.deepEqual(
      commands.map(({ kind }) => kind),
      ['movePath'],
    );
    assert.equal(paths.status()[0]?.remote, '198.51.100.9:4500');
  });

  it('carry while they are up or in question', () => {
    const { paths } = open({ fibre: undefined, lte: undefined });
    for (const one of [first, other]) paths.add(one);
    assert.equal(paths.upCount, 0);
    change(paths, 0, 'probing', 'up');
    change(paths, 2, 'probing', 'up');
    change(paths, 0, 'up', 'suspect');
    assert.equal(paths.upCount, 2);
    change(paths, 0, 'suspect', 'down');
    assert.equal(paths.upCount, 1);
  });

  it('enter the journal with the figures of each change, but not each return from doubt', () => {
    const { events, paths } = open({ fibre: undefined });
    paths.add(first);
    change(paths, 0, 'probing', 'up');
    change(paths, 0, 'up', 'suspect');
    change(paths, 0, 'suspect', 'up');
    change(paths, 0, 'up', 'suspect');
    change(paths, 0, 'suspect', 'down');
    change(paths, 0, 'down', 'up');
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['pathAdded', 'pathUp', 'pathSuspect', 'pathSuspect', 'pathDown', 'pathUp'],
    );
    const up = events.at(-1);
    assert.ok(up?.kind === 'pathUp');
    assert.equal(up.evidence.rttMillis, 12.346);
    assert.ok(up.evidence.downMillis !== undefined, 'how long it was down');
    assert.deepEqual(up.subject, { type: 'path', tunnel: 'sites', id: 0, link: 'fibre' });
  });

  it('tell where their peer moved to, but not where it was first heard', () => {
    const { events, paths } = open({ fibre: undefined });
    const responder: SessionPath = {
      role: 'responder',
      pathId: 0,
      localLink: 'fibre',
      local: { address: parseIpAddress('192.0.2.1')!, port },
      claimedRemote: parseIpAddress('10.0.0.1')!,
    };
    paths.add(responder);
    paths.moved(0, { address: parseIpAddress('198.51.100.1')!.bytes, port: 4500 });
    paths.moved(0, { address: parseIpAddress('198.51.100.1')!.bytes, port: 61000 });
    const moves = events.filter(({ kind }) => kind === 'pathMoved');
    assert.deepEqual(
      moves.map((event) => event.evidence),
      [{ before: '198.51.100.1:4500', after: '198.51.100.1:61000' }],
    );
  });

  it('start anew when their socket is another one', () => {
    const { commands, paths } = open({ fibre: undefined, lte: undefined });
    for (const one of [first, second, other]) paths.add(one);
    commands.length = 0;
    paths.refresh(new Set([0]));
    assert.deepEqual(commands, [{ kind: 'movePath', tunnel: 0, path: 0, socket: 0, remote: undefined }]);
    assert.equal(paths.status()[0]?.local, '192.0.2.9');
  });
});
