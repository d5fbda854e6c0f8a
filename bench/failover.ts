/**
 * `./run bench failover`: what datagrams and a TCP stream notice of a link that dies without a word, or loses packets.
 *
 * What is measured and how to read it: docs/benchmarks.md. Exit status 1 when a promise was not kept.
 */
import { emulatedProfiles } from '../lab/profiles.ts';
import { composeFailoverReport, failoverMarkdown } from './failover/report.ts';
import { type FailoverRound, type Fault, faults, runFailover } from './failover/run-failover.ts';
import { thisMachine } from './report/machine.ts';
import { saveReport } from './report/save.ts';
import { readWords } from './report/words.ts';

const usage = `usage: ./run bench failover [OPTION...]

  --profile NAME   links (default equal)
  --rate N         datagrams per second (default 5000)
  --rounds N       of each fault (default 3)
`;

const words = readWords(usage, { profile: { oneOf: emulatedProfiles }, rate: 'number', rounds: 'number' });
const settings = {
  profile: words.profile ?? 'equal',
  packetsPerSecond: Math.ceil(words.rate ?? 5_000),
  rounds: Math.ceil(words.rounds ?? 3),
};

const rounds: FailoverRound[] = [];
for (const fault of Object.keys(faults) as Fault[]) {
  for (let round = 1; round <= settings.rounds; round++) {
    console.error(`${fault}, round ${round} of ${settings.rounds}`);
    rounds.push(await runFailover(fault, settings));
  }
}
const report = composeFailoverReport(rounds, {
  date: new Date().toISOString(),
  machine: thisMachine(),
  settings,
});
const markdown = failoverMarkdown(report);
console.log(markdown);
saveReport(report, markdown, words);
process.exitCode = report.rounds.every(({ kept }) => kept) ? 0 : 1;
