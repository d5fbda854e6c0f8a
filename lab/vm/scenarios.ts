/**
 * Scenarios that follow each other inside the virtual machine, and what became of them.
 *
 * Contract: each begins with what the one before has left; one that fails does not keep the next from being played. `write` leaves
 * `report.json`, one entry per scenario, for the test outside (`scenario-reports.ts`).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScenarioReport } from './kernel-esp/scenario.ts';

export class Scenarios {
  readonly #directory: string;
  readonly #reports: ScenarioReport[] = [];

  constructor() {
    const directory = process.env['BACKSTAY_VM_OUTPUT'];
    if (directory === undefined)
      throw new Error('this program runs inside the virtual machine of lab/vm/machine.ts');
    this.#directory = directory;
  }

  async play(name: string, scenario: () => Promise<void>): Promise<void> {
    const started = performance.now();
    const error = await scenario().then(
      () => undefined,
      (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
    );
    const elapsedMillis = Math.round(performance.now() - started);
    console.error(`${name}: ${error ?? 'passed'} (${elapsedMillis} ms)`);
    this.#reports.push({ name, elapsedMillis, ...(error === undefined ? {} : { error }) });
  }

  async write(): Promise<void> {
    await writeFile(join(this.#directory, 'report.json'), JSON.stringify(this.#reports));
  }
}
