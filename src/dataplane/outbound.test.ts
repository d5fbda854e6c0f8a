import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { openEsp } from '../../lab/esp-reference.ts';
import { onDevice } from '../../test/fixtures/device-read.ts';
import {
  assertSamePackets,
  cutNaively,
  encode,
  flag,
  headerLength,
  type InnerPacket,
  innerPackets,
} from '../../test/fixtures/inner-packet.ts';
import { PacketBench } from '../../test/fixtures/packet-bench.ts';
import { refuseSegmentation } from '../../test/fixtures/refused-segmentation.ts';
import { Arena } from '../linux/arena.ts';
import { DatagramReceiver, RECEIVE_SLOTS, RECEIVER_ARENA_BYTES } from '../linux/datagram-receiver.ts';
import { BURST_BYTES, BURST_CAPACITY } from '../linux/datagram-sender.ts';
import { closeFd } from '../linux/file-descriptor.ts';
import { localPort, openUdpSocket } from '../linux/udp-socket.ts';
import { nextHeader, sealedLength } from '../tunnel/esp/format.ts';
import { Delivery } from '../tunnel/path/delivery.ts';
import { pathSlot } from './counters.ts';
import { setRemote } from './tunnel-plane.ts';

const keys = { spi: 0x2000_0001, key: Buffer.alloc(32, 9), salt: Buffer.from('0a0b0c0d', 'hex') };

const benches: PacketBench[] = [];
after(() => {
  for (const bench of benches) bench.close();
});

function openBench({ finish = false, withKeys = true } = {}): PacketBench {
  const bench = new PacketBench();
  benches.push(bench);
  if (withKeys) bench.sealWith(keys, finish);
  return bench;
}

/** Whatever came out at the link, message by message. */
function messages(bench: PacketBench): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let one = bench.toLink(); one !== undefined; one = bench.toLink()) all.push(one);
  return all;
}

/** Takes messages apart by the lengths that the packets must have, and opens each. */
function opened(sent: readonly Uint8Array[], lengths: readonly number[], from = 1n): Uint8Array[] {
  const stream = Buffer.concat(sent);
  let at = 0;
  const payloads = lengths.map((length, index) => {
    const sequence = from + BigInt(index);
    const judged = openEsp(keys, stream.subarray(at, at + sealedLength(length)), sequence);
    assert.ok(judged.valid, judged.valid ? '' : `packet ${index}: ${judged.reason}`);
    assert.equal(judged.sequence, sequence);
    at += sealedLength(length);
    return Uint8Array.from(judged.payload);
  });
  assert.equal(at, stream.length, 'nothing more was sent');
  return payloads;
}

const [sample] = fc.sample(
  innerPackets(fc.constant(0)).filter(({ family }) => family === 4),
  { numRuns: 1, seed: 21 },
) as [InnerPacket];
const base: InnerPacket = { ...sample, transport: 'tcp', flags: flag.ack };

function packetOf(length: number, of: InnerPacket = base): InnerPacket {
  return { ...of, payload: new Uint8Array(length).fill(length) };
}

