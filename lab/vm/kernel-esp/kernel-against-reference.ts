/**
 * The kernel and the reference implementation speak ESP in UDP with each other: inner IPv4 and IPv6, every padding,
 * both directions across the border of 32 bits, dummy packets; and the kernel's counters are seen to notice damage.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { run, runSync } from '../../command.ts';
import { nextHeaders, sealEsp } from '../../esp-reference.ts';
import { Lab } from '../../lab.ts';
import { Namespace } from '../../namespace.ts';
import { formatCorpus } from './corpus.ts';
import { associationRefusals, noRefusals, openKernelEnd, refusals } from './kernel-end.ts';
import { ReferenceEnd } from './reference-end.ts';
import { association, beforeBorder, type Family, inner, outer, ping } from './scenario.ts';

const fromKernel = association('kernel to reference', 0x3000_0003, beforeBorder);
const toKernel = association('reference to kernel', 0x4000_0004, beforeBorder);
export const referenceAssociations = [fromKernel, toKernel];

export async function kernelAgainstReference(family: Family, output: string): Promise<void> {
  await using lab = await Lab.open('esp');
  const kernel = await Namespace.create(lab, 'kernel');
  const { left, right, length } = outer[family];
  await connectToThisNamespace(lab, kernel, `${left}/${length}`, `${right}/${length}`);
  await openKernelEnd(kernel, {
    interface: 'wan',
    ...{ local: left, remote: right, inner: inner.left, remoteInner: inner.right },
    ...{ send: fromKernel, receive: toKernel },
  });
  const capture = await kernel.spawn('tcpdump', [
    '-i',
    'wan',
    '-U',
    '--immediate-mode',
    '-w',
    join(output, `${family}.pcap`),
    'udp',
  ]);
  await capture.waitFor(/listening on/);
  const reference = await ReferenceEnd.open({
    local: right,
    remote: left,
    send: toKernel,
    receive: fromKernel,
  });
  try {
    await exchange(kernel, reference);
    await sendDummies(kernel, reference);
    await capture.stop();
    await sendDamaged(kernel, reference);
    const recorded = formatCorpus(
      `Linux ${release()}, ESP in UDP over ${family}`,
      fromKernel,
      reference.received,
    );
    await writeFile(join(output, `${family}.json`), recorded);
  } finally {
    reference.close();
  }
}

/** The reference has no IP stack of its own and listens where this program runs. */
async function connectToThisNamespace(
  lab: Lab,
  kernel: Namespace,
  there: string,
  here: string,
): Promise<void> {
  await run('ip', `link add bs-wan type veth peer name wan netns ${kernel.name}`.split(' '));
  lab.onRemoval({
    gracefully: async () => void (await run('ip', ['link', 'del', 'bs-wan'])),
    now: () => void runSync('ip', ['link', 'del', 'bs-wan']),
  });
  await run('ip', ['link', 'set', 'bs-wan', 'up']);
  await kernel.ip('link set wan up');
  await kernel.addAddresses('wan', there);
  const nodad = here.includes(':') ? ['nodad'] : [];
  await run('ip', ['address', 'add', here, 'dev', 'bs-wan', ...nodad]);
}

async function exchange(kernel: Namespace, reference: ReferenceEnd): Promise<void> {
  // Four sizes in a row meet every length of padding.
  for (const size of [16, 17, 18, 19, 1201]) {
    await Promise.all([
      ping(kernel, inner.left.ipv4, inner.right.ipv4, size),
      ping(kernel, inner.left.ipv6, inner.right.ipv6, size),
    ]);
  }
  assert.deepEqual(await refusals(kernel), {});
  const invalid = reference.received.filter(({ opened }) => !opened.valid);
  assert.deepEqual(invalid, []);
  const sequences = reference.received.map(({ opened }) => (opened.valid ? opened.sequence : 0n));
  assert.equal(sequences[0], beforeBorder + 1n);
  assert.equal(sequences.at(-1), beforeBorder + BigInt(sequences.length));
  assert.ok(reference.lastSent > 1n << 32n, 'the reference crossed the border too');
}

/**
 * RFC 4303, 2.6: dummy packets (next header 59) are discarded; Backstay's probes travel in them. Linux 6.1 discards
 * them under XfrmInStateProtoError, but blames neither tag nor number, and takes what follows. (Over IPv6 it drops ESP
 * packets of less than 40 octets in UDP before it counts anything; only dummies can be that short.)
 */
async function sendDummies(kernel: Namespace, reference: ReferenceEnd): Promise<void> {
  const lengths = [8, 9, 64, 1400];
  for (const length of lengths) reference.send(nextHeaders.none, Buffer.alloc(length, 0xa5));
  await ping(kernel, inner.left.ipv4, inner.right.ipv4, 56);
  assert.deepEqual(await refusals(kernel), { XfrmInStateProtoError: lengths.length });
  assert.deepEqual(await associationRefusals(kernel), noRefusals);
}

/** The judge is awake: a wrong tag and a repeated packet each move their counter. */
async function sendDamaged(kernel: Namespace, reference: ReferenceEnd): Promise<void> {
  const content = { sequence: reference.lastSent, nextHeader: nextHeaders.ipv4, payload: Buffer.alloc(40) };
  reference.sendRaw(sealEsp(toKernel, content));
  const packet = sealEsp(toKernel, { ...content, sequence: reference.lastSent + 1n });
  packet[packet.length - 1] = (packet[packet.length - 1] ?? 0) ^ 1;
  reference.sendRaw(packet);
  await ping(kernel, inner.left.ipv6, inner.right.ipv6, 56);
  assert.deepEqual(await associationRefusals(kernel), { outsideWindow: 0, replayed: 1, wrongTag: 1 });
}
