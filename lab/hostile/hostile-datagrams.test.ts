/** What the attack is made of: right where it has to be right, wrong where it has to be wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type HostileKind, hostileDatagrams, hostileKinds, type RandomInteger } from './hostile-datagrams.ts';
import { udpPayloads } from './pcap.ts';

const real = fc.array(fc.uint8Array({ minLength: 36, maxLength: 200 }), { minLength: 1, maxLength: 5 });
const seeds = fc.infiniteStream(fc.integer({ min: 0, max: 0x7fff_ffff }));

function randomFrom(stream: Iterator<number>): RandomInteger {
  return (below) => (stream.next().value as number) % below;
}

function forAll(kind: HostileKind, law: (made: Uint8Array, real: readonly Uint8Array[]) => void): void {
  fc.assert(
    fc.property(real, seeds, (datagrams, stream) => {
      const made = hostileDatagrams(kind, 3, datagrams, randomFrom(stream[Symbol.iterator]()));
      assert.equal(made.length, 3);
      for (const datagram of made) law(datagram, datagrams);
    }),
  );
}

describe('hostile datagrams', () => {
  it('are never what passes as a keepalive', () => {
    for (const kind of hostileKinds) forAll(kind, (made) => assert.ok(made.length >= 2));
  });

  it('truncated: a real beginning', () => {
    forAll('truncated', (made, datagrams) => {
      assert.ok(datagrams.some((one) => one.length > made.length && startsWith(one, made)));
    });
  });

  it('replayed: equal to a real one', () => {
    forAll('replayed', (made, datagrams) => {
      assert.ok(datagrams.some((one) => Buffer.compare(one, made) === 0));
    });
  });

  it('flipped: one bit away from a real one, with its SPI', () => {
    forAll('flipped', (made, datagrams) => {
      const near = datagrams.some(
        (one) =>
          one.length === made.length && startsWith(made, one.subarray(0, 4)) && bitsBetween(one, made) === 1,
      );
      assert.ok(near);
    });
  });

  it('forged: another sequence number before a real body', () => {
    forAll('forged', (made, datagrams) => {
      const from = (one: Uint8Array) => Buffer.compare(one.subarray(8), made.subarray(8)) === 0;
      assert.ok(datagrams.some((one) => from(one) && startsWith(made, one.subarray(0, 4))));
    });
  });
});

describe('capture file', () => {
  it('gives the UDP payloads and skips the rest', () => {
    const file = Buffer.alloc(24);
    assert.deepEqual(udpPayloads(file), []);
    const udp = Buffer.from('0000000000000000000000000800', 'hex');
    const ip = Buffer.from('4500001f000040004011000001020304050607081194119400b00000', 'hex');
    ip.writeUInt16BE(8 + 3, 24);
    const frame = Buffer.concat([udp, ip, Buffer.from([1, 2, 3])]);
    const other = Buffer.concat([Buffer.from('0000000000000000000000000806', 'hex'), Buffer.alloc(40)]);
    assert.deepEqual(udpPayloads(Buffer.concat([file, record(other), record(frame)])), [
      Uint8Array.of(1, 2, 3),
    ]);
  });
});

function record(frame: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(frame.length, 8);
  header.writeUInt32LE(frame.length, 12);
  return Buffer.concat([header, frame]);
}

function startsWith(whole: Uint8Array, beginning: Uint8Array): boolean {
  return Buffer.compare(whole.subarray(0, beginning.length), beginning) === 0;
}

function bitsBetween(a: Uint8Array, b: Uint8Array): number {
  let bits = 0;
  for (const [at, byte] of a.entries())
    for (let rest = byte ^ b[at]!; rest > 0; rest >>>= 1) bits += rest & 1;
  return bits;
}
