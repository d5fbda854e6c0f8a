/** Payloads as they come, and as they may come: in order, with losses, late, cut off, and made by somebody hostile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { packetLength } from '../offload/ip-packet.ts';
import { AGGFRAG_HEADER_LENGTH, blockRoom, isAggfrag, LONGEST_INNER, writeAggfragHeader } from './format.ts';
import { AggfragPayload } from './payload.ts';
import { Assembly, Reassembly } from './reassembly.ts';

const SLOTS = 4;
const INPUT = 64;
const PAYLOAD_ROOM = 70_000;
const SPI = 0x1000;

type Sealed = { readonly sequence: number; readonly bytes: Uint8Array };

/** An inner packet of this length that says so, filled with a number. */
function inner(length: number, fill: number, family: 4 | 6 = 4): Uint8Array {
  const bytes = new Uint8Array(length).fill(fill);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, family === 4 ? 0x45 : 0x60);
  if (family === 4) view.setUint16(2, length);
  else view.setUint16(4, length - 40);
  return bytes;
}

/** As the sender lays them, `room` bytes of blocks in each payload. */
function laid(packets: readonly Uint8Array[], room: number, first = 1): Sealed[] {
  const memory = new Uint8Array(20_000);
  const data = new DataView(memory.buffer);
  const payload = new AggfragPayload(memory, data, 10_000);
  const sent: Sealed[] = [];
  let sequence = first;
  const seal = () =>
    sent.push({ sequence: sequence++, bytes: memory.slice(payload.at, payload.at + payload.length) });
  payload.begin(0, room);
  for (const packet of packets) {
    if (payload.room === 0) {
      seal();
      payload.begin(0, room);
    }
    memory.set(packet);
    for (let at = payload.lay(0, packet.length); at < packet.length; ) {
      seal();
      payload.begin(packet.length - at, room);
      at += payload.lay(at, packet.length - at);
    }
  }
  seal();
  return sent;
}

/** One lane's far side. */
class Receiver {
  readonly memory = new Uint8Array(INPUT + PAYLOAD_ROOM + 64 + Reassembly.room(SLOTS) + 64);
  readonly data = new DataView(this.memory.buffer);
  readonly reassembly = new Reassembly(this.memory, this.data, INPUT + PAYLOAD_ROOM + 64, SLOTS);
  readonly lanes = [new Assembly(), new Assembly()];
  incomplete = 0;
  malformed = 0;

  take({ sequence, bytes }: Sealed, lane = 0, spi = SPI): Uint8Array[] {
    const { reassembly } = this;
    this.memory.fill(0xee, 0, INPUT + PAYLOAD_ROOM + 64);
    this.memory.set(bytes, INPUT);
    if (!isAggfrag(this.data, INPUT, bytes.length)) return [];
    const packets: Uint8Array[] = [];
    reassembly.load(this.lanes[lane] as Assembly, spi, sequence, INPUT, bytes.length);
    while (reassembly.next()) {
      const { offset, length } = reassembly;
      assert.equal(packetLength(this.data, offset, offset + length), length);
      assert.ok(offset >= INPUT + PAYLOAD_ROOM + 64 || offset + length <= INPUT + bytes.length);
      packets.push(this.memory.slice(offset, offset + length));
    }
    this.incomplete += reassembly.incomplete;
    if (reassembly.malformed) this.malformed++;
    return packets;
  }
}

const packetRows = fc.array(
  fc.tuple(fc.integer({ min: 20, max: LONGEST_INNER }), fc.constantFrom(4 as const, 6 as const)),
  { minLength: 1, maxLength: 12 },
);

function made(row: readonly (readonly [number, 4 | 6])[]): Uint8Array[] {
  return row.map(([length, family], index) => inner(Math.max(length, family === 6 ? 40 : 20), index, family));
}

