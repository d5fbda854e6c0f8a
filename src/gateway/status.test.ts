import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dropReasons } from '../api/status.ts';
import { openCounters, type TunnelCounter, tunnelCounters, tunnelSlot } from '../dataplane/counters.ts';
import type { GatewayContext } from './context.ts';
import { composeStatus } from './status.ts';
import type { Tunnel } from './tunnel.ts';

const context = {
  config: { gateway: { name: 'lyon' } },
  worker: { counters: () => ({ refusedMalformed: 5, refusedUnknownSpi: 6 }) },
} as unknown as GatewayContext;
const path = { rxPackets: 10, rxBytes: 1000, txPackets: 20, txBytes: 3000 };

function tunnel(figures: Partial<Record<TunnelCounter, number>> = {}, more: object = {}): Tunnel {
  const counters = openCounters(tunnelCounters);
  const block = new Float64Array(counters);
  for (const [name, value] of Object.entries(figures)) block[tunnelSlot[name as TunnelCounter]] = value;
  return {
    config: {
      name: 'head-office',
      interface: 'bs-head',
      peer: { fingerprint: 'SHA256:x' },
      rekey: { afterMillis: 3_600_000 },
    },
    role: 'initiator',
    standing: { state: 'up', since: '2026-11-20T12:00:00.000Z', reason: undefined },
    mtu: 1418,
    generation: 4,
    counters,
    paths: { status: () => [path, path] },
    ...more,
  } as unknown as Tunnel;
}

function statusOf(one: Tunnel) {
  const [status] = composeStatus(context, '2026-11-20T11:00:00.000Z', [], [one], new Map()).tunnels;
  assert.ok(status !== undefined);
  return status;
}

describe('the status', () => {
  it('says what the gateway is', () => {
    const { gateway, time } = composeStatus(context, '2026-11-20T11:00:00.000Z', [], [], new Map());
    assert.deepEqual(
      [gateway.name, gateway.pid, gateway.startedAt],
      ['lyon', process.pid, '2026-11-20T11:00:00.000Z'],
    );
    assert.deepEqual(gateway.refusedDatagrams, { malformed: 5, unknownSpi: 6 });
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 1000);
  });

  it("adds up a tunnel's paths, and takes what is inside from its own counters", () => {
    const { counters } = statusOf(
      tunnel({
        innerReceivedPackets: 1,
        innerReceivedBytes: 2,
        innerSentPackets: 3,
        innerSentBytes: 4,
        waitedForOrder: 5,
        gaveUpWaiting: 6,
        deliveredLate: 7,
        sentAgain: 8,
        sentTwice: 9,
        aggregatesReceived: 11,
        aggregatesSent: 12,
        innerSentInPieces: 13,
      }),
    );
    assert.deepEqual(counters, {
      innerPacketsIn: 1,
      innerBytesIn: 2,
      innerPacketsOut: 3,
      innerBytesOut: 4,
      outerPacketsIn: 20,
      outerBytesIn: 2000,
      outerPacketsOut: 40,
      outerBytesOut: 6000,
      order: { waited: 5, gaveUp: 6, late: 7 },
      sentAgain: 8,
      sentTwice: 9,
      shared: { in: 11, out: 12, cutOut: 13 },
      drops: {},
    });
  });

  it('counts every packet that went no further under one reason, and names no reason without packets', () => {
    const refusals = Object.keys(tunnelSlot).filter((name) =>
      /^(dropped|refused)|Failed$|Refused$/.test(name),
    );
    for (const name of refusals as TunnelCounter[]) {
      const { drops } = statusOf(tunnel({ [name]: 7 })).counters;
      assert.deepEqual(Object.values(drops), [7], name);
      for (const reason of Object.keys(drops)) assert.ok(reason in dropReasons, reason);
    }
  });

  it('tells of keys only when there are some', () => {
    assert.deepEqual(
      Object.keys(statusOf(tunnel())).filter((key) => /Rekey/.test(key)),
      [],
    );
    const rekeyedAtMillis = performance.now() - 60_000;
    const { lastRekey = '', nextRekey = '' } = statusOf(tunnel({}, { rekeyedAtMillis }));
    assert.ok(Math.abs(Date.now() - 60_000 - Date.parse(lastRekey)) < 1000, lastRekey);
    assert.equal(Date.parse(nextRekey) - Date.parse(lastRekey), 3_600_000);
  });

  it('says why a tunnel is not up, and where its peer is, if that is known', () => {
    assert.equal('reason' in statusOf(tunnel()), false);
    const down = statusOf(
      tunnel(
        {},
        {
          standing: { state: 'down', since: '2026-11-20T12:00:00.000Z', reason: 'The peer shut down.' },
          peerAddress: '192.0.2.1',
        },
      ),
    );
    assert.deepEqual(
      [down.reason, down.peer],
      ['The peer shut down.', { fingerprint: 'SHA256:x', address: '192.0.2.1' }],
    );
  });
});
