import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { sealEsp } from '../../lab/esp-reference.ts';
import {
  cutNaively,
  encode,
  flag,
  type InnerPacket,
  innerPackets,
} from '../../test/fixtures/inner-packet.ts';
import { type BenchOptions, PacketBench } from '../../test/fixtures/packet-bench.ts';
import { nextHeader } from '../tunnel/esp/format.ts';
import { readVirtioHeader, segmentation, type VirtioFields } from '../tunnel/offload/virtio-header.ts';
import { InboundAssociation } from './association.ts';
import type { TunnelCounter, WorkerCounter } from './counters.ts';

const keys = { spi: 0x1000_0001, key: Buffer.alloc(32, 7), salt: Buffer.from('0a0b0c0d', 'hex') };
const SOURCE_4 = Uint8Array.of(10, 2, 0, 5);
const SOURCE_6 = Uint8Array.from([0xfd, 0, 0, 2, ...new Array<number>(11).fill(0), 5]);
const NETWORKS = [
  { bytes: Uint8Array.of(10, 2, 0, 0), length: 16 },
  { bytes: SOURCE_6, length: 64 },
];

const benches: PacketBench[] = [];
after(() => {
  for (const bench of benches) bench.close();
});

function openBench(options: BenchOptions = { innerSources: NETWORKS }): PacketBench {
  const bench = new PacketBench(options);
  benches.push(bench);
  bench.associations.set(keys.spi, new InboundAssociation(bench.memory, { tunnel: 0, ...keys }));
  return bench;
}

let numbers = 0n;
/** A packet of the peer with the next number. */
function seal(payload: Uint8Array, following: number, sequence = ++numbers): Buffer {
  return sealEsp(keys, { sequence, nextHeader: following, payload: Buffer.from(payload) });
}

