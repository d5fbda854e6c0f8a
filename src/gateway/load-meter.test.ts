import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PathStatus } from '../api/status.ts';
import type { LinkConfig, TunnelConfig } from '../config/index.ts';
import { LoadMeter, type MeteredTunnel } from './load-meter.ts';

const links = [
  { name: 'dsl', rateBps: 10e6 },
  { name: 'lte', rateBps: undefined },
] as LinkConfig[];

function path(id: number, link: string, more: Partial<PathStatus> = {}): PathStatus {
  const counters = { txPackets: 0, txBytes: 0, rxPackets: 0, rxBytes: 0 };
  return {
    id,
    link,
    local: '',
    remote: '',
    state: 'up',
    carrier: 'udp',
    since: '',
    share: 0,
    ...counters,
    ...more,
  };
}

function tunnel(paths: PathStatus[], more: object = {}): MeteredTunnel {
  const config = {
    name: 'office',
    links: ['dsl', 'lte'],
    demand: { direction: 'both' },
    ...more,
  } as unknown as TunnelConfig;
  return { config, role: 'initiator', paths };
}

const all = new Set(['dsl', 'lte']);
/** 1000 packets of 1222 bytes are 1250 with their outer headers: 10 Mbit. */
const tenMbit = { txPackets: 1000, txBytes: 1_222_000 };

describe('a load meter', () => {
  it('measures what is on the line since the last time, in the busier direction', () => {
    const meter = new LoadMeter(links);
    meter.measure([tunnel([path(0, 'dsl')])], all, 1_000);
    const received = { rxPackets: 2000, rxBytes: 2_444_000 };
    const busy = [tunnel([path(0, 'dsl', { ...tenMbit, ...received })])];
    assert.equal(meter.measure(busy, all, 3_000)[0]?.loads[0]?.usedBps, 10e6);
    assert.equal(meter.measure(busy, all, 4_000)[0]?.loads[0]?.usedBps, 0);
  });

  it('leaves out what is received where only sending counts', () => {
    const meter = new LoadMeter(links);
    const sending = { demand: { direction: 'sent' } };
    meter.measure([tunnel([path(0, 'dsl')], sending)], all, 1_000);
    const [load] = meter.measure(
      [tunnel([path(0, 'dsl', { rxPackets: 9, rxBytes: 9e6 })], sending)],
      all,
      2_000,
    );
    assert.equal(load?.loads[0]?.usedBps, 0);
  });

  it('counts nothing at its first look, and a path that was laid anew from nought', () => {
    const meter = new LoadMeter(links);
    assert.equal(meter.measure([tunnel([path(0, 'dsl', tenMbit)])], all, 1_000)[0]?.loads[0]?.usedBps, 0);
    const anew = { txPackets: 100, txBytes: 122_200 };
    assert.equal(meter.measure([tunnel([path(0, 'dsl', anew)])], all, 2_000)[0]?.loads[0]?.usedBps, 1e6);
  });

  it("takes the operator's rate for the capacity, otherwise what the link's paths were measured to carry", () => {
    const paths = [
      path(0, 'dsl', { rateBps: 3e6 }),
      path(1, 'lte', { rateBps: 3e6, queueMillis: 4 }),
      path(2, 'lte', { rateBps: 2e6, queueMillis: 9 }),
    ];
    const [load] = new LoadMeter(links).measure([tunnel(paths)], all, 0);
    assert.deepEqual(
      load?.loads.map(({ link, capacityBps, queueMillis }) => [link, capacityBps, queueMillis]),
      [
        ['dsl', 10e6, 0],
        ['lte', 5e6, 9],
      ],
    );
    const [unknown] = new LoadMeter(links).measure([tunnel([path(0, 'lte')])], all, 0);
    assert.equal(unknown?.loads[0]?.capacityBps, undefined);
  });

  it('counts what other tunnels carry over the same link, and no path that does not carry', () => {
    const meter = new LoadMeter(links);
    const pair = (figures: Partial<PathStatus>) => [
      tunnel([path(0, 'dsl', figures), path(1, 'lte', { state: 'down' })]),
      tunnel([path(0, 'dsl', figures)], { name: 'plant' }),
    ];
    meter.measure(pair({}), all, 0);
    const loads = meter.measure(pair(tenMbit), all, 10_000);
    assert.deepEqual(
      loads.map(({ loads: [load, ...others] }) => [load?.usedBps, others.length]),
      [
        [2e6, 0],
        [2e6, 0],
      ],
    );
  });

  it('measures chosen traffic by its own counters, where a tunnel has a choice', () => {
    const meter = new LoadMeter(links);
    const chosen = (sent: number, received: number) => {
      return [{ ...tunnel([path(0, 'dsl')]), chosen: { sent, received } }];
    };
    assert.equal(meter.measure(chosen(5_000, 0), all, 1_000)[0]?.chosenBps, 0);
    assert.equal(meter.measure(chosen(5_000, 125_000), all, 2_000)[0]?.chosenBps, 1e6);
    assert.equal(meter.measure(chosen(0, 1_250), all, 3_000)[0]?.chosenBps, 10_000, 'counters made anew');
    assert.equal(meter.measure([tunnel([path(0, 'dsl')])], all, 4_000)[0]?.chosenBps, undefined);
  });

  it('holds a tunnel for cut that carries nothing; one that waits for its peer, when it has no link', () => {
    const isCut = (role: 'initiator' | 'responder', usable: string[]) => {
      const dead = { ...tunnel([path(0, 'dsl', { state: 'down' })]), role };
      return new LoadMeter(links).measure([dead], new Set(usable), 0)[0]?.isCut;
    };
    assert.equal(isCut('initiator', ['dsl']), true);
    assert.equal(isCut('responder', ['dsl']), false);
    assert.equal(isCut('responder', []), true);
  });
});
