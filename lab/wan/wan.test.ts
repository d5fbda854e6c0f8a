/** The emulator against known figures, with real packets. Bounds are wide enough for a busy machine, medians are used. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Capture } from '../capture.ts';
import { Lab } from '../lab.ts';
import { Namespace } from '../namespace.ts';
import { median, ping, RunningPing } from '../ping.ts';
import { measureThroughput } from '../throughput.ts';
import { type Impairments, unimpaired } from './impairments.ts';
import { Wan } from './wan.ts';

const [addressA, addressB] = ['198.18.0.1', '198.18.0.2'];
const [addressA6, addressB6] = ['2001:db8::1', '2001:db8::2'];

/** Two namespaces joined by one emulated link. */
async function twoEnds(lab: Lab, impairments: Partial<Impairments>, seed?: number) {
  const [a, b] = await Promise.all([Namespace.create(lab, 'a'), Namespace.create(lab, 'b')]);
  const wan = await Wan.open(lab, seed === undefined ? {} : { seed });
  const ends = [
    { namespace: a, name: 'wan0' },
    { namespace: b, name: 'wan0' },
  ] as const;
  const link = await wan.join('link0', ...ends, { ...unimpaired, ...impairments });
  await a.addAddresses('wan0', `${addressA}/24`, `${addressA6}/64`);
  await b.addAddresses('wan0', `${addressB}/24`, `${addressB6}/64`);
  await ping(a, 2, { address: addressB, intervalMillis: 10 }); // Neighbours are known from here on.
  return { a, b, link };
}

