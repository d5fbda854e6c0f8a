/** Which test files there are, by level: what they need, and how many of them can run at once. */

import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { root } from './root.ts';

export type Level = {
  readonly name: string;
  readonly files: readonly string[];
  readonly concurrency: number;
  /** For one file; after that it hangs. */
  readonly timeoutMillis: number;
  /** Whether a file that failed may show once more, alone, what it can do. */
  readonly asksAgain: boolean;
};

const minuteMillis = 60_000;

/**
 * Tests of the laboratory that wait for timers most of the time, and whose bounds leave room for neighbours: three of them
 * run side by side. The longest come first, so that none is left over.
 */
const patient = [
  'on-demand',
  'internet-obstacles',
  'internet-faults',
  'internet',
  'internet-shares',
  'link-authentication',
  'tcp-encapsulation',
  'alarms',
  'path-mtu',
  'flapping',
  'behind-nat',
  'carries',
  'link-probes',
  'seed-rounds',
  'tunnel-target',
  'rekey',
  'refusals',
  'filters',
  'restart',
  'network-changes',
  'own-way-out',
  'wrong-peers',
  'centre',
  'centre-behind-nat',
  'filters-between',
  'wire',
].map((name) => `lab/gateway/${name}.test.ts`);

/** Paths are relative to the project's directory and contain `pattern`. */
export function testLevels(pattern = ''): readonly Level[] {
  const find = (globs: string[], exclude: string[] = []) =>
    globSync(globs, { cwd: root, exclude })
      .filter((file) => file.includes(pattern))
      .sort();
  const machine = 'src/linux/**/*.test.ts';
  const lab = find(['lab/**/*.test.ts'], ['lab/vm/**']);
  const unit = {
    name: 'unit',
    concurrency: availableParallelism(),
    timeoutMillis: 2 * minuteMillis,
  };
  return [
    { ...unit, files: find(['{src,test,scripts,bench,sim,web}/**/*.test.ts'], [machine]), asksAgain: false },
    // This machine's kernel and its timers.
    { ...unit, files: find([machine]), asksAgain: true },
    // Real time and real packets: a neighbour on the same processor is measured too.
    {
      name: 'lab',
      files: lab.filter((file) => !patient.includes(file)),
      concurrency: 1,
      timeoutMillis: 10 * minuteMillis,
      asksAgain: true,
    },
    {
      name: 'lab',
      files: patient.filter((file) => lab.includes(file)),
      concurrency: 3,
      timeoutMillis: 10 * minuteMillis,
      asksAgain: true,
    },
    // An emulated processor keeps both real ones busy.
    {
      name: 'vm',
      files: find(['lab/vm/**/*.test.ts']),
      concurrency: 1,
      timeoutMillis: 15 * minuteMillis,
      asksAgain: true,
    },
  ];
}
