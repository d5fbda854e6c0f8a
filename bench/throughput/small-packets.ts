/**
 * How many small packets per second get through: UDP datagrams of 64 bytes from host A to host B.
 *
 * The source offers more and more; the answer is the best rate that arrived, at whatever was offered. So a carrier that
 * collapses under overload is measured where it works best. What arrives is counted and thrown away where it comes in
 * at host B, so that no program competes for the processor with what is measured.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostInside } from '../../lab/addressing.ts';
import type { Lab } from '../../lab/lab.ts';
import type { Sites } from '../../lab/sites.ts';
import { hardwareAddress } from '../../lab/traffic/hardware-address.ts';
import { TrafficSource } from '../../lab/traffic/source.ts';
import { udpFrame } from '../../lab/traffic/udp-frame.ts';
import { parseIpAddress } from '../../src/network/ip-address.ts';

const PAYLOAD_BYTES = 64;
/** IPv4 and UDP, as the kernel counts where a frame comes in. */
const HEADER_BYTES = 20 + 8;
const PORT = 9; // discard
const OFFERED = [50_000, 100_000, 200_000, 400_000, 800_000];
const STEP_SECONDS = 1;
/** What is still in queues belongs to the step that sent it. */
const DRAIN_MILLIS = 200;

/** Packets per second that arrived at best. */
export async function measureSmallPackets(lab: Lab, sites: Sites): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'bs-small-packets-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  lab.onRemoval({ gracefully: async () => remove(), now: remove });
  const sink = await openSink(sites);
  const source = await TrafficSource.open(sites.hostA, {
    interfaceName: 'lan0',
    file: join(directory, 'frames'),
    frames: [await smallFrame(sites)],
  });
  try {
    return await climb(source, sink);
  } finally {
    await source.close();
    await sink.close();
    remove();
  }
}

async function climb(source: TrafficSource, sink: Sink): Promise<number> {
  let best = 0;
  for (const offered of OFFERED) {
    const before = await sink.count();
    const { seconds } = await source.run(offered, STEP_SECONDS);
    await sleep(DRAIN_MILLIS);
    best = Math.max(best, ((await sink.count()) - before) / seconds);
  }
  return best;
}

async function smallFrame(sites: Sites): Promise<Uint8Array> {
  return udpFrame({
    sourceMac: await hardwareAddress(sites.hostA, 'lan0'),
    destinationMac: await hardwareAddress(sites.gatewayA, 'lan0'),
    source: parseIpAddress(hostInside('a').v4)!.bytes,
    destination: parseIpAddress(hostInside('b').v4)!.bytes,
    sourcePort: PORT,
    destinationPort: PORT,
    payload: new Uint8Array(PAYLOAD_BYTES),
  });
}

type Sink = { count(): Promise<number>; close(): Promise<void> };

async function openSink({ hostB }: Sites): Promise<Sink> {
  await hostB.nft(`table netdev sink {
    chain arrivals { type filter hook ingress device "lan0" priority 0; udp dport ${PORT} counter drop; }
  }`);
  return {
    async count() {
      const { stdout } = await hostB.run('nft', ['list', 'chain', 'netdev', 'sink', 'arrivals']);
      const [packets, bytes] = [/counter packets (\d+)/, /bytes (\d+)/].map((pattern) =>
        Number(stdout.match(pattern)?.[1]),
      ) as [number, number];
      // What came merged is one packet to the kernel, with one header.
      return Math.round((bytes - packets * HEADER_BYTES) / PAYLOAD_BYTES);
    },
    async close() {
      await hostB.nft('delete table netdev sink');
    },
  };
}
