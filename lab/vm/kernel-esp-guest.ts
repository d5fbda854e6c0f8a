/**
 * Runs inside the virtual machine: the kernel's own ESP against the end that is named by the argument, `reference`
 * (and against itself) or `backstay`.
 *
 * Contract: leaves `report.json` (one entry per scenario, with the error of those that failed) and per outer family
 * `FAMILY.pcap` (the kernel's outer interface); with the reference also `FAMILY.json` (what the kernel sealed).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScenarioReport } from './kernel-esp/scenario.ts';

const output = process.env['BACKSTAY_VM_OUTPUT'];
if (output === undefined)
  throw new Error('this program runs inside the virtual machine of lab/vm/machine.ts');

const report: ScenarioReport[] = [];
if (process.argv[2] === 'backstay') await judgeBackstay(output);
else await judgeReference(output);
await writeFile(join(output, 'report.json'), JSON.stringify(report));

/** Each loads only what it needs: the emulated processor is slow, and one must not fail for the other. */
async function judgeBackstay(output: string): Promise<void> {
  const { kernelAgainstBackstay } = await import('./kernel-esp/kernel-against-backstay.ts');
  for (const family of ['ipv4', 'ipv6'] as const) {
    await scenario(`kernel and Backstay over ${family}`, () => kernelAgainstBackstay(family, output));
  }
}

async function judgeReference(output: string): Promise<void> {
  const { kernelAgainstKernel } = await import('./kernel-esp/kernel-against-kernel.ts');
  const { kernelAgainstReference } = await import('./kernel-esp/kernel-against-reference.ts');
  for (const family of ['ipv4', 'ipv6'] as const) {
    await scenario(`kernel and kernel over ${family}`, () => kernelAgainstKernel(family));
    await scenario(`kernel and reference over ${family}`, () => kernelAgainstReference(family, output));
  }
}

async function scenario(name: string, run: () => Promise<void>): Promise<void> {
  const started = performance.now();
  const error = await run().then(
    () => undefined,
    (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
  );
  const elapsedMillis = Math.round(performance.now() - started);
  // Seen by whoever reads the error of a machine that was stopped.
  console.error(`${name}: ${error ?? 'passed'} (${elapsedMillis} ms)`);
  report.push({ name, elapsedMillis, ...(error === undefined ? {} : { error }) });
}
