/**
 * The kernel's own ESP as the judge of the wire format, in a virtual machine; see kernel-esp/ for the scenarios.
 *
 * With BACKSTAY_RECORD=1 what the kernel sealed in this run becomes the corpus under test/corpus/kernel-esp.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DissectedPacket, dissect } from '../dissect.ts';
import { type EspKeys, nextHeaders } from '../esp-reference.ts';
import { parseCorpus } from './kernel-esp/corpus.ts';
import { backstayAssociations } from './kernel-esp/kernel-against-backstay.ts';
import { referenceAssociations } from './kernel-esp/kernel-against-reference.ts';
import type { ScenarioReport } from './kernel-esp/scenario.ts';
import { runInVm } from './machine.ts';

/** Some 30 s on an idle machine of two cores; beside other tests it may take several times as long. */
const timeoutMillis = 300_000;
/**
 * All that the scenarios use. `ansi_cprng` serves the random salt of the kernel's IVs: the generator that the kernel
 * would load by itself gathers timing noise for seconds on the emulated processor.
 */
const modules = [
  'ansi_cprng',
  'ctr',
  'gcm',
  'ghash_generic',
  'seqiv',
  'esp4',
  'esp6',
  'xfrm_user',
  'tun',
  'veth',
];
const families = ['ipv4', 'ipv6'] as const;

test('Debian’s kernel speaks the same ESP as the reference, and tshark reads it', async (context) => {
  const file = await judge(context, 'reference', 4);
  for (const family of families) {
    await context.test(`tshark reads what they said over ${family}`, async () => {
      const packets = await readCleanly(file(`${family}.pcap`), referenceAssociations);
      assertVariety(packets, /esp:ip:icmp/, /esp:ipv6:icmpv6/);
    });
    await context.test(`what the kernel sealed over ${family} is recorded`, async () => {
      const recorded = file(`${family}.json`);
      assert.ok(parseCorpus(recorded.toString()).packets.length > 30);
      if (process.env['BACKSTAY_RECORD'] === '1') await writeFile(corpusFile(family), recorded);
    });
  }
});

test('Debian’s kernel speaks the same ESP as Backstay, and tshark reads it', async (context) => {
  const file = await judge(context, 'backstay', 2);
  for (const family of families) {
    await context.test(`tshark reads what they said over ${family}`, async () => {
      const packets = await readCleanly(file(`${family}.pcap`), backstayAssociations);
      assertVariety(packets, /esp:ip:icmp/, /esp:ipv6:icmpv6/, /esp:ip:tcp/, /esp:ipv6:tcp/, /esp:ip:udp/);
    });
  }
});

/** Runs the scenarios against the other end, each a test of its own. @returns a way to the files that they left */
async function judge(context: TestContext, other: string, scenarios: number) {
  const guest = new URL('kernel-esp-guest.ts', import.meta.url).pathname;
  const command = [process.execPath, '--no-wasm-dynamic-tiering', guest, other];
  const vm = await runInVm({ command, modules, loadOnDemand: false, timeoutMillis });
  context.diagnostic(`from start to power-off ${vm.elapsedMillis} ms`);
  assert.equal(vm.exitStatus, 0, vm.stderr);
  const file = (name: string) => vm.files.get(name) ?? assert.fail(`${name} is missing\n${vm.stderr}`);
  const reports: ScenarioReport[] = JSON.parse(file('report.json').toString());
  assert.equal(reports.length, scenarios);
  for (const { name, elapsedMillis, error } of reports) {
    context.diagnostic(`${name}: ${elapsedMillis} ms`);
    await context.test(name, () => assert.equal(error, undefined));
  }
  return file;
}

async function readCleanly(pcap: Buffer, keys: readonly EspKeys[]): Promise<readonly DissectedPacket[]> {
  const directory = await mkdtemp(join(tmpdir(), 'backstay-pcap-'));
  try {
    const path = join(directory, 'capture.pcap');
    await writeFile(path, pcap);
    const { packets, complaints } = await dissect(path, keys);
    assert.deepEqual(complaints, []);
    return packets;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function assertVariety(packets: readonly DissectedPacket[], ...layers: RegExp[]): void {
  const seen = new Set(packets.map(({ opened }) => (opened.valid ? opened.nextHeader : -1)));
  assert.deepEqual([...seen].sort(), [nextHeaders.ipv4, nextHeaders.ipv6, nextHeaders.none]);
  const all = packets.map((packet) => packet.layers).join('\n');
  for (const expected of layers) assert.match(all, expected);
}

function corpusFile(family: string): URL {
  return new URL(`../../test/corpus/kernel-esp/${family}.json`, import.meta.url);
}
