import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipAddressOf } from '../../network/ip-address.ts';
import type { LinkAddress } from './messages.ts';
import { type ControlLink, mapPaths, placeKey, placeOf } from './path-mapping.ts';
import { PathNumbers } from './path-numbers.ts';

type Families = 'v4' | 'v6' | 'both';

function addressesOf(families: Families, number: number) {
  const ipv4 = ipAddressOf(Uint8Array.of(192, 0, 2, number));
  const ipv6 = ipAddressOf(Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number));
  return families === 'v4' ? [ipv4] : families === 'v6' ? [ipv6] : [ipv4, ipv6];
}

function localLinks(...families: readonly Families[]): ControlLink[] {
  return families.map((family, index) => ({
    name: `link${index}`,
    index,
    addresses: addressesOf(family, index + 1),
    port: 4500,
  }));
}

function remoteLinks(...families: readonly Families[]): LinkAddress[] {
  return families.flatMap((family, linkIndex) =>
    addressesOf(family, linkIndex + 101).map((address) => ({ linkIndex, endpoint: { address, port: 4500 } })),
  );
}

function text(pairs: ReturnType<typeof mapPaths>): string[] {
  return pairs.map((pair) => `${pair.localLink}-${pair.remoteLinkIndex}/${pair.remote.address.family}`);
}

const families = fc.array(fc.constantFrom<Families>('v4', 'v6', 'both'), { maxLength: 6 });

describe('path mapping', () => {
  it('uses the side with fewer links in turn', () => {
    assert.deepEqual(text(mapPaths(localLinks('v4', 'v4', 'v4'), remoteLinks('v4', 'v4'))), [
      'link0-0/4',
      'link1-1/4',
      'link2-0/4',
    ]);
    assert.deepEqual(text(mapPaths(localLinks('v4'), remoteLinks('v4', 'v4'))), ['link0-0/4', 'link0-1/4']);
    assert.deepEqual(text(mapPaths(localLinks('both'), remoteLinks('both'))), ['link0-0/4', 'link0-0/6']);
    assert.deepEqual(text(mapPaths(localLinks('v4'), remoteLinks('v6'))), []);
  });

  it('keeps the laws for any links, and for any links that went before', () => {
    fc.assert(
      fc.property(families, families, families, families, (here, there, hereBefore, thereBefore) => {
        const before = mapPaths(localLinks(...hereBefore), remoteLinks(...thereBefore)).map(placeOf);
        const [links, remotes] = [localLinks(...here), remoteLinks(...there)];
        const pairs = mapPaths(links, remotes, before);
        for (const family of [4, 6]) {
          const ofFamily = pairs.filter((pair) => pair.remote.address.family === family);
          const locals = links.filter((link) => link.addresses.some((address) => address.family === family));
          const remotesOf = remotes.filter((remote) => remote.endpoint.address.family === family);
          const expected =
            locals.length * remotesOf.length === 0 ? 0 : Math.max(locals.length, remotesOf.length);
          assert.equal(ofFamily.length, expected);
          assert.equal(new Set(ofFamily.map((pair) => placeKey(placeOf(pair)))).size, expected);
          assertEven(
            ofFamily.map((pair) => pair.localLink),
            locals.length,
          );
          assertEven(
            ofFamily.map((pair) => pair.remoteLinkIndex),
            remotesOf.length,
          );
        }
        assert.deepEqual(mapPaths(links, remotes, pairs.map(placeOf)), pairs);
      }),
    );
  });

  it('moves no other path when one of as many links goes', () => {
    const remotes = remoteLinks('v4', 'v4', 'v4');
    const before = mapPaths(localLinks('v4', 'v4', 'v4'), remotes);
    const left = localLinks('v4', 'v4', 'v4').slice(1);
    const after = text(mapPaths(left, remotes, before.map(placeOf)));
    assert.deepEqual(after.toSorted(), ['link1-0/4', 'link1-1/4', 'link2-2/4']);
  });

  it('pairs links of the same number again, whatever stood in for one meanwhile', () => {
    const remotes = remoteLinks('v4', 'v4');
    const both = localLinks('v4', 'v4');
    const meanwhile = mapPaths(both.slice(1), remotes);
    assert.deepEqual(text(meanwhile).toSorted(), ['link1-0/4', 'link1-1/4']);
    assert.deepEqual(text(mapPaths(both, remotes, meanwhile.map(placeOf))), ['link0-0/4', 'link1-1/4']);
  });

  it('never parts links of the same number to be even', () => {
    const kept = [2, 3, 4].map(
      (number) => ({ localLink: `link${number}`, remoteLinkIndex: 1, family: 4 }) as const,
    );
    const pairs = text(mapPaths(localLinks('v4', 'v4', 'v4', 'v4', 'v4'), remoteLinks('v4', 'v4'), kept));
    assert.deepEqual(pairs.slice(0, 2), ['link0-0/4', 'link1-1/4']);
  });
});

describe('path numbers', () => {
  it('stay with their place', () => {
    const numbers = new PathNumbers();
    const place = { localLink: 'fibre', remoteLinkIndex: 0, family: 4 } as const;
    assert.equal(numbers.numberOf(place), 0);
    assert.equal(numbers.numberOf({ ...place, family: 6 }), 1);
    assert.equal(numbers.numberOf({ ...place, localLink: 'lte' }), 2);
    assert.equal(numbers.numberOf({ ...place }), 0);
  });
});

function assertEven(used: readonly unknown[], links: number): void {
  if (used.length === 0) return;
  const counts = [...new Set(used)].map((one) => used.filter((other) => other === one).length);
  assert.equal(counts.length, links);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
}
