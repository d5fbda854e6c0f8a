/** Order on the way to the device: packets of a judge, numbered at will, over a path that stands for another one. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { sealEsp } from '../../lab/esp-reference.ts';
import { BENCH_HOLD_SLOTS, PacketBench } from '../../test/fixtures/packet-bench.ts';
import { nextHeader } from '../tunnel/esp/format.ts';
import { ivHigh } from '../tunnel/esp/packet-number.ts';
import { InboundAssociation } from './association.ts';

const keys = { spi: 0x9000_0001, key: Buffer.alloc(32, 7), salt: Buffer.from('0a0b0c0d', 'hex') };
const laterKeys = { ...keys, spi: 0x1000_0002, key: Buffer.alloc(32, 9) };

const benches: PacketBench[] = [];
after(() => {
  for (const bench of benches) bench.close();
});

/** @param newest the last number that came over the other link, which is alive */
function openBench(newest = 0): PacketBench {
  const bench = new PacketBench();
  benches.push(bench);
  for (const some of [keys, laterKeys]) {
    bench.associations.set(some.spi | 0, new InboundAssociation(bench.memory, { tunnel: 0, ...some }));
  }
  otherLink(bench, newest);
  return bench;
}

function otherLink(bench: PacketBench, newest: number): void {
  bench.path.receivedSpi = keys.spi;
  bench.path.receivedNewest = newest;
  bench.path.path.heard(bench.now);
}

/** What the tests' flow is in. */
const LANE = 3;

/** The IV of a packet that carries data. */
function numbered(sequence: number, order: number, lane = LANE): Buffer {
  const iv = Buffer.alloc(8);
  iv.writeUInt32BE(ivHigh(lane, order, sequence), 0);
  iv.writeUInt32BE(sequence >>> 0, 4);
  return iv;
}

/** An IPv4 packet that carries its number, which is also its place in its lane. */
function packet(number: number, some = keys): Buffer {
  return dataPacket({ sequence: number, order: number }, some);
}

function dataPacket(at: { sequence: number; order: number; lane?: number }, some = keys): Buffer {
  const inner = Buffer.alloc(32);
  inner.set([0x45, 0, 0, inner.length, 0, 0, 0, 0, 64, 1]);
  inner.writeUInt32BE(at.sequence, 20);
  const content = { sequence: BigInt(at.sequence), nextHeader: nextHeader.ipv4, payload: inner };
  return sealEsp(some, content, numbered(at.sequence, at.order, at.lane));
}

function report(number: number): Buffer {
  return sealEsp(keys, { sequence: BigInt(number), nextHeader: nextHeader.none, payload: Buffer.alloc(24) });
}

function delivered(bench: PacketBench): number[] {
  const numbers: number[] = [];
  for (let out = bench.toDevice(); out !== undefined; out = bench.toDevice()) {
    numbers.push(Buffer.from(out.packet).readUInt32BE(20));
  }
  return numbers;
}

