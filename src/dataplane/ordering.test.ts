/** Order on the way to the device: packets of a judge, numbered at will, over a path that stands for another one. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { sealEsp } from '../../lab/esp-reference.ts';
import { BENCH_HOLD_SLOTS, PacketBench } from '../../test/fixtures/packet-bench.ts';
import { nextHeader } from '../tunnel/esp/format.ts';
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

/** An IPv4 packet that carries its number. */
function packet(number: number, some = keys): Buffer {
  const inner = Buffer.alloc(32);
  inner.set([0x45, 0, 0, inner.length, 0, 0, 0, 0, 64, 1]);
  inner.writeUInt32BE(number, 20);
  return sealEsp(some, { sequence: BigInt(number), nextHeader: nextHeader.ipv4, payload: inner });
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
  it('reach the device in the order of their numbers, reports between them too', () => {
    const bench = openBench();
    bench.fromLink(packet(1), packet(5), report(3), packet(6));
    assert.deepEqual(delivered(bench), [1]);
    bench.fromLink(packet(2));
    assert.deepEqual(delivered(bench), [2]);
    bench.fromLink(packet(4));
    assert.deepEqual(delivered(bench), [4, 5, 6]);
    assert.equal(bench.count('waitedForOrder'), 2);
    assert.equal(bench.count('gaveUpWaiting'), 0);
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
      assert.equal(bench.tunnel.order.held, BENCH_HOLD_SLOTS);
      bench.inbound.abandon(bench.tunnel, bench.now);
      assert.equal(bench.tunnel.order.held, 0);
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
