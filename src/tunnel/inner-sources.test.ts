import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GuardedView } from '../../test/fixtures/guarded-view.ts';
import { InnerSources } from './inner-sources.ts';

type Prefix = { readonly bytes: Uint8Array; readonly length: number };

function bits(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

function allowedNaively(prefixes: readonly Prefix[], source: Uint8Array): boolean {
  return prefixes.some(
    ({ bytes, length }) =>
      bytes.length === source.length && bits(source).startsWith(bits(bytes).slice(0, length)),
  );
}

/** The packet header, in memory of which nothing else may be read. */
function allows(sources: InnerSources, source: Uint8Array): boolean {
  const [at, length, offset] = source.length === 4 ? [3, 20, 12] : [3, 40, 8];
  const memory = new Uint8Array(60).fill(0xff);
  memory[at] = source.length === 4 ? 0x45 : 0x60;
  memory.set(source, at + offset);
  const view = new GuardedView(memory.buffer);
  view.allow(at, length);
  return sources.allows(view, at);
}

const address = (length: number) =>
  fc.oneof(
    fc.uint8Array({ minLength: length, maxLength: length }),
    fc.constantFrom(new Uint8Array(length), new Uint8Array(length).fill(255)),
  );
const addresses = fc.oneof(address(4), address(16));
const prefix: fc.Arbitrary<Prefix> = addresses.chain((bytes) =>
  fc.record({ bytes: fc.constant(bytes), length: fc.integer({ min: 0, max: bytes.length * 8 }) }),
);
/** Sources near the networks: one bit of a network's address turned over. */
const scenario = fc.array(prefix, { maxLength: 5 }).chain((prefixes) =>
  fc.record({
    prefixes: fc.constant(prefixes),
    sources: fc.array(
      fc.oneof(
        addresses,
        fc.tuple(fc.nat(), fc.nat(127)).map(([which, bit]) => {
          const near = Uint8Array.from(
            prefixes[which % Math.max(1, prefixes.length)]?.bytes ?? [10, 0, 0, 1],
          );
          const at = bit % (near.length * 8);
          near[at >> 3] = (near[at >> 3] as number) ^ (0x80 >> (at & 7));
          return near;
        }),
      ),
      { minLength: 1, maxLength: 20, size: 'max' },
    ),
  }),
);

describe('inner sources', () => {
  it('are allowed when one of the networks holds them, whatever was asked before', () => {
    const property = fc.property(scenario, ({ prefixes, sources }) => {
      const allowed = new InnerSources(prefixes);
      for (const source of [...sources, ...sources.toReversed(), ...sources]) {
        assert.equal(allows(allowed, source), allowedNaively(prefixes, source));
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('are none without networks, not even the zero address', () => {
    const allowed = new InnerSources([]);
    for (const source of [new Uint8Array(4), new Uint8Array(16)])
      assert.equal(allows(allowed, source), false);
  });

  it('of one family are not those of the other', () => {
    const allowed = new InnerSources([{ bytes: new Uint8Array(4), length: 0 }]);
    assert.equal(allows(allowed, new Uint8Array(4)), true);
    assert.equal(allows(allowed, new Uint8Array(16)), false);
  });

  it('of a network written with host bits are those of the network', () => {
    const allowed = new InnerSources([{ bytes: Uint8Array.of(10, 2, 3, 4), length: 16 }]);
    assert.equal(allows(allowed, Uint8Array.of(10, 2, 255, 1)), true);
    assert.equal(allows(allowed, Uint8Array.of(10, 3, 3, 4)), false);
  });
});
