/**
 * The kernel and Backstay's packet path speak ESP in UDP with each other: pings of every padding, TCP in both
 * directions (large reads cut into segments, merged receiving), UDP, and the kernel's numbers across the border of 32 bits.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Lab } from '../../lab.ts';
import { connect, Namespace } from '../../namespace.ts';
import { type BackstayCounters, BackstayEnd } from './backstay-end.ts';
import { associationRefusals, noRefusals, openKernelEnd, refusals, renumber } from './kernel-end.ts';
import { association, beforeBorder, type Family, inner, outer, ping } from './scenario.ts';

/**
 * The first number must lie further than the receiver's window below the border: nearer to it, it would look like a
 * number from before the very first (RFC 4303, A2.2).
 */
const fromKernel = association('kernel to Backstay', 0x5000_0005, (1n << 32n) - 1_000_000n);
const toKernel = association('Backstay to kernel', 0x6000_0006, 0n);
export const backstayAssociations = [fromKernel, toKernel];

/** Some hundred segments: enough for large reads and merged receiving, little enough for an emulated processor. */
const transferBytes = 600_000;

export async function kernelAgainstBackstay(family: Family, output: string): Promise<void> {
  await using lab = await Lab.open('esp');
  const { left, right, length } = outer[family];
  const kernel = await Namespace.create(lab, 'kernel');
  const gateway = await Namespace.create(lab, 'backstay');
  await connect({ namespace: kernel, name: 'wan' }, { namespace: gateway, name: 'wan' });
  await kernel.addAddresses('wan', `${left}/${length}`);
  await gateway.addAddresses('wan', `${right}/${length}`);
  // The capture should show datagrams as a wire would: bursts are cut apart behind the socket.
  await gateway.run('ethtool', ['-K', 'wan', 'tx-udp-segmentation', 'off']);
  const kernelEnd = {
    interface: 'wan',
    ...{ local: left, remote: right, inner: inner.left, remoteInner: inner.right },
    ...{ send: fromKernel, receive: toKernel },
  };
  await openKernelEnd(kernel, kernelEnd);
  const backstay = await BackstayEnd.open(gateway, {
    interface: 'wan',
    ...{ local: right, remote: left, inner: inner.right, remoteInner: inner.left },
    ...{ send: toKernel, receive: fromKernel },
  });
  const file = join(output, `${family}.pcap`);
  const capture = await kernel.spawn('tcpdump', ['-i', 'wan', '-U', '--immediate-mode', '-w', file, 'udp']);
  await capture.waitFor(/listening on/);
  await pings(kernel, [16, 17, 18, 19]);
  await kernel.ip(...renumber(kernelEnd, beforeBorder));
  await pings(kernel, [56, 1201]);
  await transfer(kernel, gateway, inner.right.ipv4, ['-n', String(transferBytes)]);
  await transfer(kernel, gateway, inner.right.ipv6, ['-n', String(transferBytes), '-R']);
  await transfer(kernel, gateway, inner.right.ipv4, ['-u', '-b', '10M', '-l', '1000', '-n', '50K', '-R']);
  await capture.stop();
  await assertClean(kernel, await backstay.finish());
}

async function pings(kernel: Namespace, sizes: readonly number[]): Promise<void> {
  for (const size of sizes) {
    await Promise.all([
      ping(kernel, inner.left.ipv4, inner.right.ipv4, size),
      ping(kernel, inner.left.ipv6, inner.right.ipv6, size),
    ]);
  }
}

/**
 * iperf3 ends with an error when a connection breaks; damaged segments would never be acknowledged. What it counts as
 * received lacks what is under way when the sender is done.
 */
async function transfer(from: Namespace, to: Namespace, address: string, bounds: string[]): Promise<void> {
  const server = await to.spawn('iperf3', ['-s', '-1', '--forceflush']);
  await server.waitFor(/Server listening/);
  const { stdout } = await from.run('iperf3', ['-c', address, '-J', ...bounds], { timeoutMillis: 20_000 });
  const { end } = JSON.parse(stdout) as Iperf3Report;
  if (bounds.includes('-u')) assert.equal(end.sum?.lost_packets, 0);
  else assert.ok((end.sum_received?.bytes ?? 0) > transferBytes / 2);
  await server.exited;
}

type Iperf3Report = {
  readonly end: {
    readonly sum?: { readonly lost_packets: number };
    readonly sum_received?: { readonly bytes: number };
  };
};

/** Nobody refused anything, but for the reports of Backstay, which the kernel discards as dummies. */
async function assertClean(kernel: Namespace, counters: BackstayCounters): Promise<void> {
  const { XfrmInStateProtoError: discarded = 0, ...others } = await refusals(kernel);
  assert.deepEqual(others, {});
  assert.deepEqual(await associationRefusals(kernel), noRefusals);
  const { tunnel, worker } = counters;
  // One more may have left after the counters were read.
  assert.ok(
    [0, 1].includes(discarded - tunnel.reportsSent),
    `${discarded} of ${tunnel.reportsSent} discarded`,
  );
  const refused = Object.entries({ ...tunnel, ...worker }).filter(
    ([name, value]) => /^(refused|dropped|.*Failed$)/.test(name) && value > 0,
  );
  assert.deepEqual(refused, []);
  // What was under way when iperf3 was done is not among it.
  assert.ok(Math.min(tunnel.innerReceivedBytes, tunnel.innerSentBytes) > transferBytes / 2);
}
