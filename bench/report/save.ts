/**
 * Where a benchmark's result goes: to the file that was asked for, and with `--save` to bench/results/, from where the
 * documents take their tables.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const results = join(import.meta.dirname, '..', 'results');

export type Outputs = { readonly json?: string | undefined; readonly save?: boolean | undefined };

export function saveReport(report: { readonly benchmark: string }, markdown: string, outputs: Outputs): void {
  const text = jsonText(report);
  if (outputs.json !== undefined) writeFileSync(outputs.json, text);
  if (outputs.save !== true) return;
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${report.benchmark}.json`), text);
  writeFileSync(join(results, `${report.benchmark}.md`), markdown);
}

/** Indented, but a row of numbers stays one line: there are hundreds of single values. */
export function jsonText(value: unknown): string {
  // No text in JSON has a line break of its own, so only real rows match.
  const rows = /\[\n[-+\d.eE,\s]+\n\s*\]/g;
  const onOneLine = (row: string) => `[${row.slice(1, -1).trim().replace(/\s+/g, ' ')}]`;
  return `${JSON.stringify(value, undefined, 2).replace(rows, onOneLine)}\n`;
}
