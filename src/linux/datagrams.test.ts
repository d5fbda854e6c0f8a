/** Sending and receiving of bursts through the real kernel, over the loopback interface of a network of the test's own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { acceptWithoutChecksum, refuseSegmentation } from '../../test/fixtures/refused-segmentation.ts';
import { Arena } from './arena.ts';
import { DatagramReceiver, RECEIVE_SLOTS, RECEIVER_ARENA_BYTES } from './datagram-receiver.ts';
import { BURST_CAPACITY, DatagramSender } from './datagram-sender.ts';
import { errnoName } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import { enterPrivateNetwork } from './private-network.ts';
import { readSocketAddress, sameSocketAddress, writeSocketAddress } from './socket-address.ts';
import { localPort, openUdpSocket } from './udp-socket.ts';

const root = process.getuid?.() === 0;
const options = { skip: !root && 'binding to an interface needs root' };
if (root) {
  enterPrivateNetwork();
  execFileSync('ip', ['link', 'set', 'lo', 'up', 'mtu', '16000']);
}

const LOOPBACK_4 = Uint8Array.of(127, 0, 0, 1);
const LOOPBACK_6 = Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0));
const families = [
  ['IPv4', LOOPBACK_4],
  ['IPv6', LOOPBACK_6],
] as const;

type Received = { readonly size: number; readonly bytes: Uint8Array; readonly sender: number };

/** Two sockets on one address and an arena for both directions. */
class Loop {
  readonly arena = new Arena(RECEIVER_ARENA_BYTES + 128 * 1024);
  readonly sender = new DatagramSender(this.arena);
  readonly receiver = new DatagramReceiver(this.arena);
  readonly out: number;
  readonly in: number;
  readonly name = this.arena.reserve(28);
  readonly #nameLength: number;
  readonly #data = this.arena.reserve(65_536);

  constructor(address: Uint8Array) {
    this.out = openUdpSocket({ interfaceName: 'lo', address, port: 0, mark: 0 });
    this.in = openUdpSocket({ interfaceName: 'lo', address, port: 0, mark: 0 });
    this.#nameLength = writeSocketAddress(this.arena, this.name, address, localPort(this.in));
    loops.push(this);
  }

  /** @returns the name of the error, or undefined when the kernel took everything */
  send(burst: Uint8Array, size: number, segmented: boolean): string | undefined {
    this.arena.bytes.set(burst, this.#data);
    const args = [this.name, this.#nameLength, this.#data, burst.length, size, segmented] as const;
    return this.sender.send(this.out, ...args) ? undefined : errnoName(this.sender.error);
  }

  /** One system call's worth. */
  receive(): Received[] {
    const filled = Math.max(0, this.receiver.receive(this.in));
    const slots = Array.from({ length: filled }, (_, slot) => {
      assert.equal(this.receiver.truncated(slot), false);
      const at = this.receiver.offset(slot);
      const bytes = this.arena.bytes.slice(at, at + this.receiver.length(slot));
      return { size: this.receiver.datagramSize(slot), bytes, sender: this.receiver.sender(slot) };
    });
    this.receiver.rearm(filled);
    return slots;
  }

  /** Everything that waits, datagram by datagram. */
  drain(): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    for (let slots = this.receive(); slots.length > 0; slots = this.receive()) {
      for (const { size, bytes } of slots) {
        for (let at = 0; at < bytes.length; at += size) datagrams.push(bytes.slice(at, at + size));
      }
    }
    return datagrams;
  }
}

const loops: Loop[] = [];
after(() => {
  for (const loop of loops) {
    closeFd(loop.in);
    closeFd(loop.out);
  }
});

function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 13 + seed) & 0xff);
}

function cut(burst: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(burst.length / size) }, (_, index) =>
    burst.slice(index * size, (index + 1) * size),
  );
}

function digest(datagrams: readonly Uint8Array[]): string[] {
  return datagrams.map((bytes) => `${bytes.length} ${createHash('sha1').update(bytes).digest('base64url')}`);
}

