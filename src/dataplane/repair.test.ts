/** What is sent again, and what is asked for: the packet path with descriptors of its own, and two ends in virtual time. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openEsp } from '../../lab/esp-reference.ts';
import { PacketBench } from '../../test/fixtures/packet-bench.ts';
import { type Direction, VirtualTunnel } from '../../test/fixtures/virtual-tunnel.ts';
import { VIRTIO_HEADER_LENGTH } from '../tunnel/offload/virtio-header.ts';
import { recordOffset, writeGaps, writeRecord, writeReportHeader } from '../tunnel/path/report.ts';

const keys = { spi: 0x2000_0001, key: Buffer.alloc(32, 9), salt: Buffer.from('0a0b0c0d', 'hex') };

const anything = { from: [], to: [], protocols: [], ports: [], sourcePorts: [], dscps: [] };

const benches: PacketBench[] = [];
after(() => {
  for (const bench of benches) bench.close();
});

function openBench(): PacketBench {
  const bench = new PacketBench();
  benches.push(bench);
  bench.sealWith(keys);
  return bench;
}

/** A single packet of this size, as a device gives it. */
function onDevice(size: number): Uint8Array {
  const bytes = new Uint8Array(VIRTIO_HEADER_LENGTH + size);
  const packet = new DataView(bytes.buffer, VIRTIO_HEADER_LENGTH);
  packet.setUint8(0, 0x45);
  packet.setUint16(2, size);
  packet.setUint8(9, 17);
  packet.setUint8(12, 10);
  return bytes;
}

/** Everything that came out at the link, datagram by datagram of this size. */
function datagrams(bench: PacketBench, size: number): Buffer[] {
  const all: Buffer[] = [];
  for (let one = bench.toLink(); one !== undefined; one = bench.toLink()) {
    for (let at = 0; at < one.length; at += size) all.push(Buffer.from(one.subarray(at, at + size)));
  }
  return all;
}

describe('what was sent', () => {
  const size = 100;
  const sealed = size + 16 + 4 + 16;

  it('is sent again as it was, before anything new', () => {
    const bench = openBench();
    bench.fromDevice(...Array.from({ length: 5 }, () => onDevice(size)));
    const first = datagrams(bench, sealed);
    assert.equal(first.length, 5);
    bench.tunnel.sent.reported(0, 5);
    bench.tunnel.sent.missing(2, 2, 0, bench.now);
    bench.fromDevice(onDevice(size));
    const second = datagrams(bench, sealed);
    assert.deepEqual(second.slice(0, 2), first.slice(1, 3), 'to the last byte');
    const fresh = openEsp(keys, second[2] as Buffer, 6n);
    assert.ok(fresh.valid && fresh.sequence === 6n);
    assert.equal(bench.count('sentAgain'), 2);
  });

  it('is not sent again while no path is up, and not after its memory was used again', () => {
    const bench = openBench();
    bench.fromDevice(onDevice(size));
    datagrams(bench, sealed);
    bench.tunnel.sent.reported(0, 1);
    bench.tunnel.sent.missing(1, 1, 0, bench.now);
    bench.path.path.state = 'suspect';
    bench.outbound.drain(bench.tunnel, bench.now);
    assert.equal(datagrams(bench, sealed).length, 0);
    bench.path.path.state = 'up';
    // A megabyte is what the bench's memory holds.
    const large = 20_000;
    for (let packet = 0; packet < 60; packet++) {
      bench.tunnel.sent.complete(0);
      if (packet === 0) bench.path.path.state = 'suspect';
      bench.fromDevice(onDevice(large));
      datagrams(bench, sealed);
    }
    bench.path.path.state = 'up';
    bench.outbound.drain(bench.tunnel, bench.now);
    assert.equal(bench.count('sentAgain'), 0);
    assert.equal(bench.tunnel.sent.wanted, 0);
  });
});

describe('a packet that goes over two paths', () => {
  it('puts neither in question: only the copy that came first is reported', () => {
    const bench = new PacketBench({ classes: [{ mode: 'duplicate', ...anything }] });
    benches.push(bench);
    bench.sealWith(keys);
    bench.fromDevice(onDevice(100));
    assert.equal(bench.path.path.marks.count, 0);
    assert.equal(datagrams(bench, 136).length, 1);
  });
});

