/**
 * The kernel's own ESP as the judge of the wire format, in a virtual machine; see kernel-esp/ for the scenarios.
 *
 * With BACKSTAY_RECORD=1 what the kernel sealed in this run becomes the corpus under test/corpus/kernel-esp.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dissect } from '../dissect.ts';
import { nextHeaders } from '../esp-reference.ts';
import { parseCorpus } from './kernel-esp/corpus.ts';
import { fromKernel, toKernel } from './kernel-esp/kernel-against-reference.ts';
import type { ScenarioReport } from './kernel-esp/scenario.ts';
import { runInVm } from './machine.ts';

/** Some 25 s on an idle machine of two cores; a busy one may take three times as long. */
const timeoutMillis = 90_000;

test('Debian’s kernel speaks the same ESP as the reference, and tshark reads it', async (context) => {
  const guest = new URL('kernel-esp-guest.ts', import.meta.url).pathname;
  const vm = await runInVm({ command: [process.execPath, guest], timeoutMillis });
  assert.equal(vm.exitStatus, 0, vm.stderr);
  const file = (name: string) => vm.files.get(name) ?? assert.fail(`${name} is missing\n${vm.stderr}`);
  const reports: ScenarioReport[] = JSON.parse(file('report.json').toString());
  assert.equal(reports.length, 4);
  for (const { name, error } of reports) {
    await context.test(name, () => assert.equal(error, undefined));
  }
  for (const family of ['ipv4', 'ipv6'] as const) {
    await context.test(`tshark reads what they said over ${family}`, () =>
      readsCleanly(file(`${family}.pcap`)),
    );
    await context.test(`what the kernel sealed over ${family} is recorded`, async () => {
      const recorded = file(`${family}.json`);
      assert.ok(parseCorpus(recorded.toString()).packets.length > 30);
      if (process.env['BACKSTAY_RECORD'] === '1') await writeFile(corpusFile(family), recorded);
    });
  }
});

async function readsCleanly(pcap: Buffer): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'backstay-pcap-'));
  try {
    const path = join(directory, 'capture.pcap');
    await writeFile(path, pcap);
    const { packets, complaints } = await dissect(path, [fromKernel, toKernel]);
    assert.deepEqual(complaints, []);
    const seen = new Set(packets.map(({ opened }) => (opened.valid ? opened.nextHeader : undefined)));
    assert.deepEqual([...seen].sort(), [nextHeaders.ipv4, nextHeaders.ipv6, nextHeaders.none]);
    const layers = packets.map((packet) => packet.layers).join('\n');
    assert.match(layers, /udpencap:esp:ip:icmp/);
    assert.match(layers, /udpencap:esp:ipv6:icmpv6/);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function corpusFile(family: string): URL {
  return new URL(`../../test/corpus/kernel-esp/${family}.json`, import.meta.url);
}
