/**
 * Runs inside the virtual machine: the kernel's own ESP against itself and against the reference implementation.
 *
 * Contract: leaves `report.json` (one entry per scenario, with the error of those that failed), and per outer family
 * `FAMILY.pcap` (the kernel's outer interface) and `FAMILY.json` (what the kernel sealed: the corpus).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelAgainstKernel } from './kernel-esp/kernel-against-kernel.ts';
import { kernelAgainstReference } from './kernel-esp/kernel-against-reference.ts';
import type { ScenarioReport } from './kernel-esp/scenario.ts';

const output = process.env['BACKSTAY_VM_OUTPUT'];
if (output === undefined)
  throw new Error('this program runs inside the virtual machine of lab/vm/machine.ts');

const report: ScenarioReport[] = [];
for (const family of ['ipv4', 'ipv6'] as const) {
  report.push(await scenario(`kernel and kernel over ${family}`, () => kernelAgainstKernel(family)));
  report.push(
    await scenario(`kernel and reference over ${family}`, () => kernelAgainstReference(family, output)),
  );
}
await writeFile(join(output, 'report.json'), JSON.stringify(report));

async function scenario(name: string, run: () => Promise<void>): Promise<ScenarioReport> {
  const started = performance.now();
  const error = await run().then(
    () => undefined,
    (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
  );
  console.error(`${name}: ${error ?? 'passed'}`);
  const elapsedMillis = Math.round(performance.now() - started);
  return { name, elapsedMillis, ...(error === undefined ? {} : { error }) };
}
