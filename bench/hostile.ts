/**
 * `./run bench hostile`: a tunnel under a stream of hostile datagrams and strangers at its TCP port.
 *
 * What is measured and how to read it: docs/benchmarks.md. Exit status 1 when a promise was not kept.
 */

import { hostileKinds } from '../lab/hostile/hostile-datagrams.ts';
import { Lab } from '../lab/lab.ts';
import { composeHostileReport, hostileMarkdown } from './hostile/report.ts';
import { runHostile } from './hostile/run-hostile.ts';
import { thisMachine } from './report/machine.ts';
import { saveReport } from './report/save.ts';
import { readWords } from './report/words.ts';

const usage = `usage: ./run bench hostile [OPTION...]

  --rate N         hostile datagrams per second (default 50000)
  --seconds N      length of each phase (default 10)
  --rounds N       pairs of phases, quiet and under attack (default 3)
  --kinds A,B      of ${hostileKinds.join(', ')} (default all)
`;

const words = readWords(usage, {
  rate: 'number',
  seconds: 'number',
  rounds: 'number',
  kinds: { someOf: hostileKinds },
});
const settings = {
  packetsPerSecond: words.rate ?? 50_000,
  seconds: Math.ceil(words.seconds ?? 10),
  rounds: Math.ceil(words.rounds ?? 3),
  kinds: words.kinds ?? hostileKinds,
};

await using lab = await Lab.open('hostile');
const outcome = await runHostile(lab, settings);
const report = composeHostileReport(outcome, {
  date: new Date().toISOString(),
  machine: thisMachine(),
  settings,
});
const markdown = hostileMarkdown(report);
console.log(markdown);
saveReport(report, markdown, words);
process.exitCode = report.verdicts.every(({ kept }) => kept) ? 0 : 1;
