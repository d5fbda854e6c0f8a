/**
 * `./run bench hub`: many sites call one centre; what each of them costs it.
 *
 * What is measured and how to read it: docs/benchmarks.md. Exit status 1 when a target was missed.
 */
import { Lab } from '../lab/lab.ts';
import { composeHubReport, hubMarkdown } from './hub/report.ts';
import { runHub } from './hub/run-hub.ts';
import { thisMachine } from './report/machine.ts';
import { saveReport } from './report/save.ts';
import { readWords } from './report/words.ts';

const usage = `usage: ./run bench hub [OPTION...]

  --tunnels N      tunnels at the centre (default 500)
  --rounds N       pairs of a centre with one tunnel and one with all (default 3)
  --seconds N      length of each measured stream (default 5)
`;

const words = readWords(usage, { tunnels: 'number', rounds: 'number', seconds: 'number' });
const settings = {
  tunnels: Math.max(2, Math.ceil(words.tunnels ?? 500)),
  rounds: Math.ceil(words.rounds ?? 3),
  seconds: Math.ceil(words.seconds ?? 5),
};

await using lab = await Lab.open('hub');
const outcome = await runHub(lab, settings, (line) => console.error(line));
const report = composeHubReport(outcome, {
  date: new Date().toISOString(),
  machine: thisMachine(),
  settings,
});
const markdown = hubMarkdown(report);
console.log(markdown);
saveReport(report, markdown, words);
process.exitCode = report.verdicts.every(({ kept }) => kept) ? 0 : 1;