describe('paths that share a link', () => {
  type Line = { readonly toA: Direction; readonly toB: Direction };

  it('are in question together when it dies, though only one of them carried anything', () => {
    const linkOf = (path: number) => Math.min(path, 1);
    const tunnel = new VirtualTunnel({ paths: 3, delayMillis: 10, keepaliveMillis: 5_000, linkOf });
    // The path over the other link is the slower one.
    (tunnel.lines[0] as Line).toB.delayMicros = 30_000;
    tunnel.run(2_000);
    tunnel.setTraffic(tunnel.a, 1_000);
    tunnel.run(1_000);
    const [used, sibling] = [1, 2];
    tunnel.changes.length = 0;
    for (const path of [used, sibling]) {
      const line = tunnel.lines[path] as Line;
      line.toA.blackHole = true;
      line.toB.blackHole = true;
    }
    const cutAt = tunnel.now;
    tunnel.run(300);
    const at = (path: number) =>
      tunnel.changes.find((change) => change.end === 'a' && change.path === path && change.to === 'suspect')
        ?.at ?? Number.POSITIVE_INFINITY;
    assert.ok(at(used) - cutAt < 150_000, `after ${at(used) - cutAt} µs`);
    assert.ok(at(sibling) - at(used) < 50_000, 'long before its own probe is due');
    assert.equal(tunnel.a.path(0).path.state, 'up');
  });

  it('that are alive stay as they are', () => {
    const tunnel = new VirtualTunnel({ paths: 3, delayMillis: 10, keepaliveMillis: 5_000 });
    tunnel.run(2_000);
    tunnel.setTraffic(tunnel.a, 1_000);
    tunnel.run(1_000);
    const used = tunnel.a.dataSentOver.indexOf(Math.max(...tunnel.a.dataSentOver));
    tunnel.changes.length = 0;
    const line = tunnel.lines[used] as Line;
    line.toA.blackHole = true;
    line.toB.blackHole = true;
    tunnel.run(1_000);
    const others = tunnel.changes.filter(({ path }) => path !== used);
    assert.deepEqual(others, []);
  });
});

describe('a report', () => {
  /** From b: what came over path 0 up to `newest`, everything before the floor, and from there what is missing and what came. */
  function reportOf(stamp: number, newest: number, gaps: readonly number[], floor = 3): Uint8Array {
    const bytes = new Uint8Array(200);
    const data = new DataView(bytes.buffer);
    const header = {
      answerAtOnce: false,
      trial: false,
      size: false,
      path: 1,
      number: stamp,
      stamp,
      echo: 0,
      held: 0,
    };
    writeReportHeader(data, 0, header, 1);
    writeRecord(data, recordOffset(0, 0), {
      path: 0,
      age: 0,
      spi: 0x1000,
      newest,
      packets: newest,
      bytes: newest,
    });
    const at = recordOffset(0, 1);
    const length = writeGaps(
      data,
      at,
      { spi: 0x1000, floor, kept: 1 },
      Uint16Array.from(gaps),
      gaps.length / 2,
    );
    return bytes.slice(0, at + length);
  }

  it('takes back what was in question and has come, before its first gap and behind it', () => {
    const tunnel = new VirtualTunnel({ paths: 2 });
    tunnel.run(1_000);
    const { a, b } = tunnel;
    a.plane.sent.add(101, 10, 100, 1_000, 0, 0, a.clock);
    a.plane.sent.pathDied(0, a.clock);
    assert.equal(a.plane.sent.wanted, 10);
    const stamp = (b.clock + 50_000) >>> 0;
    a.receive({ path: 1, spi: b.spi, sequence: 1_000_000, report: reportOf(stamp, 110, [2, 4], 103) });
    // 103 and 104, which it misses, and 109 and 110, of which it says nothing.
    assert.equal(a.plane.sent.wanted, 4);
  });

  it('that took a slow path asks for nothing: what it misses may have come since', () => {
    const tunnel = new VirtualTunnel({ paths: 2 });
    tunnel.run(1_000);
    const { a, b } = tunnel;
    a.plane.sent.add(1, 10, 100, 1_000, 0, 0, a.clock);
    const receive = (stamp: number, newest: number, gaps: readonly number[]) =>
      a.receive({ path: 1, spi: b.spi, sequence: 1_000_000 + stamp, report: reportOf(stamp, newest, gaps) });
    const later = (b.clock + 50_000) >>> 0;
    // Then 3 and 4 were still under way.
    receive(later + 20_000, 10, []);
    receive(later, 6, [2, 2]);
    assert.equal(a.plane.sent.wanted, 0);
    receive(later + 40_000, 10, [1, 7]);
    assert.equal(a.plane.sent.wanted, 1, 'one that is newer is heard');
  });
});
