/** A nonce that comes twice under one key breaks AES-GCM altogether: the one thing that must never happen. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openEsp } from '../../lab/esp-reference.ts';
import { AssociationPair, Workbench } from '../../test/fixtures/association-pair.ts';
import { nextHeader } from '../tunnel/esp/format.ts';

const TWO_32 = 2 ** 32;
const payload = Buffer.alloc(24, 7);

/** Remembers which IV was used under which key, and that the packet was truly sealed with it. */
class NonceLedger {
  readonly #used = new Set<string>();

  /** Seals one packet; throws when its nonce came before or is not the one in the packet. */
  seal(pair: AssociationPair): void {
    const packet = pair.seal(payload, nextHeader.ipv4);
    const iv = packet.subarray(8, 16).toString('hex');
    const use = `${pair.keys.key.toString('hex')} ${iv}`;
    assert.ok(!this.#used.has(use), `nonce ${iv} came twice under SPI ${pair.keys.spi}`);
    this.#used.add(use);
    const judged = openEsp(pair.keys, packet, BigInt(pair.outbound.sequence));
    assert.ok(judged.valid, judged.valid ? '' : judged.reason);
    assert.equal(judged.sequence, BigInt(pair.outbound.sequence));
  }
}

describe('the nonces under one key', () => {
  it('are all different, packet by packet', () => {
    const [ledger, pair] = [new NonceLedger(), new AssociationPair()];
    for (let packet = 0; packet < 2000; packet++) ledger.seal(pair);
  });

  it('are all different across the wrap of the low half', () => {
    const [ledger, pair] = [new NonceLedger(), new AssociationPair()];
    for (let packet = 0; packet < 600; packet++) ledger.seal(pair);
    pair.outbound.sequence = TWO_32 - 300;
    for (let packet = 0; packet < 900; packet++) ledger.seal(pair);
    assert.equal(pair.outbound.sequence, TWO_32 + 600);
  });

  it('are all different while associations come and go and use one another’s memory', () => {
    const acts = fc.array(
      fc.oneof(
        { weight: 2, arbitrary: fc.record({ act: fc.constant('open' as const), which: fc.constant(0) }) },
        { weight: 1, arbitrary: fc.record({ act: fc.constant('close' as const), which: fc.nat(9) }) },
        { weight: 1, arbitrary: fc.record({ act: fc.constant('closeAgain' as const), which: fc.nat(9) }) },
        { weight: 8, arbitrary: fc.record({ act: fc.constant('seal' as const), which: fc.nat(9) }) },
      ),
      { maxLength: 60, size: 'max' },
    );
    const property = fc.property(acts, (row) => {
      const [ledger, bench] = [new NonceLedger(), new Workbench()];
      const live: AssociationPair[] = [];
      const closed: AssociationPair[] = [];
      let made = 0;
      for (const { act, which } of row) {
        const chosen = live[which % Math.max(1, live.length)];
        if (act === 'open') live.push(new AssociationPair(++made, bench));
        else if (act === 'closeAgain') closed[which % Math.max(1, closed.length)]?.close();
        else if (chosen === undefined) continue;
        else if (act === 'seal') ledger.seal(chosen);
        else {
          chosen.close();
          closed.push(chosen);
          live.splice(live.indexOf(chosen), 1);
        }
      }
      for (const pair of live) ledger.seal(pair);
    });
    fc.assert(property, { numRuns: 60 });
  });

  it('memory of closed associations is used again', () => {
    const bench = new Workbench();
    for (let number = 0; number < 20_000; number++) new AssociationPair(number, bench).close();
  });
});
