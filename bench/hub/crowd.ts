/**
 * The crowd of branches as processes that are started, told to dial, and ended.
 *
 * Contract: `open` returns when every process has opened what it needs; nothing is sent before `dial`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from '../../lab/child.ts';
import type { Namespace } from '../../lab/namespace.ts';
import type { CrowdPlan } from './crowd-plan.ts';

const READY_MILLIS = 120_000;

export class Crowd {
  readonly #processes: readonly Child[];

  private constructor(processes: readonly Child[]) {
    this.#processes = processes;
  }

  static async open(namespace: Namespace, directory: string, plans: readonly CrowdPlan[]): Promise<Crowd> {
    const processes = await Promise.all(
      plans.map(async (plan, index) => {
        const path = join(directory, `crowd-${index}.json`);
        writeFileSync(path, JSON.stringify(plan));
        return namespace.spawn(process.execPath, [join(import.meta.dirname, 'crowd-main.ts'), path]);
      }),
    );
    await Promise.all(processes.map((child) => child.waitFor(/ready/, READY_MILLIS)));
    return new Crowd(processes);
  }

  dial(): void {
    for (const child of this.#processes) child.write('go\n');
  }

  async leave(): Promise<void> {
    await Promise.all(this.#processes.map((child) => child.stop()));
  }
}