describe('packets laid into payloads', () => {
  it('come out as they went in, whatever their lengths and that of the payloads', () => {
    fc.assert(
      fc.property(packetRows, fc.integer({ min: 1, max: 3_000 }), (row, room) => {
        const packets = made(row);
        const receiver = new Receiver();
        const sent = laid(packets, room);
        assert.ok(sent.slice(0, -1).every(({ bytes }) => bytes.length === AGGFRAG_HEADER_LENGTH + room));
        assert.deepEqual(
          sent.flatMap((one) => receiver.take(one)),
          packets,
        );
        assert.deepEqual([receiver.incomplete, receiver.malformed], [0, 0]);
      }),
    );
  });

  it('cost, when payloads are lost, those of which something was in them, and no others', () => {
    const losses = fc.array(fc.boolean(), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(packetRows, fc.integer({ min: 300, max: 3_000 }), losses, (row, room, lost) => {
        const packets = made(row);
        const receiver = new Receiver();
        const sent = laid(packets, room);
        const isLost = ({ sequence }: Sealed) => lost[sequence % 60] === true;
        const ends = packets.map((_, index) =>
          packets.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0),
        );
        const expected = packets.filter((packet, index) => {
          const end = ends[index] as number;
          const [first, last] = [end - packet.length, end - 1].map((at) => Math.floor(at / room));
          return !sent.slice(first, (last as number) + 1).some(isLost);
        });
        const got = sent.filter((one) => !isLost(one)).flatMap((one) => receiver.take(one));
        assert.deepEqual(got, expected);
        assert.equal(receiver.malformed, 0);
      }),
    );
  });

  it('have their padding passed over', () => {
    const receiver = new Receiver();
    const [one] = laid([inner(100, 1)], 1_000) as [Sealed];
    const padded = new Uint8Array(one.bytes.length + 40);
    padded.set(one.bytes);
    assert.deepEqual(receiver.take({ sequence: 1, bytes: padded }), [inner(100, 1)]);
    assert.deepEqual([receiver.incomplete, receiver.malformed], [0, 0]);
  });
});

describe('a piece', () => {
  const [first, second, third] = laid([inner(2_500, 7)], 1_000) as [Sealed, Sealed, Sealed];

  it('goes on only in the packet with the next number', () => {
    const receiver = new Receiver();
    assert.deepEqual(receiver.take(first), []);
    assert.deepEqual(receiver.take({ ...second, sequence: 3 }), []);
    assert.deepEqual(receiver.take({ ...third, sequence: 4 }), []);
    assert.equal(receiver.incomplete, 2, 'what was begun, and the end of what was not');
  });

  it('goes on only under the same keys', () => {
    const receiver = new Receiver();
    receiver.take(first);
    assert.deepEqual([receiver.take(second, 0, SPI + 1), receiver.take(third, 0, SPI + 1)].flat(), []);
  });

  it('goes on only in its own lane', () => {
    const receiver = new Receiver();
    receiver.take(first);
    assert.deepEqual([receiver.take(second, 1), receiver.take(third, 1)].flat(), []);
    assert.deepEqual([receiver.take(second), receiver.take(third)].flat(), [inner(2_500, 7)]);
  });

  it('is not disturbed by a payload that comes late, which brings its whole packets', () => {
    const receiver = new Receiver();
    const late = laid([inner(60, 1), inner(70, 2)], 1_000, 3)[0] as Sealed;
    const [one, two, three] = laid([inner(2_500, 7)], 1_000, 5) as [Sealed, Sealed, Sealed];
    receiver.take(one);
    assert.deepEqual(receiver.take(late), [inner(60, 1), inner(70, 2)]);
    assert.deepEqual([receiver.take(two), receiver.take(three)].flat(), [inner(2_500, 7)]);
  });

  it('is dropped when its continuation contradicts the length that it has told', () => {
    const receiver = new Receiver();
    receiver.take(first);
    const wrong = second.bytes.slice();
    writeAggfragHeader(new DataView(wrong.buffer), 0, 1_400);
    assert.deepEqual(receiver.take({ sequence: 2, bytes: wrong }), []);
    assert.deepEqual(receiver.take(third), []);
    assert.ok(receiver.incomplete > 0);
  });

  it('is dropped when the next payload begins with something else', () => {
    const receiver = new Receiver();
    receiver.take(first);
    const other = laid([inner(80, 9)], 1_000, 2)[0] as Sealed;
    assert.deepEqual(receiver.take(other), [inner(80, 9)]);
    assert.equal(receiver.incomplete, 1);
  });

  it('gives way when more are begun than there is room for', () => {
    const receiver = new Receiver();
    receiver.take(first);
    for (let number = 0; number < SLOTS; number++) {
      const [begun] = laid([inner(2_500, 9)], 1_000, 10 * number + 10) as [Sealed];
      receiver.take(begun, 1);
    }
    assert.deepEqual([receiver.take(second), receiver.take(third)].flat(), []);
  });
});