describe('packets from the device', () => {
  it('are sealed one by one, in order, as any implementation opens them', () => {
    const reads = fc.array(
      fc.tuple(innerPackets(fc.integer({ min: 1, max: 5000 })), fc.constantFrom(0, 100, 700, 1380)),
      { minLength: 1, maxLength: 8 },
    );
    const bench = openBench();
    let sentBefore = 0;
    const property = fc.property(reads, fc.boolean(), (row, finish) => {
      bench.sealWith(keys, finish);
      const expected = row.flatMap(([packet, size]) =>
        (size === 0 ? [packet] : cutNaively(packet, size)).map((segment) =>
          encode(segment, finish ? 'complete' : 'pseudo'),
        ),
      );
      bench.fromDevice(...row.map(([packet, size]) => onDevice(packet, size)));
      const sent = messages(bench);
      assertSamePackets(
        opened(
          sent,
          expected.map(({ length }) => length),
        ),
        expected,
      );
      assert.equal(bench.count('innerSentPackets') - sentBefore, expected.length);
      sentBefore += expected.length;
    });
    fc.assert(property, { numRuns: 30 });
  });

  it('say whether they are IPv4, IPv6, or of an open checksum', () => {
    for (const [finish, family, following] of [
      [true, 4, nextHeader.ipv4],
      [true, 6, nextHeader.ipv6],
      [false, 4, nextHeader.unfinishedChecksum],
      [false, 6, nextHeader.unfinishedChecksum],
    ] as const) {
      const bench = openBench({ finish });
      const addresses = { source: new Uint8Array(family === 4 ? 4 : 16).fill(10) };
      const packet = { ...packetOf(50), family, ipOptions: new Uint8Array(0), ...addresses };
      const whole = { ...packet, destination: addresses.source };
      bench.fromDevice(onDevice(whole, 0));
      const judged = openEsp(keys, Buffer.from(bench.toLink() ?? []), 1n);
      assert.equal(judged.valid && judged.nextHeader, following);
    }
  });
});

describe('a burst', () => {
  /** The packets of each message, by the lengths of all packets in order; fails when a border lies within one. */
  function bursts(sent: readonly Uint8Array[], lengths: readonly number[]): number[][] {
    const sizes = lengths.map(sealedLength);
    return sent.map((message) => {
      const burst: number[] = [];
      for (let left = message.length; left > 0; left -= burst.at(-1) as number)
        burst.push(sizes.shift() ?? assert.fail());
      return burst;
    });
  }

  it('holds packets of one size, but for a shorter last one, and not too many', () => {
    const lengths = fc.array(
      fc.oneof(fc.constant(1000), fc.constant(100), fc.integer({ min: 1, max: 1400 })),
      { minLength: 1, maxLength: 16 },
    );
    const sizes = fc.constantFrom(0, 0, 20, 90, 1380);
    const bench = openBench();
    const property = fc.property(lengths, sizes, (row, size) => {
      const packets = row.map((length) => packetOf(size === 0 ? length : length * 10));
      bench.fromDevice(...packets.map((packet) => onDevice(packet, size)));
      const inner = packets.flatMap((packet) => (size === 0 ? [packet] : cutNaively(packet, size)));
      const sent = messages(bench);
      for (const burst of bursts(
        sent,
        inner.map((packet) => encode(packet, 'pseudo').length),
      )) {
        assert.ok(burst.length <= BURST_CAPACITY);
        const [first] = burst as [number];
        assert.ok(
          burst.slice(0, -1).every((length) => length === first),
          `${burst}`,
        );
        assert.ok((burst.at(-1) as number) <= first);
      }
      for (const message of sent) assert.ok(message.length <= BURST_BYTES);
    });
    fc.assert(property, { numRuns: 60 });
  });

  it('takes up what is left of the read before, so that full reads cost little more than a call each', () => {
    const bench = openBench();
    const reads = Array.from({ length: 3 }, () => onDevice(packetOf(47 * 1380), 1380));
    bench.fromDevice(...reads);
    messages(bench);
    bench.fromDevice(...reads);
    const sent = messages(bench);
    assert.ok(sent.length <= 4, `${sent.length} calls`);
    assert.equal(bench.count('innerSentPackets'), 2 * 3 * 47);
  });

  it('goes out as single datagrams where the kernel does not take it apart', () => {
    const bench = openBench();
    bench.path.segmented = false;
    bench.fromDevice(onDevice(packetOf(5000), 1000));
    assert.deepEqual(
      messages(bench).map(({ length }) => length),
      new Array(5).fill(sealedLength(1000 + headerLength(base))),
    );
  });

  it('that the kernel refuses to take apart goes out again as single datagrams, and so do those after it', {
    skip: process.getuid?.() !== 0 && 'binding to an interface needs root',
  }, () => {
    const bench = openBench();
    const address = Uint8Array.of(127, 0, 0, 1);
    const [sending, receiving] = [0, 0].map((port) =>
      openUdpSocket({ interfaceName: 'lo', address, port, mark: 0 }),
    ) as [number, number];
    try {
      refuseSegmentation(sending, bench.arena);
      bench.path.socket = { id: 1, fd: sending };
      setRemote(bench.path, { address, port: localPort(receiving) }, bench.arena);
      const receiver = new DatagramReceiver(new Arena(RECEIVER_ARENA_BYTES));
      const calls = () => bench.path.counters[pathSlot.sendCalls];
      for (const burst of [1, 2, 3]) {
        bench.fromDevice(onDevice(packetOf(5000), 1000));
        assert.equal(bench.path.segmented, false);
        assert.equal(calls(), burst);
        let bytes = 0;
        for (let slot = receiver.receive(receiving) - 1; slot >= 0; slot--) bytes += receiver.length(slot);
        receiver.rearm(RECEIVE_SLOTS);
        assert.equal(bytes, 5 * sealedLength(1000 + headerLength(base)));
      }
      assert.deepEqual([bench.count('droppedSendFailed'), bench.failedPaths], [0, []]);
    } finally {
      closeFd(sending);
      closeFd(receiving);
    }
  });

  it('is judged by its newest packet and charged to its path', () => {
    const bench = openBench();
    bench.fromDevice(onDevice(packetOf(5000), 1000));
    assert.equal(bench.path.path.marks.count, 1);
    assert.equal(bench.path.path.marks.cover(keys.spi, 4), 0);
    assert.equal(bench.path.path.marks.cover(keys.spi, 5), 1);
  });

  it('of equal small packets goes out in one piece, also when each was read by itself', () => {
    const bench = openBench();
    bench.fromDevice(onDevice(packetOf(100), 0));
    messages(bench);
    // Not the first after silence any more.
    bench.fromDevice(...Array.from({ length: 10 }, () => onDevice(packetOf(100), 0)));
    const sent = messages(bench);
    assert.ok(sent.length <= 2, `${sent.length} messages for ten packets`);
  });

  it('is held back, unread, while every path has as much as it should', () => {
    const bench = openBench();
    bench.path.delivery = new Delivery(100_000);
    bench.fromDevice(onDevice(packetOf(5000), 1000));
    assert.equal(messages(bench).length, 1, 'what was read is sent');
    bench.fromDevice(onDevice(packetOf(100), 0));
    assert.equal(messages(bench).length, 0);
    assert.ok(bench.tunnel.heldUntil > bench.now && bench.tunnel.heldUntil < bench.now + 60_000);
    bench.now = bench.tunnel.heldUntil + 1;
    bench.outbound.drain(bench.tunnel, bench.now);
    assert.equal(messages(bench).length, 1);
  });
});

