/** `backstay doctor`: whether this machine has what a gateway needs, and what to do about what it lacks. */

import { exitStatus } from '../../errors.ts';
import { plural } from '../../journal/quantity.ts';
import { loadConfigFile } from '../../linux/config-file.ts';
import type { Check } from '../../linux/doctor/check.ts';
import { type DoctorReport, runDoctor } from '../../linux/doctor/run-doctor.ts';
import type { Palette, Terminal } from '../terminal.ts';

/** Returns the exit status: 1 when something will not work; a warning alone is no failure. */
export async function examine(
  options: { config?: string; json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const config = options.config === undefined ? undefined : loadConfigFile(options.config);
  const report = await runDoctor(config);
  terminal.out(
    options.json ? `${JSON.stringify(report, undefined, 2)}\n` : formatReport(report, terminal.palette),
  );
  return report.worst === 'problem' ? exitStatus.failure : 0;
}

/** One line per check, the remedy below it, and the sums. */
export function formatReport({ checks }: DoctorReport, palette: Palette): string {
  const nameWidth = Math.max(...checks.map((check) => check.name.length));
  const lines = checks.map((check) => formatCheck(check, nameWidth, palette));
  const count = (status: Check['status']) => checks.filter((check) => check.status === status).length;
  const sums = `${plural(count('problem'), 'problem')}, ${plural(count('warning'), 'warning')}, ${count('ok')} ok`;
  return `${lines.join('')}\n${sums}\n`;
}

function formatCheck(check: Check, nameWidth: number, palette: Palette): string {
  const paint = { ok: palette.good, warning: palette.warn, problem: palette.bad }[check.status];
  const line = `${paint(check.status.padEnd(7))}  ${check.name.padEnd(nameWidth)}  ${check.found}\n`;
  if (check.remedy === undefined) return line;
  return `${line}${' '.repeat(nameWidth + 11)}${palette.strong('to do:')} ${check.remedy}\n`;
}
