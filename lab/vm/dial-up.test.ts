/** A modem, real pppd and chat on both sides, Debian's kernel, and the daemon that dials (S1.4); see dial-up-guest.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScenarioReport } from './kernel-esp/scenario.ts';
import { runInVm } from './machine.ts';

/** Less than four minutes on two cores that have other work as well. */
const timeoutMillis = 600_000;
const modules = ['ppp_generic', 'ppp_async', 'tun', 'veth', 'nf_tables'];
const SCENARIOS = 10;

test('the daemon dials by a real modem line, pppd and chat', async (context) => {
  const guest = new URL('dial-up-guest.ts', import.meta.url).pathname;
  const vm = await runInVm({ command: [process.execPath, guest], modules, timeoutMillis, memoryMb: 2048 });
  context.diagnostic(`from start to power-off ${vm.elapsedMillis} ms`);
  const file = vm.files.get('report.json') ?? assert.fail(`there is no report\n${vm.stdout}\n${vm.stderr}`);
  const reports: ScenarioReport[] = JSON.parse(file.toString());
  assert.equal(reports.length, SCENARIOS);
  for (const { name, elapsedMillis, error } of reports) {
    context.diagnostic(`${name}: ${elapsedMillis} ms`);
    await context.test(name, () => assert.equal(error, undefined));
  }
  assert.equal(vm.exitStatus, 0, vm.stderr);
});