describe('dropped and counted is', () => {
  it('what comes before there are keys', () => {
    const bench = openBench({ withKeys: false });
    bench.fromDevice(onDevice(packetOf(10), 0));
    assert.deepEqual([messages(bench).length, bench.count('droppedNoKeys')], [0, 1]);
  });

  it('what no path can take', () => {
    for (const lacking of ['path', 'address'] as const) {
      const bench = openBench();
      if (lacking === 'address') bench.path.nameLength = 0;
      else bench.tunnel.paths.length = 0;
      bench.fromDevice(onDevice(packetOf(3000), 1000));
      assert.deepEqual([messages(bench).length, bench.count('droppedNoPath')], [0, 3]);
    }
  });

  it('what libcrypto did not seal, with all that was to go with it', (context) => {
    const bench = openBench();
    const failing = context.mock.method(bench.memory.sealer, 'run', () => {
      bench.memory.sealer.count = 0;
      return false;
    });
    bench.fromDevice(onDevice(packetOf(3000), 1000));
    assert.deepEqual([messages(bench).length, bench.count('droppedSendFailed')], [0, 3]);
    failing.mock.restore();
    bench.fromDevice(onDevice(packetOf(3000), 1000));
    const length = encode(packetOf(1000), 'pseudo').length;
    assert.equal(opened(messages(bench), [length, length, length], 4n).length, 3);
  });

  it('what is no IP packet', () => {
    const bench = openBench();
    bench.fromDevice(new Uint8Array(60), new Uint8Array(11));
    assert.deepEqual([messages(bench).length, bench.count('droppedNotIp')], [0, 2]);
  });

  it('what has no source address that is good beyond its link', () => {
    const v4 = packetOf(10);
    const v6 = { ...v4, family: 6, ipOptions: new Uint8Array(0), destination: new Uint8Array(16) } as const;
    const from = (...bytes: number[]) => {
      const source = new Uint8Array(16);
      source.set(bytes);
      return { ...v6, source };
    };
    const linkScoped = [{ ...v4, source: new Uint8Array(4) }, from(), from(0xfe, 0x80), from(0xfe, 0xbf, 1)];
    const routable = [
      from(0xfe, 0x7f),
      from(0xfe, 0xc0),
      from(0xfd, 0),
      ...[3, 4, 8, 15].map((at) => from(...new Array<number>(at).fill(0), 1)),
      { ...v4, source: Uint8Array.of(0, 0, 0, 1) },
    ];
    const bench = openBench();
    bench.fromDevice(...linkScoped.map((packet) => onDevice(packet, 0)));
    assert.deepEqual([messages(bench).length, bench.count('droppedLinkScoped')], [0, linkScoped.length]);
    bench.fromDevice(...routable.map((packet) => onDevice(packet, 0)));
    assert.deepEqual(
      [bench.count('innerSentPackets'), bench.count('droppedLinkScoped')],
      [routable.length, linkScoped.length],
    );
  });

  it('what a path in trouble refuses, and the path is told', () => {
    const bench = openBench();
    bench.cutLink();
    bench.fromDevice(onDevice(packetOf(3000), 1000));
    assert.equal(bench.count('droppedSendFailed'), 3);
    assert.deepEqual(bench.failedPaths, [0]);
  });

  it('what a full socket does not take, without blame for the path', () => {
    const bench = openBench();
    for (let read = 0; read < 40; read++) bench.fromDevice(onDevice(packetOf(60_000), 1380));
    assert.ok(bench.count('droppedSendBusy') > 0);
    assert.deepEqual(bench.failedPaths, []);
    messages(bench);
    bench.fromDevice(onDevice(packetOf(100), 0));
    assert.equal(messages(bench).length, 1);
  });
});