/** The same with a trailer of one's own. */
function sealWithTrailer(plain: Uint8Array): Buffer {
  const sequence = ++numbers;
  const head = Buffer.alloc(16);
  head.writeUInt32BE(keys.spi);
  head.writeUInt32BE(Number(sequence), 4);
  head.writeBigUInt64BE(sequence, 8);
  const cipher = createCipheriv('aes-256-gcm', keys.key, Buffer.concat([keys.salt, head.subarray(8)]));
  const associated = Buffer.alloc(12);
  associated.writeUInt32BE(keys.spi);
  associated.writeBigUInt64BE(sequence, 4);
  cipher.setAAD(associated);
  return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

const [sample4, sample6] = [4, 6].map((family) => {
  const packets = innerPackets(fc.constant(100)).filter((packet) => packet.family === family);
  const [packet] = fc.sample(packets, { numRuns: 1, seed: 11 }) as [InnerPacket];
  const source = family === 4 ? SOURCE_4 : SOURCE_6;
  return { ...packet, source, transport: 'tcp' as const, flags: flag.ack as number };
}) as [InnerPacket, InnerPacket];
const packet4 = encode(sample4, 'complete');
const packet6 = encode(sample6, 'complete');

/** Nothing came out, this was counted, and the next good packet gets through. */
function assertRefused(bench: PacketBench, counter: TunnelCounter | WorkerCounter, times: number): void {
  assert.equal(bench.toDevice(), undefined);
  const counted =
    counter in counts ? bench.countOfWorker(counter as WorkerCounter) : bench.count(counter as TunnelCounter);
  assert.equal(counted, times, counter);
  bench.fromLink(seal(packet4, nextHeader.ipv4));
  assert.deepEqual(bench.toDevice()?.packet, packet4);
}
const counts = { refusedMalformed: 1, refusedUnknownSpi: 1, natKeepalives: 1 };

describe('a packet of the peer', () => {
  it('reaches the device as it was, of either family', () => {
    const bench = openBench();
    bench.fromLink(seal(packet4, nextHeader.ipv4), seal(packet6, nextHeader.ipv6));
    for (const packet of [packet4, packet6]) {
      assert.deepEqual(bench.toDevice(), { virtio: new Uint8Array(10), packet });
    }
    assert.equal(bench.toDevice(), undefined);
    assert.equal(bench.count('innerReceivedPackets'), 2);
    assert.equal(bench.count('innerReceivedBytes'), packet4.length + packet6.length);
  });

  it('loses what pads it to hide its length (RFC 4303, 2.7)', () => {
    const bench = openBench();
    bench.fromLink(seal(Buffer.concat([packet4, Buffer.alloc(300)]), nextHeader.ipv4));
    assert.deepEqual(bench.toDevice()?.packet, packet4);
  });

  it('with an open checksum is handed over with the request to finish it', () => {
    const bench = openBench();
    bench.fromLink(seal(encode(sample4, 'pseudo'), nextHeader.unfinishedChecksum));
    const { virtio, packet } = bench.toDevice() ?? assert.fail();
    assert.deepEqual(packet, encode(sample4, 'pseudo'));
    assert.equal(virtio[0], 1);
  });

  it('is merged with those of its flow that came with it', () => {
    const bench = openBench();
    const packet = { ...sample4, payload: new Uint8Array(5000).fill(3) };
    const cut = cutNaively(packet, 1200).map((segment) => encode(segment, 'pseudo'));
    bench.fromLink(...cut.map((bytes) => seal(bytes, nextHeader.unfinishedChecksum)));
    const written = bench.toDevice() ?? assert.fail();
    assert.deepEqual(written.packet, encode(packet, 'pseudo'));
    const fields: VirtioFields = {} as VirtioFields;
    readVirtioHeader(new DataView(written.virtio.buffer), 0, fields);
    assert.deepEqual([fields.segmentation, fields.segmentSize], [segmentation.tcp4, 1200]);
    assert.equal(bench.toDevice(), undefined);
  });

  it('waits for the next turn when much came before it: merged datagrams fill the cache', () => {
    const bench = openBench();
    const long = encode({ ...sample4, payload: new Uint8Array(20_000) }, 'complete');
    const row = (length: number) => Array.from({ length }, () => seal(long, nextHeader.ipv4));
    bench.fromLink(...row(10));
    assert.equal(bench.count('innerReceivedPackets'), 10, 'nobody knew how long they are');
    bench.fromLink(...row(10));
    assert.equal(bench.count('innerReceivedPackets'), 16);
    bench.fromLink();
    assert.equal(bench.count('innerReceivedPackets'), 20);
    bench.fromLink(...Array.from({ length: 40 }, () => seal(packet4, nextHeader.ipv4)));
    assert.equal(
      bench.count('innerReceivedPackets'),
      58,
      'small ones again: six, and all that one call takes',
    );
  });

  it('has come no earlier than it was received, however long ago the worker looked at the clock', () => {
    const reportsAt = [0, 13_000].map((lateness) => {
      const bench = openBench();
      bench.lateness = lateness;
      bench.fromLink(seal(packet4, nextHeader.ipv4));
      return bench.tunnel.reportAt - bench.now;
    }) as [number, number];
    assert.equal(reportsAt[1] - reportsAt[0], 13_000);
  });

  it('asks for a report soon after', () => {
    const bench = openBench();
    bench.fromLink(seal(packet4, nextHeader.ipv4));
    assert.equal(bench.tunnel.reportAt, bench.now + 20_000);
  });

  it('asks for a report though it is refused inside: its sender knows only that nothing reports it', () => {
    const bench = openBench();
    const foreign = { ...sample4, source: Uint8Array.of(10, 3, 0, 5) };
    bench.fromLink(seal(encode(foreign, 'complete'), nextHeader.ipv4));
    assertRefused(bench, 'refusedForeignSource', 1);
    assert.equal(bench.tunnel.reportAt, bench.now + 20_000);
  });
});

describe('refused and counted is', () => {
  it('what is too short, or no multiple of 4 bytes', () => {
    const bench = openBench();
    const packet = seal(packet4, nextHeader.ipv4);
    let refused = 0;
    for (let length = 0; length < 60; length++) {
      if (length >= 36 && length % 4 === 0) continue;
      bench.fromLink(packet.subarray(0, length));
      refused++;
    }
    assertRefused(bench, 'refusedMalformed', refused);
  });

  it('what is larger than a datagram can be', () => {
    const bench = openBench();
    bench.fromLink(new Uint8Array(65_540));
    assertRefused(bench, 'refusedMalformed', 1);
  });

  it('a keepalive of a NAT, apart from other single bytes', () => {
    const bench = openBench();
    bench.fromLink(Uint8Array.of(0xff), Uint8Array.of(0xfe));
    assertRefused(bench, 'natKeepalives', 1);
    assert.equal(bench.countOfWorker('refusedMalformed'), 1);
  });

  it('a packet under an SPI that is not ours, as after any turned bit of it', () => {
    const bench = openBench();
    const packet = seal(packet4, nextHeader.ipv4);
    for (let bit = 0; bit < 32; bit++) {
      const other = Buffer.from(packet);
      other[bit >> 3] = (other[bit >> 3] as number) ^ (0x80 >> (bit & 7));
      bench.fromLink(other);
    }
    assertRefused(bench, 'refusedUnknownSpi', 32);
  });

  it('a packet under the SPI of another association', () => {
    const bench = openBench();
    const other = { ...keys, spi: keys.spi + 1, key: Buffer.alloc(32, 8) };
    bench.associations.set(other.spi, new InboundAssociation(bench.memory, { tunnel: 0, ...other }));
    const packet = seal(packet4, nextHeader.ipv4);
    packet.writeUInt32BE(other.spi);
    bench.fromLink(packet);
    assertRefused(bench, 'refusedNotAuthentic', 1);
  });

  it('a packet of a tunnel that is gone', () => {
    const bench = openBench();
    const other = { ...keys, spi: keys.spi + 2 };
    bench.associations.set(other.spi, new InboundAssociation(bench.memory, { tunnel: 7, ...other }));
    bench.fromLink(
      sealEsp(other, { sequence: 1n, nextHeader: nextHeader.ipv4, payload: Buffer.from(packet4) }),
    );
    assertRefused(bench, 'refusedUnknownSpi', 1);
  });

  it('a packet that was changed on its way', () => {
    const bench = openBench();
    for (const at of [5, 9, 17, 60, -1, -16]) {
      const packet = seal(packet4, nextHeader.ipv4);
      const index = at < 0 ? packet.length + at : at;
      packet[index] = (packet[index] as number) ^ 0x10;
      bench.fromLink(packet);
    }
    assertRefused(bench, 'refusedNotAuthentic', 6);
  });

  it('a packet that came before', () => {
    const bench = openBench();
    const packet = seal(packet4, nextHeader.ipv4);
    bench.fromLink(packet);
    assert.deepEqual(bench.toDevice()?.packet, packet4);
    bench.fromLink(packet, packet);
    assertRefused(bench, 'refusedReplayed', 2);
  });

  it('an inner packet from a source that is not behind the peer', () => {
    const bench = openBench();
    const foreign4 = { ...sample4, source: Uint8Array.of(10, 3, 0, 5) };
    const foreign6 = { ...sample6, source: Uint8Array.from(SOURCE_6).fill(9, 3, 4) };
    bench.fromLink(
      seal(encode(foreign4, 'complete'), nextHeader.ipv4),
      seal(encode(foreign6, 'complete'), nextHeader.ipv6),
      seal(encode(foreign4, 'pseudo'), nextHeader.unfinishedChecksum),
    );
    assertRefused(bench, 'refusedForeignSource', 3);
  });

  it('a payload of another kind than it says', () => {
    const bench = openBench();
    bench.fromLink(seal(packet4, nextHeader.ipv6), seal(packet6, nextHeader.ipv4));
    assertRefused(bench, 'refusedMalformedInner', 2);
  });

  it('a payload of a kind that we do not know', () => {
    const bench = openBench();
    for (const following of [0, 6, 17, 50, 144, 254, 255]) bench.fromLink(seal(packet4, following));
    assertRefused(bench, 'refusedUnknownPayload', 7);
  });

  it('an inner packet that is cut off, or none at all', () => {
    const bench = openBench();
    bench.fromLink(
      seal(packet4.subarray(0, packet4.length - 1), nextHeader.ipv4),
      seal(packet4.subarray(0, 19), nextHeader.ipv4),
      seal(new Uint8Array(0), nextHeader.ipv6),
      seal(packet6.subarray(0, 39), nextHeader.ipv6),
    );
    assertRefused(bench, 'refusedMalformedInner', 4);
  });

  it('a total length that ends within the header, whatever follows', () => {
    const bench = openBench();
    const bytes = new Uint8Array(120);
    bytes.set([0x4f, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, ...SOURCE_4]);
    bench.fromLink(seal(bytes, nextHeader.ipv4), seal(bytes, nextHeader.unfinishedChecksum));
    assertRefused(bench, 'refusedMalformedInner', 2);
  });

  it('an open checksum that nobody can find', () => {
    const bench = openBench();
    const fragment = encode(sample4, 'pseudo');
    fragment[6] = 0x20;
    bench.fromLink(seal(fragment, nextHeader.unfinishedChecksum));
    assertRefused(bench, 'refusedMalformedInner', 1);
  });

  it('more padding than packet', () => {
    const bench = openBench();
    const plain = new Uint8Array(24);
    for (const padding of [23, 24, 255]) {
      for (const following of [nextHeader.ipv4, nextHeader.none]) {
        plain.set([padding, following], 22);
        bench.fromLink(sealWithTrailer(plain));
      }
    }
    assert.deepEqual(bench.reports, []);
    assertRefused(bench, 'refusedMalformedInner', 6);
  });
});

describe('beside packets', () => {
  it('reports are handed to whom they concern, and never to the device', () => {
    const bench = openBench();
    const report = Uint8Array.from({ length: 24 }, (_, index) => index);
    const packet = seal(report, nextHeader.none);
    bench.fromLink(packet);
    assert.deepEqual(bench.reports[0]?.bytes, report);
    const { spi, sequence, length } = bench.reports[0]?.arrival ?? assert.fail();
    assert.deepEqual([spi, BigInt(sequence), length], [keys.spi, numbers, packet.length]);
    assert.equal(bench.toDevice(), undefined);
  });

  it('new keys of ours wait for a packet under the peer’s, an authentic one', () => {
    const bench = openBench();
    const association = bench.sealWith(keys);
    bench.tunnel.pending = { association, whenHeardOn: keys.spi };
    const packet = seal(packet4, nextHeader.ipv4);
    packet[40] = (packet[40] as number) ^ 1;
    bench.fromLink(packet);
    assert.deepEqual(bench.heardOn, []);
    bench.fromLink(seal(packet4, nextHeader.ipv4));
    assert.deepEqual(bench.heardOn, [keys.spi]);
  });

  it('whatever an authentic peer seals, nothing throws and only whole packets come out', () => {
    const bench = openBench({});
    const plain = fc.oneof(
      fc.uint8Array({ minLength: 2, maxLength: 200 }),
      innerPackets(fc.nat(80)).map((packet) => Uint8Array.from([...encode(packet, 'pseudo'), 0, 253])),
    );
    const lying = fc.tuple(
      plain,
      fc.nat(255),
      fc.constantFrom(4, 41, 59, 253, 253, 253),
      fc.array(fc.nat(60)),
    );
    const property = fc.property(fc.array(lying, { minLength: 1, maxLength: 8 }), (row) => {
      for (const [bytes, padding, following, zeroed] of row) {
        const rest = (4 - (bytes.length % 4)) % 4;
        const whole = new Uint8Array(bytes.length + rest);
        whole.set(bytes);
        for (const at of zeroed) if (at < whole.length) whole[at] = 0;
        whole.set([padding % 8 === 0 ? padding : rest, following], whole.length - 2);
        bench.fromLink(sealWithTrailer(whole));
      }
      for (let written = bench.toDevice(); written !== undefined; written = bench.toDevice()) {
        assert.ok(written.packet.length >= 20);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});
