import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openEsp, sealEsp } from '../../lab/esp-reference.ts';
import { AssociationPair, openAlone, Workbench } from '../../test/fixtures/association-pair.ts';
import { ROW_CAPACITY } from '../linux/aead-row.ts';
import {
  ESP_PAYLOAD_OFFSET,
  ESP_SHORTEST,
  nextHeader,
  paddingFor,
  sealedLength,
} from '../tunnel/esp/format.ts';
import { InboundAssociation, notAuthentic, opened, replayed } from './association.ts';

const TWO_32 = 2 ** 32;
/** Room for a short packet. */
const ROW_STRIDE = 128;
/** One of each kind of number that a tunnel passes through. */
const stages = [0, 1000, TWO_32 - 3, TWO_32 - 1, TWO_32, 3 * TWO_32 + 5];

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 0xff);
}

function trailer(length: number, following: number): number[] {
  const padding = paddingFor(length);
  return [...Array.from({ length: padding }, (_, index) => index + 1), padding, following];
}

describe('a sealed packet', () => {
  it('is opened again, for every length of an inner packet', () => {
    const pair = new AssociationPair();
    for (let length = 20; length <= 1500; length++) {
      const packet = pair.seal(pattern(length), nextHeader.ipv4);
      assert.equal(packet.length, sealedLength(length));
      assert.equal(pair.open(packet), opened);
      const expected = Buffer.from([...pattern(length), ...trailer(length, nextHeader.ipv4)]);
      assert.deepEqual(pair.plain(packet.length), expected);
      assert.equal(pair.inbound.sequence, length - 19);
    }
  });

  it('is what an independent implementation of the standards opens', () => {
    const lengths = fc.integer({ min: 0, max: 1500 });
    const kinds = fc.constantFrom(...Object.values(nextHeader));
    const property = fc.property(lengths, kinds, fc.constantFrom(...stages), (length, following, stage) => {
      const pair = new AssociationPair();
      pair.outbound.sequence = stage;
      const opened = openEsp(pair.keys, pair.seal(pattern(length), following), BigInt(stage));
      assert.deepEqual(opened, {
        valid: true,
        sequence: BigInt(stage + 1),
        nextHeader: following,
        payload: Buffer.from(pattern(length)),
      });
      pair.close();
    });
    fc.assert(property, { numRuns: 150 });
  });

  it('may come from an independent implementation, whatever IV it chooses', () => {
    const lengths = fc.integer({ min: 0, max: 1500 });
    const ivs = fc.uint8Array({ minLength: 8, maxLength: 8 });
    const property = fc.property(lengths, ivs, fc.constantFrom(...stages), (length, iv, stage) => {
      const pair = new AssociationPair();
      if (stage > 0) pair.inbound.window.accept(stage);
      const content = {
        sequence: BigInt(stage + 1),
        nextHeader: nextHeader.ipv6,
        payload: Buffer.from(pattern(length)),
      };
      const packet = sealEsp(pair.keys, content, Buffer.from(iv));
      assert.equal(pair.open(packet), opened);
      assert.equal(pair.inbound.sequence, stage + 1);
      assert.deepEqual(
        [...pair.plain(packet.length)],
        [...pattern(length), ...trailer(length, nextHeader.ipv6)],
      );
      pair.close();
    });
    fc.assert(property, { numRuns: 150 });
  });

  it('is refused when any single bit behind its SPI is turned over', () => {
    const pair = new AssociationPair();
    pair.open(pair.seal(pattern(20), nextHeader.ipv4));
    const packet = pair.seal(pattern(41), nextHeader.ipv4);
    // The SPI is what the association is found by, so it is the look-up's (`inbound.test.ts`).
    for (let bit = 32; bit < packet.length * 8; bit++) {
      const damaged = Buffer.from(packet);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.notEqual(pair.open(damaged), opened, `bit ${bit}`);
    }
    assert.equal(pair.inbound.window.newest, 1, 'a refused packet moves no window');
    assert.equal(pair.open(packet), opened, 'and does not spend the number of the true one');
  });

  it('is refused when it is cut short, lengthened, or opened under another SPI, key or salt', () => {
    const pair = new AssociationPair();
    const packet = pair.seal(pattern(64), nextHeader.ipv4);
    for (let length = ESP_SHORTEST; length < packet.length; length++) {
      assert.equal(pair.open(packet.subarray(0, length)), notAuthentic, `${length} bytes`);
    }
    assert.equal(pair.open(Buffer.concat([packet, Buffer.alloc(4)])), notAuthentic);
    const { keys, bench } = pair;
    for (const change of [{ spi: keys.spi + 1 }, { key: Buffer.alloc(32) }, { salt: Buffer.alloc(4) }]) {
      const other = new InboundAssociation(bench.memory, { tunnel: 0, ...keys, ...change });
      bench.arena.bytes.set(packet, bench.output);
      assert.equal(openAlone(bench.memory, other, bench.output, packet.length), notAuthentic);
      other.close();
    }
    assert.equal(pair.open(packet), opened);
  });

  it('is refused the second time, and when it is older than the window', () => {
    const pair = new AssociationPair();
    const packets = Array.from({ length: 5 }, () => pair.seal(pattern(40), nextHeader.ipv4));
    const order = [2, 0, 4, 1, 3];
    for (const index of order) assert.equal(pair.open(packets[index] as Buffer), opened);
    for (const packet of packets) assert.equal(pair.open(packet), replayed);
    pair.outbound.sequence = 100_000;
    assert.equal(pair.open(pair.seal(pattern(40), nextHeader.ipv4)), opened);
    pair.outbound.sequence = 20;
    // Its low half could as well be one of the next turn (RFC 4303, A2), which only the key can tell.
    assert.equal(pair.open(pair.seal(pattern(40), nextHeader.ipv4)), notAuthentic);
    pair.outbound.sequence = 100_001 - 65_536;
    assert.equal(pair.open(pair.seal(pattern(40), nextHeader.ipv4)), opened, 'the oldest in the window');
  });

  it('of an earlier turn of the low half is not taken for one of the next', () => {
    const pair = new AssociationPair();
    const early = pair.seal(pattern(40), nextHeader.ipv4);
    pair.inbound.window.accept(TWO_32 - 1);
    assert.equal(pair.open(early), notAuthentic, 'its low half is that of 2^32 + 1');
    assert.equal(pair.inbound.window.newest, TWO_32 - 1);
  });
});

