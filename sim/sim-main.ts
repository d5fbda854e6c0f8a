/**
 * `./run sim [--histories N] [--seed S] [--verbose]`: plays random histories and stops at the first that goes wrong.
 *
 * Exit status 0 when all went as they must, 1 when one did not, 2 for wrong words.
 */
import { parseArgs } from 'node:util';
import { Campaign } from './campaign.ts';

const usage = `usage: ./run sim [--histories N] [--seed S] [--verbose]

Plays histories of two tunnel ends over links that fail, in virtual time.

  --histories N    how many (default 2000)
  --seed S         the first history's seed; the others follow (default 1)
  --verbose        tell what happens in each
`;
/** Between two lines of progress (ms). */
const PROGRESS = 5_000;

const words = readWords();
if (words === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
process.exitCode = run(words);

function run({ histories, seed: first, verbose }: NonNullable<typeof words>): number {
  const campaign = new Campaign();
  const begin = performance.now();
  let shownAt = begin;
  let packets = 0;
  for (let seed = first; seed < first + histories; seed++) {
    const outcome = campaign.play(seed);
    packets += outcome.packets;
    if (verbose || outcome.wrong !== undefined) console.log(campaign.tell(seed).join('\n'));
    if (outcome.wrong !== undefined) {
      console.log(`\nseed ${seed} failed: ${outcome.wrong}\nagain: ./run sim --seed ${seed} --histories 1`);
      return 1;
    }
    if (performance.now() - shownAt < PROGRESS) continue;
    shownAt = performance.now();
    console.log(`${seed - first + 1} of ${histories} histories`);
  }
  const seconds = (performance.now() - begin) / 1000;
  const rate = `${(histories / seconds).toFixed(0)} a second`;
  console.log(
    `${histories} histories, ${packets} packets, as they must be (${seconds.toFixed(1)} s, ${rate})`,
  );
  campaign.close();
  return 0;
}

function readWords(): { histories: number; seed: number; verbose: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        histories: { type: 'string', default: '2000' },
        seed: { type: 'string', default: '1' },
        verbose: { type: 'boolean', default: false },
      },
    });
    const histories = Number(values.histories);
    const seed = Number(values.seed);
    if (!Number.isSafeInteger(histories) || histories < 1 || !Number.isSafeInteger(seed)) return undefined;
    return { histories, seed, verbose: values.verbose };
  } catch {
    return undefined;
  }
}