describe('a packet of our own', () => {
  it('goes over the path that was named, and gives its number', () => {
    const bench = openBench();
    const input = bench.arena.reserve(64);
    bench.arena.bytes.fill(5, input, input + 30);
    for (const sequence of [1, 2, 3]) {
      assert.equal(bench.outbound.sendOwn(bench.tunnel, bench.path, input, 30, bench.now), sequence);
      const judged = openEsp(keys, Buffer.from(bench.toLink() ?? []), BigInt(sequence));
      assert.ok(judged.valid);
      assert.equal(judged.nextHeader, nextHeader.none);
      assert.deepEqual(judged.payload, Buffer.alloc(30, 5));
    }
  });

  it('that cannot be sent is 0: no keys, no address, no socket', () => {
    const input = (bench: PacketBench) => bench.arena.reserve(64);
    const noKeys = openBench({ withKeys: false });
    const noAddress = openBench();
    noAddress.path.nameLength = 0;
    for (const bench of [noKeys, noAddress]) {
      assert.equal(bench.outbound.sendOwn(bench.tunnel, bench.path, input(bench), 30, bench.now), 0);
      assert.deepEqual(bench.failedPaths, []);
    }
    const cut = openBench();
    cut.cutLink();
    assert.equal(cut.outbound.sendOwn(cut.tunnel, cut.path, input(cut), 30, cut.now), 0);
    assert.deepEqual(cut.failedPaths, [0]);
  });
});
