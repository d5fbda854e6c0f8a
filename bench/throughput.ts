/**
 * `./run bench throughput`: Backstay beside plain routing and its peers, in one run, in the same namespaces.
 *
 * What is measured and how to read it: docs/benchmarks.md.
 */
import { Lab } from '../lab/lab.ts';
import { openSites } from '../lab/sites.ts';
import { thisMachine } from './report/machine.ts';
import { saveReport } from './report/save.ts';
import { readWords } from './report/words.ts';
import type { Contender } from './throughput/contender.ts';
import { contenderIds, findContenders } from './throughput/contenders.ts';
import { measureRound, type RoundValues } from './throughput/measures.ts';
import { composeReport, reportMarkdown } from './throughput/report.ts';
import { interleave } from './throughput/rounds.ts';

const usage = `usage: ./run bench throughput [OPTION...]

  --seconds N      length of each throughput measurement (default 5)
  --rounds N       how often each contender is measured (default 5)
  --only A,B       contenders: ${contenderIds.join(', ')}
`;

/** So that the median at idle stands on at least this many echoes: with 60 it swings by a tenth from run to run. */
const IDLE_ECHOES = 250;

const words = readWords(usage, { seconds: 'number', rounds: 'number', only: { someOf: contenderIds } });
const settings = { seconds: Math.ceil(words.seconds ?? 5), rounds: Math.ceil(words.rounds ?? 5) };
const field = await findContenders(words.only ?? contenderIds);
for (const line of field.leftOut) console.error(line);

await using lab = await Lab.open('throughput');
const sites = await openSites(lab, { profile: 'fast' });
const roundSettings = { seconds: settings.seconds, echoes: Math.ceil(IDLE_ECHOES / settings.rounds) };
const rounds = await interleave(field.contenders, settings.rounds, measureContender);
const report = composeReport(field.contenders, rounds, {
  date: new Date().toISOString(),
  machine: thisMachine(),
  settings,
  leftOut: field.leftOut,
});
const markdown = reportMarkdown(report);
console.log(markdown);
saveReport(report, markdown, words);
process.exitCode = rounds.failures.length === 0 ? 0 : 1;

async function measureContender(contender: Contender, round: number): Promise<RoundValues> {
  console.error(`round ${round} of ${settings.rounds}: ${contender.title}`);
  const carrier = await contender.open(lab, sites);
  try {
    return await measureRound(lab, sites, roundSettings);
  } finally {
    await carrier.close();
  }
}
