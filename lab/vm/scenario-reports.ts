/** Plays a program's scenarios in the virtual machine and makes a test of each; the program's side is `scenarios.ts`. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ScenarioReport } from './kernel-esp/scenario.ts';
import { runInVm } from './machine.ts';

/** A dial takes seconds on an emulated processor, and the real one may have other work. */
const TIMEOUT_MILLIS = 600_000;
/** For a modem line, tunnels and nftables. */
const modules = ['ppp_generic', 'ppp_async', 'tun', 'veth', 'nf_tables'];

/** As `bin/backstay` starts it: V8 falls over its own stack now and then when it compiles WebAssembly again, and emulated more often. */
const steady = ['--no-wasm-dynamic-tiering'];

/** @param program in this directory. @param scenarios how many it plays */
export async function playInVm(context: TestContext, program: string, scenarios: number): Promise<void> {
  const guest = new URL(program, import.meta.url).pathname;
  const command = [process.execPath, ...steady, guest];
  const vm = await runInVm({ command, modules, timeoutMillis: TIMEOUT_MILLIS, memoryMb: 2048 });
  context.diagnostic(`from start to power-off ${vm.elapsedMillis} ms`);
  const file = vm.files.get('report.json') ?? assert.fail(`there is no report\n${vm.stdout}\n${vm.stderr}`);
  const reports: ScenarioReport[] = JSON.parse(file.toString());
  assert.equal(reports.length, scenarios);
  for (const { name, elapsedMillis, error } of reports) {
    context.diagnostic(`${name}: ${elapsedMillis} ms`);
    await context.test(name, () => assert.equal(error, undefined));
  }
  assert.equal(vm.exitStatus, 0, vm.stderr);
}