describe('a row of packets', () => {
  const fates = fc.array(fc.constantFrom('whole', 'damaged', 'again'), {
    minLength: 1,
    maxLength: ROW_CAPACITY,
  });
  const rows = fc.array(fc.record({ of: fc.nat(1), fates }), { minLength: 1, maxLength: 4 });

  it('is judged packet by packet, whatever came before in it and whose the row before was', () => {
    const property = fc.property(rows, (all) => {
      const bench = new Workbench();
      const pairs = [new AssociationPair(1, bench), new AssociationPair(2, bench)];
      for (const { of, fates } of all) assertJudged(pairs[of] as AssociationPair, fates);
      for (const pair of pairs) pair.close();
    });
    fc.assert(property, { numRuns: 60 });
  });

  /** Packets as they should be, with a bit turned over, and the newest whole one once more. */
  function assertJudged(pair: AssociationPair, fates: readonly string[]): void {
    const { inbound, bench } = pair;
    const { arena, memory } = bench;
    const room = arena.reserve(ROW_CAPACITY * ROW_STRIDE);
    let newest: Buffer | undefined;
    const row = fates.map((fate) => {
      const packet =
        fate === 'again' && newest !== undefined ? newest : pair.seal(pattern(40), nextHeader.ipv4);
      const expected = packet === newest ? replayed : fate === 'damaged' ? notAuthentic : opened;
      if (expected === opened) newest = packet;
      const bytes = Buffer.from(packet);
      if (expected === notAuthentic) bytes[30] = (bytes[30] as number) ^ 1;
      return { bytes, expected };
    });
    const places = row.map(({ bytes }, index) => {
      const offset = room + index * ROW_STRIDE;
      arena.bytes.set(bytes, offset);
      assert.ok(inbound.enlist(offset, bytes.length));
      return offset;
    });
    memory.opener.run();
    const verdicts = places.map((offset, place) => inbound.accept(place, offset));
    memory.opener.clear();
    assert.deepEqual(
      verdicts,
      row.map(({ expected }) => expected),
    );
    const last = row.findLastIndex(({ expected }) => expected === opened);
    if (last < 0) return;
    const start = (places[last] as number) + ESP_PAYLOAD_OFFSET;
    assert.deepEqual(arena.bytes.slice(start, start + 40), pattern(40));
  }
});

describe('sealing', () => {
  it('restores what lies behind the input and writes nothing beyond the packet', () => {
    const pair = new AssociationPair();
    const { arena, input, output } = pair.bench;
    for (let length = 20; length < 90; length++) {
      arena.bytes.fill(0xa5, input, input + 256);
      arena.bytes.fill(0x5a, output, output + 256);
      const packet = pair.seal(pattern(length), nextHeader.ipv4);
      assert.ok(arena.bytes.subarray(input + length, input + 256).every((byte) => byte === 0xa5));
      assert.ok(arena.bytes.subarray(output + packet.length, output + 256).every((byte) => byte === 0x5a));
      assert.deepEqual(arena.bytes.slice(input, input + length), pattern(length));
    }
  });

  it('opening writes nothing outside the packet, authentic or not', () => {
    const pair = new AssociationPair();
    const { arena, output } = pair.bench;
    for (const damage of [0, 1]) {
      const packet = pair.seal(pattern(50), nextHeader.ipv4);
      packet[30] = (packet[30] as number) ^ damage;
      arena.bytes.fill(0x5a, output - 64, output + 256);
      pair.open(packet);
      assert.ok(arena.bytes.subarray(output - 64, output).every((byte) => byte === 0x5a));
      assert.ok(arena.bytes.subarray(output + packet.length, output + 256).every((byte) => byte === 0x5a));
    }
  });
});

describe('a closed association', () => {
  it('neither seals nor opens, also when another took its place', () => {
    const pair = new AssociationPair();
    const packet = pair.seal(pattern(40), nextHeader.ipv4);
    pair.close();
    assert.equal(pair.seal(pattern(40), nextHeader.ipv4).length, 0);
    assert.notEqual(pair.open(packet), opened);
    const other = new AssociationPair(2, pair.bench);
    assert.equal(pair.seal(pattern(40), nextHeader.ipv4).length, 0);
    assert.notEqual(pair.open(packet), opened);
    assert.equal(other.open(other.seal(pattern(40), nextHeader.ipv4)), opened);
  });
});
