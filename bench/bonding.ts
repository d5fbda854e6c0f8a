/**
 * `./run bench bonding`: what a tunnel over several links carries, beside what the same tunnel carries over each alone.
 *
 * What is measured and how to read it: docs/benchmarks.md.
 */
import { Lab } from '../lab/lab.ts';
import type { ProfileName } from '../lab/profiles.ts';
import { type Congestion, congestionControls } from '../lab/throughput.ts';
import { bondedProfiles, measureProfile } from './bonding/measure.ts';
import { bondingMarkdown, composeBondingReport } from './bonding/report.ts';
import { thisMachine } from './report/machine.ts';
import { saveReport } from './report/save.ts';
import { readWords } from './report/words.ts';

const usage = `usage: ./run bench bonding [OPTION...]

  --profile A,B      link profiles: ${bondedProfiles.join(', ')} (default all)
  --streams N        TCP streams (default 1 and 8, one after the other)
  --seconds N        length of each measurement (default 10)
  --congestion NAME  what the streams' senders use: cubic, bbr, reno (default: this kernel's)
  --declare-rates    tell the gateways their links' rates instead of leaving them to find out
`;

const words = readWords(usage, {
  profile: 'text',
  streams: 'number',
  seconds: 'number',
  congestion: 'text',
  'declare-rates': 'flag',
});
const settings = {
  seconds: Math.ceil(words.seconds ?? 10),
  streams: words.streams === undefined ? [1, 8] : [Math.ceil(words.streams)],
  declareRates: words['declare-rates'] ?? false,
  congestion: chosenCongestion(words.congestion),
};
const chosen = words.profile?.split(',') ?? bondedProfiles;
for (const name of chosen) {
  if (!(bondedProfiles as readonly string[]).includes(name)) {
    process.stderr.write(`there is no profile ${name}\n${usage}`);
    process.exit(2);
  }
}

function chosenCongestion(word: string | undefined): Congestion | undefined {
  const known = congestionControls.find((name) => name === word);
  if (word === undefined || known !== undefined) return known;
  process.stderr.write(`there is no congestion control ${word}\n${usage}`);
  process.exit(2);
}

const rows = [];
for (const profile of chosen as ProfileName[]) {
  console.error(`profile ${profile}`);
  await using lab = await Lab.open('bonding');
  rows.push(...(await measureProfile(lab, profile, settings)));
}
const report = composeBondingReport(rows, {
  date: new Date().toISOString(),
  machine: thisMachine(),
  settings,
});
const markdown = bondingMarkdown(report);
console.log(markdown);
saveReport(report, markdown, words);
