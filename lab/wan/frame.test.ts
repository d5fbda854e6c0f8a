import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blockableProtocol } from './frame.ts';

const PADDING = 3;

/** An Ethernet frame behind some bytes that are none of its business. */
function protocolOf(ethertype: number, packet: readonly number[]) {
  const header = [...Array(12).fill(0xee), ethertype >> 8, ethertype & 0xff];
  const bytes = Uint8Array.from([...Array(PADDING).fill(0xff), ...header, ...packet]);
  return blockableProtocol(bytes, PADDING, bytes.length - PADDING);
}

const ipv4 = (protocol: number, payload: readonly number[], headerWords = 5) =>
  protocolOf(0x0800, [
    0x40 | headerWords,
    ...Array(8).fill(0),
    protocol,
    ...Array(headerWords * 4 - 10).fill(0),
    ...payload,
  ]);
const ipv6 = (nextHeader: number, payload: readonly number[]) =>
  protocolOf(0x86dd, [0x60, 0, 0, 0, 0, 8, nextHeader, 64, ...Array(32).fill(0), ...payload]);

describe('blockable protocol', () => {
  it('knows TCP and UDP of both families', () => {
    assert.equal(ipv4(6, [0, 0]), 'tcp');
    assert.equal(ipv4(17, [0, 0]), 'udp');
    assert.equal(ipv6(6, [0, 0]), 'tcp');
    assert.equal(ipv6(17, [0, 0]), 'udp');
  });

  it('knows echo requests and replies, also behind IP options', () => {
    assert.equal(ipv4(1, [8, 0]), 'icmp');
    assert.equal(ipv4(1, [0, 0]), 'icmp');
    assert.equal(ipv4(1, [8, 0], 7), 'icmp');
    assert.equal(ipv6(58, [128, 0]), 'icmp');
    assert.equal(ipv6(58, [129, 0]), 'icmp');
  });

  it('leaves alone what keeps a link working: errors, neighbour discovery, ARP', () => {
    assert.equal(ipv4(1, [3, 4]), undefined);
    assert.equal(ipv6(58, [2, 0]), undefined);
    assert.equal(ipv6(58, [135, 0]), undefined);
    assert.equal(protocolOf(0x0806, Array(28).fill(6)), undefined);
  });

  it('finds the protocol of a fragment', () => {
    assert.equal(ipv6(44, [17, 0, 0, 0, 0, 0, 0, 0, 1, 2]), 'udp');
    assert.equal(ipv6(44, []), undefined);
  });

  it('never reads outside the frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const guarded = new Proxy(bytes, {
          get(target, key) {
            const index = typeof key === 'string' ? Number(key) : Number.NaN;
            assert.ok(!(index >= bytes.length), `read at ${index} of ${bytes.length}`);
            return Reflect.get(target, key, target);
          },
        });
        blockableProtocol(guarded, 0, bytes.length);
      }),
    );
  });
});
