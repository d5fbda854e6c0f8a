import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TunnelCounter } from '../src/dataplane/counters.ts';
import { HOLD_SLOTS } from '../src/dataplane/hold-memory.ts';
import { historyOf } from './history.ts';
import { type EndName, type Flow, innerPacket } from './inner-packets.ts';
import { Invariants } from './invariants.ts';
import { Ledger } from './ledger.ts';
import { type Ends, spiOf } from './tunnel-end.ts';

const flow: Flow = { id: 0, from: 'a', family: 4, payload: 8, open: false, segments: 1 };
const MILLI = 1_000;

/** An end as the invariants see it: what it counts, delivers and says of its paths. */
class FakeEnd {
  readonly counts: Partial<Record<TunnelCounter, number>> = {};
  readonly devices: Uint8Array[] = [];
  pathState = 'up';
  bytes = 0;
  count = (name: TunnelCounter) => this.counts[name] ?? 0;
  state = () => this.pathState;
  dataBytes = () => this.bytes;
  takeDelivered = (each: (bytes: Uint8Array) => void) => this.devices.splice(0).forEach(each);
}

function stage({ schedule = 'arrival' as 'arrival' | 'weight', sent = 10 } = {}) {
  const ends = { a: new FakeEnd(), b: new FakeEnd() };
  const ledger = new Ledger([flow]);
  ledger.offered(flow, sent);
  const history = { ...historyOf(1), schedule, mode: 'spread' as const, quiet: true };
  const invariants = new Invariants(ends as unknown as Ends, history, ledger);
  const deliver = (number: number, to: EndName = 'b') => {
    ends[to].devices.push(innerPacket(flow, number, 1));
    ends[to].counts.innerReceivedPackets = ends[to].count('innerReceivedPackets') + 1;
    return invariants.collect(to, 0);
  };
  const hear = (generation: number) => {
    const bytes = new Uint8Array(40);
    new DataView(bytes.buffer).setUint32(0, spiOf('a', generation));
    invariants.arrived('b', bytes);
  };
  return { ...ends, invariants, deliver, hear };
}

describe('what is delivered', () => {
  it('is asked of the ledger', () => {
    const { deliver } = stage();
    assert.equal(deliver(1), undefined);
    assert.match(deliver(1) ?? '', /twice/);
  });

  it('may come late when the end counted it so, once', () => {
    const { b, deliver } = stage();
    deliver(5);
    b.counts.deliveredLate = 1;
    assert.equal(deliver(1), undefined);
    assert.match(deliver(2) ?? '', /not counted as late/);
  });

  it('may come late under keys that are not the newest, and only so', () => {
    const { deliver, hear } = stage();
    hear(1);
    deliver(5);
    hear(0);
    assert.equal(deliver(1), undefined);
    hear(1);
    assert.match(deliver(2) ?? '', /not counted as late/);
  });

  it('is a numbered packet', () => {
    const { b, invariants } = stage();
    b.devices.push(new Uint8Array(20));
    assert.match(invariants.collect('b', 0) ?? '', /no numbered packet/);
  });
});

describe('what waits', () => {
  it('waits no longer than the longest patience without one being delivered', () => {
    const { b, invariants } = stage();
    assert.equal(invariants.afterStep(0), undefined);
    b.counts.innerReceivedPackets = 3;
    // They came in this step, not when the last one was looked at.
    assert.equal(invariants.afterStep(500 * MILLI), undefined);
    assert.equal(invariants.afterStep(900 * MILLI), undefined);
    assert.ok(invariants.waiting());
    assert.match(invariants.afterStep(902 * MILLI) ?? '', /end b has held 3 packets/);
  });

  it('is not more than there is room for, nor less than nothing', () => {
    const { b, invariants } = stage();
    b.counts.innerReceivedPackets = HOLD_SLOTS + 1;
    assert.match(invariants.afterStep(0) ?? '', /holds 16385 packets/);
    const other = stage();
    other.b.devices.push(innerPacket(flow, 0, 1));
    other.invariants.collect('b', 0);
    assert.match(other.invariants.afterStep(0) ?? '', /more than it received/);
  });
});

describe('paths', () => {
  it('are in use when they are up', () => {
    const { a, invariants } = stage();
    invariants.healed();
    assert.ok(invariants.allInUse());
    a.pathState = 'down';
    assert.match(invariants.notInUse() ?? '', /a's path over link 0 is down/);
  });

  it('of a tunnel by weight carry packets besides', () => {
    const { a, b, invariants } = stage({ schedule: 'weight' });
    invariants.healed();
    assert.match(invariants.notInUse() ?? '', /carries nothing/);
    a.bytes = 1;
    b.bytes = 1;
    assert.ok(invariants.allInUse());
  });
});

describe('at the end', () => {
  it('nothing authentic was refused', () => {
    const { a, invariants } = stage({ sent: 0 });
    assert.equal(invariants.atTheEnd(0), undefined);
    a.counts.refusedNotAuthentic = 2;
    assert.match(invariants.atTheEnd(0) ?? '', /2 of refusedNotAuthentic/);
  });

  it('nothing is missing, given up or late where no link lost anything', () => {
    assert.match(stage({ sent: 2 }).invariants.atTheEnd(0) ?? '', /2 packets of a are missing/);
    assert.equal(stage({ sent: 2 }).invariants.atTheEnd(1), undefined);
    for (const counter of ['gaveUpWaiting', 'deliveredLate'] as const) {
      const { b, invariants } = stage({ sent: 0 });
      b.counts[counter] = 1;
      assert.match(invariants.atTheEnd(0) ?? '', new RegExp(counter));
      assert.equal(invariants.atTheEnd(1), undefined);
    }
  });
});
