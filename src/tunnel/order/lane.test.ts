import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LANES } from '../esp/packet-number.ts';
import { laneOfPacket } from './lane.ts';

type Flow = { v6: boolean; protocol: number; from: number; to: number; ports: number };

function lane(
  { v6, protocol, from, to, ports }: Flow,
  more: { fragment?: number; bytes?: number } = {},
): number {
  const data = new DataView(new ArrayBuffer(100));
  const at = 3;
  if (v6) {
    data.setUint8(at, 0x60);
    data.setUint8(at + 6, protocol);
    data.setUint32(at + 20, from);
    data.setUint32(at + 36, to);
    data.setUint32(at + 40, ports);
    data.setUint16(at + 4, more.bytes ?? 0);
  } else {
    data.setUint8(at, 0x45);
    data.setUint8(at + 9, protocol);
    data.setUint16(at + 6, more.fragment ?? 0);
    data.setUint32(at + 12, from);
    data.setUint32(at + 16, to);
    data.setUint32(at + 20, ports);
    data.setUint16(at + 2, more.bytes ?? 0);
    data.setUint16(at + 4, more.bytes ?? 0);
  }
  return laneOfPacket(data, at);
}

const u32 = fc.nat(0xffff_ffff);
const flows = fc.record({
  v6: fc.boolean(),
  protocol: fc.constantFrom(1, 6, 17, 47, 58),
  from: u32,
  to: u32,
  ports: u32,
});

describe('a flow', () => {
  it('keeps its lane, whatever else is in its packets', () => {
    fc.assert(
      fc.property(flows, fc.nat(65_535), (flow, bytes) => {
        const number = lane(flow);
        assert.ok(number >= 1 && number < LANES);
        assert.equal(lane(flow, { bytes }), number);
      }),
    );
  });

  it('of fragments is told by addresses alone, as only the first has ports', () => {
    fc.assert(
      fc.property(flows, u32, (flow, ports) => {
        const v4 = { ...flow, v6: false };
        const first = lane(v4, { fragment: 0x2000 });
        assert.equal(lane({ ...v4, ports }, { fragment: 0x00b9 }), first);
      }),
    );
  });

  it('shares its lane with few of the others, also when only one bit of a port tells them apart', () => {
    const used = new Map<number, number>();
    for (let port = 0; port < 150; port++) {
      const number = lane({
        v6: false,
        protocol: 6,
        from: 0x0a000001,
        to: 0x0a000102,
        ports: (40_000 + port) * 65_536 + 443,
      });
      used.set(number, (used.get(number) ?? 0) + 1);
    }
    assert.equal(used.size, LANES - 1);
    assert.ok(Math.max(...used.values()) < 40, `${[...used.values()]}`);
  });
});