describe('refused is', () => {
  const wrong: [string, readonly number[]][] = [
    ['what is neither IPv4, IPv6 nor padding', [0x55, ...new Array<number>(40).fill(0)]],
    ['an IPv4 header that is too short', [0x44, 0, 0, 40, ...new Array<number>(40).fill(0)]],
    ['an IPv4 length below its header', [0x45, 0, 0, 19, ...new Array<number>(40).fill(0)]],
    ['a length above every MTU', [0x45, 0, 0xff, 0xff, ...new Array<number>(40).fill(0)]],
    ['an IPv6 length above every MTU', [0x60, 0, 0, 0, 0xff, 0xff, ...new Array<number>(60).fill(0)]],
  ];
  for (const [what, block] of wrong) {
    it(what, () => {
      const receiver = new Receiver();
      const good = inner(60, 3);
      const bytes = Uint8Array.from([0, 0, 0, 0, ...good, ...block]);
      assert.deepEqual(receiver.take({ sequence: 1, bytes }), [good]);
      assert.equal(receiver.malformed, 1);
      assert.equal((receiver.lanes[0] as Assembly).have, 0, 'nothing is kept of it');
    });
  }

  it('a payload without a block, or of another sub-type', () => {
    const data = new DataView(new ArrayBuffer(8));
    assert.equal(isAggfrag(data, 0, 4), false);
    assert.equal(isAggfrag(data, 0, 5), true);
    data.setUint8(0, 1);
    assert.equal(isAggfrag(data, 0, 8), false);
  });

  it('a block offset beyond the payload when nothing was begun', () => {
    const receiver = new Receiver();
    const bytes = Uint8Array.from([0, 0, 0xff, 0xff, ...inner(60, 3)]);
    assert.deepEqual(receiver.take({ sequence: 1, bytes }), []);
  });
});

it('anything at all does no harm: only IP packets of the length they say come out, and what follows comes through', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 20, max: 400 }).map((length) => inner(length, 5)),
    fc.integer({ min: 20, max: 9_216 }).map((length) => inner(length, 5).slice(0, 90)),
    fc.integer({ min: 40, max: 400 }).map((length) => inner(length, 6, 6)),
  );
  const payload = fc.record({
    gap: fc.constantFrom(-1, 0, 1, 1, 1, 1, 2),
    lane: fc.constantFrom(0, 0, 0, 1),
    rest: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 65_535 }), fc.constant(0)),
    pieces: fc.array(piece, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 40 }), (row) => {
      const receiver = new Receiver();
      let sequence = 1;
      for (const { gap, lane, rest, pieces } of row) {
        sequence += gap;
        const bytes = Uint8Array.from([0, 0, rest >> 8, rest & 255, ...pieces.flatMap((one) => [...one])]);
        receiver.take({ sequence, bytes }, lane);
      }
      const good = laid([inner(1_500, 1), inner(9_000, 2), inner(40, 3)], blockRoom(1_172), sequence + 10);
      assert.deepEqual(
        good.flatMap((one) => receiver.take(one)),
        [inner(1_500, 1), inner(9_000, 2), inner(40, 3)],
      );
    }),
    { numRuns: 300 },
  );
});
