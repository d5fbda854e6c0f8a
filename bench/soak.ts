/**
 * `./run bench soak`: both daemons under load for minutes, and whether their memory stays flat.
 *
 * What is measured and how to read it: docs/benchmarks.md. Exit status 1 when memory grew, a daemon ended or a stream broke.
 */
import { Lab } from '../lab/lab.ts';
import { thisMachine } from './report/machine.ts';
import { saveReport } from './report/save.ts';
import { readWords } from './report/words.ts';
import { composeSoakReport, soakMarkdown } from './soak/report.ts';
import { runSoak, type SoakSample } from './soak/run-soak.ts';

const usage = `usage: ./run bench soak [OPTION...]

  --minutes N      how long (default 10)
  --mbit N         of each of the two streams (default: as fast as they go)
  --rekey TIME     how often there are new keys (default 30s)
`;

const words = readWords(usage, { minutes: 'number', mbit: 'number', rekey: 'text' });
const settings = { minutes: words.minutes ?? 10, mbit: words.mbit ?? 0, rekeyAfter: words.rekey ?? '30s' };

await using lab = await Lab.open('soak');
const outcome = await runSoak(lab, settings, show);
const report = composeSoakReport(outcome, {
  date: new Date().toISOString(),
  machine: thisMachine(),
  settings,
});
const markdown = soakMarkdown(report);
console.log(markdown);
for (const line of outcome.load.brokenStreams) console.log(line);
saveReport(report, markdown, words);
process.exitCode = report.kept ? 0 : 1;

function show({ atMillis, a, b }: SoakSample): void {
  const mebibytes = (bytes: number) => `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  console.error(
    `${(atMillis / 1000).toFixed(0).padStart(5)} s  A ${mebibytes(a.resident)}  B ${mebibytes(b.resident)}`,
  );
}
