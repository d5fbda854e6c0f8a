import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClassRule, NO_CLASS, TrafficClasses } from './traffic-classes.ts';

const any: Omit<ClassRule, 'mode'> = {
  from: [],
  to: [],
  protocols: [],
  ports: [],
  sourcePorts: [],
  dscps: [],
};

type Packet = {
  family?: 4 | 6;
  protocol?: number;
  dscp?: number;
  from?: number[];
  to?: number[];
  ports?: [number, number];
  fragmentOffset?: number;
};

const AT = 5;

function view(packet: Packet): DataView {
  const { family = 4, protocol = 17, dscp = 0, ports = [1000, 2000] } = packet;
  const bytes = new Uint8Array(120);
  const data = new DataView(bytes.buffer);
  if (family === 4) {
    bytes.set([0x46, dscp << 2], AT);
    data.setUint16(AT + 6, packet.fragmentOffset ?? 0);
    bytes[AT + 9] = protocol;
    bytes.set(packet.from ?? [10, 1, 0, 1], AT + 12);
    bytes.set(packet.to ?? [10, 2, 0, 1], AT + 16);
    data.setUint16(AT + 24, ports[0]);
    data.setUint16(AT + 26, ports[1]);
  } else {
    data.setUint16(AT, 0x6000 | (dscp << 6));
    bytes[AT + 6] = protocol;
    bytes.set(packet.from ?? [0xfd, 1], AT + 8);
    bytes.set(packet.to ?? [0xfd, 2], AT + 24);
    data.setUint16(AT + 40, ports[0]);
    data.setUint16(AT + 42, ports[1]);
  }
  return data;
}

function matches(rule: Partial<ClassRule>, packet: Packet): boolean {
  const classes = new TrafficClasses([{ ...any, mode: 'pin', ...rule }]);
  return classes.classOf(view(packet), AT) === 0;
}

describe('a traffic class', () => {
  it('is found by each of its fields, in both families', () => {
    for (const family of [4, 6] as const) {
      assert.ok(matches({}, { family }));
      assert.ok(matches({ protocols: [6, 17] }, { family, protocol: 17 }));
      assert.ok(!matches({ protocols: [6] }, { family, protocol: 17 }));
      assert.ok(matches({ dscps: [46] }, { family, dscp: 46 }));
      assert.ok(!matches({ dscps: [46] }, { family, dscp: 45 }));
      assert.ok(matches({ ports: [[1900, 2000]] }, { family }));
      assert.ok(!matches({ ports: [[1000, 1999]] }, { family }));
      assert.ok(
        matches(
          {
            sourcePorts: [
              [1, 5],
              [1000, 1000],
            ],
          },
          { family },
        ),
      );
      assert.ok(!matches({ sourcePorts: [[2000, 2000]] }, { family }));
    }
  });

  it('knows source from destination', () => {
    const rule = { from: [{ bytes: Uint8Array.of(10, 1, 0, 0), length: 16 }] };
    assert.ok(matches(rule, {}));
    assert.ok(!matches(rule, { from: [10, 2, 0, 1], to: [10, 1, 0, 1] }));
    assert.ok(!matches(rule, { family: 6 }), 'a family that is not named');
    const six = { to: [{ bytes: Uint8Array.of(0xfd, 2, ...new Array(14).fill(0)), length: 16 }] };
    assert.ok(matches(six, { family: 6 }));
    assert.ok(!matches(six, { family: 6, from: [0xfd, 2], to: [0xfd, 1] }));
  });

  it('with ports holds no packet that has none: other protocols, the later fragments', () => {
    assert.ok(!matches({ ports: [[0, 65_535]] }, { protocol: 1 }));
    assert.ok(!matches({ ports: [[0, 65_535]] }, { fragmentOffset: 185 }));
    assert.ok(matches({ ports: [[0, 65_535]] }, { fragmentOffset: 0x2000 }), 'the first fragment');
  });

  it('is the first that matches; what none matches is spread', () => {
    const classes = new TrafficClasses([
      { ...any, mode: 'duplicate', dscps: [46] },
      { ...any, mode: 'pin', protocols: [17] },
    ]);
    const found = [{ dscp: 46 }, {}, { protocol: 6 }].map((packet) => classes.classOf(view(packet), AT));
    assert.deepEqual(found, [0, 1, NO_CLASS]);
    assert.deepEqual(
      found.map((index) => classes.mode(index)),
      ['duplicate', 'pin', 'spread'],
    );
  });
});