for (const [family, address] of families) {
  describe(`bursts over ${family}`, options, () => {
    const bursts = fc.array(
      fc.record({
        size: fc.integer({ min: 1, max: 1472 }),
        count: fc.integer({ min: 1, max: BURST_CAPACITY }),
        short: fc.boolean(),
        segmented: fc.boolean(),
      }),
      { minLength: 1, maxLength: 4 },
    );

    it('arrive datagram by datagram as they were sent, taken apart by the kernel or by us', () => {
      const loop = new Loop(address);
      const property = fc.property(bursts, (row) => {
        const expected: Uint8Array[] = [];
        for (const [index, { size, count, short, segmented }] of row.entries()) {
          const whole = Math.min(count, Math.floor(65_000 / size)) * size;
          const burst = pattern(short && whole > size ? whole - size + 1 : whole, index);
          assert.equal(loop.send(burst, size, segmented), undefined);
          expected.push(...cut(burst, size));
        }
        assert.deepEqual(digest(loop.drain()), digest(expected));
      });
      fc.assert(property, { numRuns: 60 });
    });

    it('come merged, with the size of each and from whom', () => {
      const loop = new Loop(address);
      const burst = pattern(20 * 1400 + 7);
      loop.send(burst, 1400, true);
      const [slot, ...others] = loop.receive() as [Received];
      assert.deepEqual(others, []);
      assert.equal(slot.size, 1400);
      assert.deepEqual(slot.bytes, burst);
      assert.deepEqual(readSocketAddress(loop.arena, slot.sender), { address, port: localPort(loop.out) });
      assert.equal(sameSocketAddress(loop.arena.data, slot.sender, loop.arena.data, loop.name), false);
    });

    it('that come alone after merged ones are as long as they are', () => {
      const loop = new Loop(address);
      loop.send(pattern(5000), 1000, true);
      assert.equal(loop.receive()[0]?.size, 1000);
      loop.send(pattern(300), 300, true);
      assert.deepEqual(
        loop.receive().map(({ size, bytes }) => [size, bytes.length]),
        [[300, 300]],
      );
    });

    it('are taken slot by slot when more wait than there are slots', () => {
      const loop = new Loop(address);
      // Sizes that differ are not merged.
      for (let size = 1; size <= RECEIVE_SLOTS + 5; size++) loop.send(pattern(size), size, true);
      assert.equal(loop.receive().length, RECEIVE_SLOTS);
      assert.deepEqual(
        loop.receive().map(({ bytes }) => bytes.length),
        [33, 34, 35, 36, 37],
      );
      assert.equal(loop.receive().length, 0);
      for (let size = 1; size <= 5; size++) loop.send(pattern(size), size, true);
      assert.equal(loop.receiver.receive(loop.in, 3), 3, 'no more than are asked for');
      loop.receiver.rearm(3);
      assert.equal(loop.receive().length, 2);
      assert.equal(loop.receiver.receive(-1), -1);
    });

    it('of one datagram may be as large as a datagram can be', () => {
      const loop = new Loop(address);
      const burst = pattern(15_900);
      assert.equal(loop.send(burst, burst.length, false), undefined);
      assert.deepEqual(digest(loop.drain()), digest([burst]));
    });

    it('leave with DF: what does not fit into the interface’s MTU is refused, not fragmented', () => {
      const loop = new Loop(address);
      assert.equal(loop.send(pattern(16_001), 16_001, false), 'EMSGSIZE');
      assert.equal(loop.send(pattern(32_002), 16_001, true) === undefined, false);
      assert.deepEqual(loop.drain(), []);
    });

    it('that the kernel will not take apart are refused by name, and pass as single datagrams', () => {
      const loop = new Loop(address);
      refuseSegmentation(loop.out, loop.arena);
      acceptWithoutChecksum(loop.in, loop.arena);
      const burst = pattern(4000);
      assert.match(loop.send(burst, 1000, true) ?? 'nothing', /^(EINVAL|EIO)$/);
      assert.equal(loop.send(burst, 1000, false), undefined);
      assert.deepEqual(digest(loop.drain()), digest(cut(burst, 1000)));
    });
  });
}

describe('a link’s socket', options, () => {
  it('has its address and port for itself', () => {
    const loop = new Loop(LOOPBACK_4);
    const taken = { interfaceName: 'lo', address: LOOPBACK_4, port: localPort(loop.in), mark: 0 };
    assert.throws(() => openUdpSocket(taken), { code: 'BS_ADDRESS_IN_USE' });
  });

  it('is refused by name where there is no such interface or address', () => {
    const good = { interfaceName: 'lo', address: LOOPBACK_4, port: 0, mark: 0 };
    assert.throws(() => openUdpSocket({ ...good, interfaceName: 'no-such-one' }), {
      code: 'BS_LINK_UNUSABLE',
    });
    assert.throws(() => openUdpSocket({ ...good, address: Uint8Array.of(192, 0, 2, 1) }), {
      code: 'BS_ADDRESS_UNAVAILABLE',
    });
  });
});
