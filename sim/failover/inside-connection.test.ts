import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Flow } from '../inner-packets.ts';
import { GIVE_UP, InsideConnection } from './inside-connection.ts';
import { VirtualTime } from './virtual-time.ts';

/** A connection over a line that loses what the test says, and takes 10 ms. */
function stage(loses: (flow: Flow, number: number) => boolean, copies = 1) {
  const time = new VirtualTime();
  const sent = new Map<number, number>();
  const plan = { from: 'a', burst: 5, everyMillis: 100, payload: 100 } as const;
  const connection: InsideConnection = new InsideConnection(0, plan, time, (flow) => {
    const number = sent.get(flow.id) ?? 0;
    sent.set(flow.id, number + 1);
    if (loses(flow, number)) return;
    for (let copy = 0; copy < copies; copy++) time.after(10 + copy, () => connection.delivered(flow, number));
  });
  const run = (micros: number) => {
    const until = time.now + micros;
    while (time.nextAt <= until) {
      time.now = time.nextAt;
      time.run();
    }
    time.now = until;
  };
  return { time, connection, run };
}

describe('a connection inside the tunnel', () => {
  it('sends nothing but what was written, also when everything comes twice', () => {
    const { connection, run } = stage(() => false, 2);
    connection.start(0);
    run(2_000_000);
    connection.stop();
    run(1_000_000);
    assert.equal(connection.received, connection.written);
    assert.ok(connection.isComplete);
  });

  it('brings everything over, also over a line that loses a tenth each way', () => {
    let chance = 7;
    const { connection, run } = stage(() => {
      chance = (chance * 16_807) % 2_147_483_647;
      return chance % 10 === 0;
    });
    connection.start(0);
    run(20_000_000);
    connection.stop();
    run(60_000_000);
    assert.ok(connection.written >= 500);
    assert.ok(connection.isComplete);
    assert.equal(connection.received, connection.written);
    assert.equal(connection.stalledSince, undefined);
  });

  it('says since when nothing gets through, and is dead when TCP would have given up', () => {
    let isCut = false;
    const { connection, run } = stage(() => isCut);
    connection.start(0);
    run(1_000_000);
    isCut = true;
    run(10_000_000);
    const { stalledSince = 0 } = connection;
    assert.ok(stalledSince >= 990_000 && stalledSince <= 1_200_000, `${stalledSince}`);
    run(GIVE_UP - 20_000_000);
    assert.equal(connection.isDead, false);
    run(30_000_000);
    assert.ok(connection.isDead);
    isCut = false;
    run(300_000_000);
    assert.equal(connection.isComplete, false);
  });

  it('is not complete while something is missing at the other end', () => {
    const { connection, run } = stage((flow, number) => flow.id === 0 && number >= 3);
    connection.start(0);
    run(50_000);
    connection.stop();
    run(5_000_000);
    assert.equal(connection.received, 3);
    assert.equal(connection.isComplete, false);
  });
});