function assertNear(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual}, expected ${expected} ± ${tolerance}`,
  );
}

describe('WAN emulator', () => {
  it('carries what the rate allows, TCP and UDP, and no more', async () => {
    await using lab = await Lab.open('wan-rate');
    const { a, b, link } = await twoEnds(lab, { rateMbit: 50, delayMillis: 5 });
    const run = { from: a, to: b, address: addressB };
    const tcp = await measureThroughput({ ...run, seconds: 2, omitSeconds: 1 });
    // A 1500-byte packet carries 1448 bytes of TCP payload.
    assertNear(median(tcp.intervals.map((i) => i.receivedMbit)), (50 * 1448) / 1500, 1.5, 'TCP');
    const udp = await measureThroughput({ ...run, seconds: 2, protocol: 'udp', offeredMbit: 80 });
    // iperf3 sends 1448 bytes in 1476-byte packets. The middle: at both ends an interval is only partly filled.
    assertNear(median(udp.intervals.slice(1, -1).map((i) => i.receivedMbit)), (50 * 1448) / 1476, 1.5, 'UDP');
    const { aToB, bToA } = await link.statistics();
    assert.equal(aToB.missedFrames + bToA.missedFrames, 0);
    assert.ok(aToB.overflowedFrames > 0);
  });

  it('delays each way, in both families', async () => {
    await using lab = await Lab.open('wan-delay');
    const { a, link } = await twoEnds(lab, { delayMillis: 20 });
    for (const address of [addressB, addressB6]) {
      const { medianMillis } = await ping(a, 20, { address, intervalMillis: 20 });
      assertNear(medianMillis, 40, 1, `round trip to ${address}`);
    }
    await link.set({ delayMillis: 5 }, 'bToA');
    const { medianMillis } = await ping(a, 20, { address: addressB, intervalMillis: 20 });
    assertNear(medianMillis, 25, 1, 'round trip with one way changed');
  });

  it('grows the delay by the queue under overload', async () => {
    await using lab = await Lab.open('wan-queue');
    const { a, b } = await twoEnds(lab, { rateMbit: 20, delayMillis: 5, queueMillis: 60 });
    const flood = measureThroughput({
      from: a,
      to: b,
      address: addressB,
      seconds: 2,
      protocol: 'udp',
      offeredMbit: 30,
    });
    await sleep(700);
    // Small packets find room where a full-size one did not, so some echoes come through a full queue.
    const { medianMillis } = await ping(a, 40, { address: addressB, intervalMillis: 20, payloadBytes: 16 });
    await flood;
    assertNear(medianMillis, 10 + 60, 3, 'round trip with a full queue');
  });

  it('loses the share that was asked for, one way only', async () => {
    await using lab = await Lab.open('wan-loss');
    const { a, link } = await twoEnds(lab, {}, 7);
    await link.set({ lossPercent: 10 }, 'aToB');
    const before = (await link.statistics()).aToB;
    const { received, sent } = await ping(a, 1000, { address: addressB, intervalMillis: 2 });
    const { aToB, bToA } = await link.statistics();
    assert.equal(sent, 1000);
    // 100 ± 4 standard deviations of 9.5.
    assertNear(aToB.lostFrames - before.lostFrames, 100, 38, 'lost frames');
    assertNear(received, 900, 38, 'echoes that came back');
    assert.equal(bToA.lostFrames, 0);
  });

  it('is a black hole from one moment to the other, silently, and opens again', async () => {
    await using lab = await Lab.open('wan-hole');
    const { a, b, link } = await twoEnds(lab, { delayMillis: 2 });
    const running = await RunningPing.start(a, { address: addressB, intervalMillis: 20 });
    await sleep(300);
    await link.set({ blackHole: true });
    await sleep(500);
    assert.match((await b.run('ip', ['link', 'show', 'wan0'])).stdout, /LOWER_UP/);
    await link.set({ blackHole: false });
    await sleep(300);
    const { longestOutageMillis, lossPercent, replies } = await running.finish();
    assertNear(longestOutageMillis, 500, 250, 'outage');
    assert.ok(lossPercent > 0);
    assert.ok(replies.at(-1)!.millis < 50);
    assert.ok((await link.statistics()).aToB.swallowedFrames >= 15);
  });

  it('blocks one protocol and carries the others', async () => {
    await using lab = await Lab.open('wan-block');
    const { a, b, link } = await twoEnds(lab, { blocked: ['udp'] });
    const run = { from: a, to: b, address: addressB6, seconds: 1 } as const;
    assert.ok((await measureThroughput({ ...run, offeredMbit: 10 })).receivedMbit > 5);
    assert.equal((await ping(a, 3, { address: addressB6 })).received, 3);
    const before = (await link.statistics()).aToB.swallowedFrames;
    await a.run('bash', ['-c', `echo datagram > /dev/udp/${addressB}/9`]);
    await sleep(20);
    assert.equal((await link.statistics()).aToB.swallowedFrames, before + 1);
    await link.set({ blocked: ['icmp'], mtu: 600 });
    assert.equal((await ping(a, 3, { address: addressB6 })).received, 0);
    await link.set({ blocked: [] });
    assert.equal((await ping(a, 3, { address: addressB, payloadBytes: 572 })).received, 3);
    assert.equal((await ping(a, 3, { address: addressB, payloadBytes: 573 })).received, 0);
  });

  it('keeps the order, and duplicates, damages and reorders when told to', async () => {
    await using lab = await Lab.open('wan-order');
    const { a, b, link } = await twoEnds(lab, { rateMbit: 100, delayMillis: 5, jitterMillis: 3 });
    const kept = await arrivalsOf(a, b, 100);
    assert.equal(kept.length, 100);
    assert.deepEqual(
      kept,
      kept.toSorted((x, y) => x - y),
    );

    await link.set({ jitterMillis: 0, reorderPercent: 10, reorderMillis: 30 }, 'aToB');
    const reordered = await arrivalsOf(a, b, 100);
    assert.equal(reordered.length, 100);
    assert.notDeepEqual(
      reordered,
      reordered.toSorted((x, y) => x - y),
    );

    await link.set({ reorderPercent: 0, duplicatePercent: 100 }, 'aToB');
    assert.equal((await arrivalsOf(a, b, 50)).length, 100);

    await link.set({ duplicatePercent: 0, corruptPercent: 100 }, 'aToB');
    assert.equal((await ping(a, 5, { address: addressB, intervalMillis: 20 })).received, 0);
  });

  it('goes on after an interface was deleted and made again', async () => {
    await using lab = await Lab.open('wan-repair');
    const { a, link } = await twoEnds(lab, {});
    await a.ip('link delete wan0');
    assert.equal((await link.statistics()).aToB.missedFrames, 0);
    await link.repair();
    await a.addAddresses('wan0', `${addressA}/24`);
    assert.equal((await ping(a, 3, { address: addressB })).received, 3);
    await a.ip('link set wan0 down', 'link set wan0 up');
    assert.equal((await ping(a, 3, { address: addressB })).received, 3);
  });

  it('says what is wrong with a request and goes on', async () => {
    await using lab = await Lab.open('wan-error');
    const namespace = await Namespace.create(lab, 'a');
    const wan = await Wan.open(lab);
    await assert.rejects(wan.ask({ operation: 'statistics', link: 'none' }), /no link none/);
    const end = { namespace, name: 'x0' };
    await wan.join('x', end, { namespace, name: 'x1' }, unimpaired);
    await assert.rejects(
      wan.ask({ operation: 'join', link: 'x', a: '', b: '', impairments: unimpaired, seed: 1 }),
    );
  });
});

/** Sends echo requests 5 ms apart. @returns their sequence numbers as they came in at the far end */
async function arrivalsOf(a: Namespace, b: Namespace, count: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bs-wan-test-'));
  try {
    const file = join(folder, 'arrivals.pcap');
    const filter = 'icmp[icmptype] == icmp-echo';
    const capture = await Capture.start(b, { interfaceName: 'wan0', file, filter });
    await ping(a, count, { address: addressB, intervalMillis: 5 });
    await capture.stop();
    return sequenceNumbers(readFileSync(file)).filter((sequence) => sequence <= count);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Of the echo requests in a little-endian pcap file of Ethernet frames. */
function sequenceNumbers(pcap: Buffer): number[] {
  const found: number[] = [];
  for (let at = 24; at < pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    found.push(pcap.readUInt16BE(at + 16 + 14 + 20 + 6));
    at += 16 + length;
  }
  return found;
}
