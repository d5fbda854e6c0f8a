import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { openEsp } from '../../esp-reference.ts';
import { parseCorpus } from './corpus.ts';

for (const family of ['ipv4', 'ipv6']) {
  test(`what Debian’s kernel sealed over ${family} is opened by the reference`, async () => {
    const file = new URL(`../../../test/corpus/kernel-esp/${family}.json`, import.meta.url);
    const { association, packets } = parseCorpus(await readFile(file, 'utf8'));
    assert.ok(packets.some(({ sequence }) => sequence < 1n << 32n));
    assert.ok(packets.some(({ sequence }) => sequence > 1n << 32n));
    let near = association.lastSequence;
    for (const { esp, ...content } of packets) {
      assert.deepEqual(openEsp(association, esp, near), { valid: true, ...content });
      near = content.sequence;
    }
  });
}
