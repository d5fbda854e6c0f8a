/** Which of a path's connections is in use while one takes the place of another (S4.7). */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Arena } from '../linux/arena.ts';
import { openCounters, pathCounters, tunnelCounters } from './counters.ts';
import type { PathStream } from './path-stream.ts';
import { StreamTable } from './stream-table.ts';
import { NameMemory, type PlanePath, TunnelPlane } from './tunnel-plane.ts';

const TUNNEL = 3;

describe('the connections of a path', () => {
  let registered: Set<number>;
  let table: StreamTable;
  let tunnel: TunnelPlane;

  beforeEach(() => {
    registered = new Set();
    const readiness = {
      addStream: (fd: number) => registered.add(fd),
      remove: (fd: number) => registered.delete(fd),
    };
    table = new StreamTable(new Arena(16 * 1024 * 1024), readiness);
    tunnel = new TunnelPlane({
      kind: 'addTunnel',
      schedule: 'arrival',
      tunnel: TUNNEL,
      tunFd: -1,
      udpOffload: false,
      innerSources: [],
      counters: openCounters(tunnelCounters),
    });
  });

  function addPath(id: number, initiates: boolean): PlanePath {
    const arena = new Arena(4096);
    const command = {
      kind: 'addPath' as const,
      tunnel: TUNNEL,
      path: id,
      socket: 0,
      remote: undefined,
      keepaliveMillis: 250,
      weight: 1,
      counters: openCounters(pathCounters),
      encapsulation: 'tcp' as const,
      initiates,
    };
    return tunnel.addPath(command, { id: 0, fd: -1 }, arena, new NameMemory(arena), 0);
  }

  function open(path: PlanePath, fd: number): PathStream {
    table.open(TUNNEL, path, fd);
    return table.withDescriptor(TUNNEL, path, fd)!;
  }

  function speak(path: PlanePath, stream: PathStream): boolean {
    stream.mayWrite = true;
    return table.heard(path, stream);
  }

  it('are used at once by the side that speaks first, which still reads the one before', () => {
    const path = addPath(1, true);
    const first = open(path, 10);
    const second = open(path, 11);
    assert.equal(path.stream, second);
    assert.deepEqual([...registered], [10, 11]);
    assert.equal(table.close(path, first), false);
    assert.deepEqual([path.stream, [...registered]], [second, [11]]);
  });

  it('are used by the side that was called when it is spoken to; until then it has the one before', () => {
    const path = addPath(1, false);
    const first = open(path, 10);
    assert.equal(path.stream, first);
    assert.equal(speak(path, first), false);
    assert.equal(table.open(TUNNEL, path, 11), false);
    assert.equal(path.stream, first);
    const second = table.withDescriptor(TUNNEL, path, 11)!;
    assert.equal(speak(path, second), true);
    assert.equal(path.stream, second);
    assert.deepEqual([...registered], [10, 11]);
  });

  it('take the place of one that nobody has spoken on yet', () => {
    const path = addPath(1, false);
    open(path, 10);
    const second = open(path, 11);
    assert.equal(path.stream, second);
  });

  it('wait for their first word even when the one in use ends before it', () => {
    const path = addPath(1, false);
    const first = open(path, 10);
    speak(path, first);
    const second = open(path, 11);
    assert.equal(table.close(path, first), false);
    assert.equal(path.stream, second);
    assert.equal(second.mayWrite, false);
    assert.equal(table.close(path, second), true);
    assert.equal(path.stream, undefined);
    assert.equal(table.close(path, second), false);
  });

  it('leave the path without one when the last is closed, whatever former ones are still read', () => {
    const path = addPath(1, true);
    open(path, 10);
    const second = open(path, 11);
    assert.equal(table.close(path, second), true);
    assert.equal(path.stream, undefined);
    assert.deepEqual([...registered], [10]);
  });

  it('hold the path up only while the one in use is full', () => {
    const path = addPath(1, true);
    open(path, 10).armed = true;
    path.delivery.blocked = true;
    open(path, 11);
    assert.equal(path.delivery.blocked, false);
  });

  it('go with their path, and with no other', () => {
    const path = addPath(1, true);
    const other = addPath(2, true);
    open(path, 10);
    open(path, 11);
    open(other, 12);
    table.forget(TUNNEL, path);
    assert.deepEqual([path.stream, [...registered]], [undefined, [12]]);
    assert.equal(other.stream?.fd, 12);
  });
});
