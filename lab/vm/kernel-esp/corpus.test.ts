import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { AssociationMemory, InboundAssociation, opened } from '../../../src/dataplane/association.ts';
import { Arena } from '../../../src/linux/arena.ts';
import { ESP_PAYLOAD_OFFSET } from '../../../src/tunnel/esp/format.ts';
import { openAlone } from '../../../test/fixtures/association-pair.ts';
import { openEsp } from '../../esp-reference.ts';
import { type EspCorpus, parseCorpus } from './corpus.ts';

for (const family of ['ipv4', 'ipv6']) {
  test(`what Debian’s kernel sealed over ${family} is opened by the reference`, async () => {
    const { association, packets } = await readCorpus(family);
    let near = association.lastSequence;
    for (const { esp, ...content } of packets) {
      assert.deepEqual(openEsp(association, esp, near), { valid: true, ...content });
      near = content.sequence;
    }
  });

  test(`what Debian’s kernel sealed over ${family} is opened by Backstay`, async () => {
    const { association, packets } = await readCorpus(family);
    const arena = new Arena(256 * 1024);
    const memory = new AssociationMemory(arena);
    const inbound = new InboundAssociation(memory, { tunnel: 0, ...association });
    inbound.window.accept(Number(association.lastSequence));
    const at = arena.reserve(2048);
    for (const { esp, sequence, nextHeader, payload } of packets) {
      arena.bytes.set(esp, at);
      assert.equal(openAlone(memory, inbound, at, esp.length), opened, `number ${sequence}`);
      assert.equal(inbound.sequence, Number(sequence));
      const start = at + ESP_PAYLOAD_OFFSET;
      assert.deepEqual(Buffer.from(arena.bytes.subarray(start, start + payload.length)), payload);
      assert.equal(arena.bytes[at + esp.length - 17], nextHeader);
    }
  });
}

/** Both corpora cross the border of 32 bits. */
async function readCorpus(family: string): Promise<EspCorpus> {
  const file = new URL(`../../../test/corpus/kernel-esp/${family}.json`, import.meta.url);
  const corpus = parseCorpus(await readFile(file, 'utf8'));
  const border = 1n << 32n;
  assert.ok(corpus.packets.some(({ sequence }) => sequence < border));
  assert.ok(corpus.packets.some(({ sequence }) => sequence > border));
  return corpus;
}