describe('packets over several links', () => {
  it('reach the device in the order of their numbers', () => {
    const bench = openBench();
    bench.fromLink(packet(1), packet(4), packet(5));
    assert.deepEqual(delivered(bench), [1]);
    bench.fromLink(packet(2));
    assert.deepEqual(delivered(bench), [2]);
    bench.fromLink(packet(3));
    assert.deepEqual(delivered(bench), [3, 4, 5]);
    assert.equal(bench.count('waitedForOrder'), 2);
    assert.equal(bench.count('gaveUpWaiting'), 0);
  });

  it('wait for no report, and for no packet of another lane', () => {
    const bench = openBench();
    // 2 is a report under way over the slow link, 3 is another flow's.
    bench.fromLink(dataPacket({ sequence: 1, order: 1 }), dataPacket({ sequence: 4, order: 2 }));
    assert.deepEqual(delivered(bench), [1, 4]);
    bench.fromLink(report(2), dataPacket({ sequence: 3, order: 1, lane: 7 }));
    assert.deepEqual(delivered(bench), [3]);
    assert.equal(bench.count('waitedForOrder'), 0);
    assert.equal(bench.count('deliveredLate'), 0);
  });

  it('of another ESP implementation, which numbers no lanes, wait for nothing', () => {
    const bench = openBench();
    const inner = Buffer.alloc(32);
    inner.set([0x45, 0, 0, inner.length, 0, 0, 0, 0, 64, 1]);
    for (const sequence of [3, 1, 2]) {
      inner.writeUInt32BE(sequence, 20);
      const content = { sequence: BigInt(sequence), nextHeader: nextHeader.ipv4, payload: inner };
      bench.fromLink(sealEsp(keys, content, Buffer.from(`f3a5c1d2e4b69${sequence}07`, 'hex')));
    }
    assert.deepEqual(delivered(bench), [3, 1, 2]);
    assert.equal(bench.count('waitedForOrder'), 0);
  });

  it('are in order again when more were lost than there are numbers', () => {
    const bench = openBench();
    bench.fromLink(packet(1));
    // Order numbers are known modulo 65,536: these look like earlier ones.
    const later = [60_000, 60_002, 60_001].map((order) => dataPacket({ sequence: order + 5, order }));
    otherLink(bench, 60_000);
    bench.fromLink(...later);
    assert.deepEqual(delivered(bench), [1, 60_005, 60_006, 60_007]);
  });

  it('do not wait for what no link can bring any more', () => {
    const bench = openBench();
    bench.fromLink(packet(1), packet(4));
    assert.deepEqual(delivered(bench), [1], 'the other link may still bring them');
    otherLink(bench, 5);
    bench.fromLink(packet(7));
    assert.deepEqual(
      delivered(bench),
      [4],
      'what lies below the other link’s newest number does not come any more',
    );
    assert.equal(bench.count('gaveUpWaiting'), 2);
  });

  it('do not wait for a link that is silent', () => {
    const bench = openBench();
    bench.now += 10_000_000;
    bench.fromLink(packet(3));
    assert.deepEqual(delivered(bench), [3]);
  });

  it('are waited for as long as it is said, and delivered when they come all the same', () => {
    const bench = openBench();
    bench.fromLink(packet(2), packet(3));
    const dueAt = bench.inbound.service(bench.tunnel, bench.now);
    assert.ok(dueAt > bench.now && dueAt < bench.now + 500_000);
    assert.equal(bench.inbound.service(bench.tunnel, dueAt - 1), dueAt);
    assert.deepEqual(delivered(bench), []);
    bench.inbound.service(bench.tunnel, dueAt);
    assert.deepEqual(delivered(bench), [2, 3]);
    bench.fromLink(packet(1));
    assert.deepEqual(delivered(bench), [1]);
    assert.equal(bench.count('deliveredLate'), 1);
  });

  it('never get lost for want of room to wait in', () => {
    const bench = openBench();
    const numbers = Array.from({ length: 3 * BENCH_HOLD_SLOTS }, (_, index) => index + 2);
    for (const number of numbers) bench.fromLink(packet(number));
    bench.inbound.service(bench.tunnel, Number.MAX_SAFE_INTEGER);
    assert.deepEqual(delivered(bench), numbers);
    // The memory is free again.
    const more = numbers.map((number) => number + 4 * BENCH_HOLD_SLOTS).slice(0, BENCH_HOLD_SLOTS);
    otherLink(bench, 0);
    for (const number of more) bench.fromLink(packet(number));
    assert.deepEqual(delivered(bench), []);
    bench.inbound.service(bench.tunnel, Number.MAX_SAFE_INTEGER);
    assert.deepEqual(delivered(bench), more);
  });

  it('of a tunnel that goes leave their room to others', () => {
    const bench = openBench();
    for (let round = 0; round < 3; round++) {
      const from = 2 + round * 2 * BENCH_HOLD_SLOTS;
      const numbers = Array.from({ length: BENCH_HOLD_SLOTS }, (_, index) => from + index);
      for (const number of numbers) bench.fromLink(packet(number));
      assert.equal(bench.tunnel.lanes[LANE]?.held, BENCH_HOLD_SLOTS);
      bench.inbound.abandon(bench.tunnel, bench.now);
      assert.equal(bench.tunnel.lanes[LANE]?.held, 0);
    }
    assert.deepEqual(delivered(bench), []);
  });

  it('under new keys wait for none under the old ones, and those come through nevertheless', () => {
    const bench = openBench();
    bench.fromLink(packet(1), packet(3), packet(4));
    bench.fromLink(packet(1, laterKeys));
    assert.deepEqual(delivered(bench), [1, 3, 4, 1]);
    bench.fromLink(packet(2), packet(2, laterKeys));
    assert.deepEqual(delivered(bench), [2, 2]);
  });
});
