/**
 * Where a benchmark's result goes: to the file that was asked for, and with `--save` to bench/results/, from where the
 * documents take their tables.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const results = join(import.meta.dirname, '..', 'results');

export type Outputs = { readonly json?: string | undefined; readonly save?: boolean | undefined };

export function saveReport(report: { readonly benchmark: string }, markdown: string, outputs: Outputs): void {
  const text = `${JSON.stringify(report, undefined, 1)}\n`;
  if (outputs.json !== undefined) writeFileSync(outputs.json, text);
  if (outputs.save !== true) return;
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${report.benchmark}.json`), text);
  writeFileSync(join(results, `${report.benchmark}.md`), markdown);
}
