import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WireWatch } from './wire-watch.ts';

function datagram(sequence: number, content: number): Uint8Array {
  const bytes = new Uint8Array(40).fill(content, 16);
  new DataView(bytes.buffer).setUint32(4, sequence);
  return bytes;
}

describe('the watch on the wires', () => {
  it('lets a packet be sent again as it was', () => {
    const watch = new WireWatch();
    assert.equal(watch.sent(datagram(1, 7), 0), undefined);
    assert.equal(watch.sent(datagram(2, 8), 0), undefined);
    assert.equal(watch.sent(datagram(1, 7), 900_000), undefined);
  });

  it('finds a number that two packets have', () => {
    const watch = new WireWatch();
    watch.sent(datagram(1, 7), 0);
    assert.match(watch.sent(datagram(1, 8), 0) ?? '', /nonce was used twice/);
  });

  it('finds what is sent again too late or too often', () => {
    const watch = new WireWatch();
    watch.sent(datagram(1, 7), 0);
    assert.match(watch.sent(datagram(1, 7), 1_000_001) ?? '', /sent again after/);
    watch.sent(datagram(2, 7), 0);
    const verdicts = Array.from({ length: 25 }, () => watch.sent(datagram(2, 7), 10));
    assert.match(verdicts.at(-1) ?? '', /was sent 26 times/);
  });
});
