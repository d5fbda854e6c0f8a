import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Arena } from '../linux/arena.ts';
import { SentMemory } from './sent-memory.ts';

const MIB = 1024 * 1024;
const SIZE = 8 * MIB;
const BURST = 64 * 1024;

type Kept = { readonly position: number; readonly number: number; readonly bytes: number };

/** Writes bursts and remembers them, as a log of what was sent would. */
class Writer {
  readonly arena = new Arena(SIZE + 4096);
  readonly memory = new SentMemory(this.arena, SIZE, BURST);
  kept: Kept[] = [];
  now = 1_000_000_000;
  highest = 0;
  #number = 0;

  /** All of the room is written to, as packets may be that turn out not to fit. */
  burst(bytes: number): void {
    const { arena, memory } = this;
    const at = memory.reserve(this.now);
    this.highest = Math.max(this.highest, at + BURST);
    this.#number++;
    arena.bytes.fill(this.#number & 0xff, at, at + BURST);
    arena.data.setUint32(at, this.#number);
    this.kept.push({ position: memory.keep(bytes), number: this.#number, bytes });
    this.kept = this.kept.filter(({ position }) => position >= memory.oldest);
  }

  assertUnharmed(): void {
    const { arena, memory } = this;
    for (const { position, number, bytes } of this.kept) {
      const at = memory.offset(position);
      assert.equal(arena.data.getUint32(at), number);
      assert.equal(arena.bytes[at + bytes - 1], number & 0xff);
    }
  }

  /** Bytes that are there still. */
  get bytesKept(): number {
    return this.kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

describe('the memory of what was sent', () => {
  it('has every burst unharmed that is not older than it says', () => {
    const stretches = fc.array(
      fc.record({
        bursts: fc.integer({ min: 1, max: 200 }),
        bytes: fc.integer({ min: 100, max: BURST }),
        pause: fc.constantFrom(0, 50, 1_000, 20_000, 400_000),
      }),
      { minLength: 1, maxLength: 12 },
    );
    const property = fc.property(stretches, (all) => {
      const writer = new Writer();
      for (const { bursts, bytes, pause } of all) {
        for (let burst = 0; burst < bursts; burst++) {
          writer.now += pause;
          writer.burst(bytes);
          if (burst % 7 === 0) writer.assertUnharmed();
        }
        writer.assertUnharmed();
      }
    });
    fc.assert(property, { numRuns: 40 });
  });

  it('keeps nearly as much as it has room for, under load', () => {
    const writer = new Writer();
    for (let burst = 0; burst < 1_000; burst++) {
      writer.now += 100;
      writer.burst(60_000);
      if (burst > 200) assert.ok(writer.bytesKept > SIZE - 4 * BURST);
    }
  });

  it('stays in a small part of itself while little is sent, and keeps seconds of it', () => {
    const writer = new Writer();
    for (let burst = 0; burst < 60_000; burst++) {
      writer.now += 5_000;
      writer.burst(1_000);
    }
    assert.ok(writer.highest < 3 * MIB, `${writer.highest} bytes`);
    // 1,000 bytes every 5 ms.
    assert.ok(writer.bytesKept > 400_000);
  });

  it('goes on to the end when much is sent after a calm time', () => {
    const writer = new Writer();
    for (let burst = 0; burst < 200; burst++) {
      writer.now += 20_000;
      writer.burst(5_000);
    }
    for (let burst = 0; burst < 400; burst++) {
      writer.now += 100;
      writer.burst(60_000);
      const fast = Math.min(burst * 60_000, SIZE - 4 * BURST);
      assert.ok(writer.bytesKept >= fast, 'nothing of the busy time is lost before the memory is full');
    }
  });
});
