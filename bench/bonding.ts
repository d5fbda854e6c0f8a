/**
 * `./run bench bonding`: what a tunnel over several links carries, beside what the same tunnel carries over each alone.
 *
 * What is measured and how to read it: docs/benchmarks.md.
 */
import { Lab } from '../lab/lab.ts';
import { emulatedProfiles } from '../lab/profiles.ts';
import { congestionControls } from '../lab/throughput.ts';
import { measureProfile } from './bonding/measure.ts';
import { bondingMarkdown, composeBondingReport } from './bonding/report.ts';
import { thisMachine } from './report/machine.ts';
import { saveReport } from './report/save.ts';
import { readWords } from './report/words.ts';

const usage = `usage: ./run bench bonding [OPTION...]

  --profile A,B      link profiles: ${emulatedProfiles.join(', ')} (default all)
  --streams N        TCP streams (default 1 and 8, one after the other)
  --seconds N        length of each measurement (default 10)
  --congestion NAME  what the streams' senders use: cubic, bbr, reno (default: this kernel's)
  --declare-rates    tell the gateways their links' rates instead of leaving them to find out
`;

const words = readWords(usage, {
  profile: { someOf: emulatedProfiles },
  streams: 'number',
  seconds: 'number',
  congestion: { oneOf: congestionControls },
  'declare-rates': 'flag',
});
const settings = {
  seconds: Math.ceil(words.seconds ?? 10),
  streams: words.streams === undefined ? [1, 8] : [Math.ceil(words.streams)],
  declareRates: words['declare-rates'] ?? false,
  congestion: words.congestion,
};
const rows = [];
for (const profile of words.profile ?? emulatedProfiles) {
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
