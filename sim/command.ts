/**
 * What `./run sim` does with its words: plays histories and stops at the first that goes wrong, which it then tells.
 *
 * Contract: `runSimulator` returns the exit status: 0 when all went as they must, 1 when one did not. `readWords` returns
 * undefined for wrong words.
 */
import { parseArgs } from 'node:util';
import type { Campaign } from './campaign.ts';
import { failureText } from './expect-histories.ts';

export const usage = `usage: ./run sim [--histories N] [--seed S] [--verbose]

Plays random histories of two tunnel ends over links that fail, in virtual time.

  --histories N    how many (default 2000)
  --seed S         the first history's seed; the others follow (default 1)
  --verbose        tell what happens in each
`;

export type Words = { readonly histories: number; readonly seed: number; readonly verbose: boolean };

/** Between two lines of progress (ms). */
const PROGRESS = 5_000;

export function runSimulator(
  { histories, seed: first, verbose }: Words,
  campaign: Pick<Campaign, 'play' | 'tell'>,
  print: (line: string) => void,
): number {
  const begin = performance.now();
  let shownAt = begin;
  let packets = 0;
  for (let seed = first; seed < first + histories; seed++) {
    const outcome = campaign.play(seed);
    packets += outcome.packets;
    if (outcome.wrong !== undefined) {
      print(failureText(seed, outcome.wrong, campaign.tell(seed)));
      return 1;
    }
    if (verbose) print(campaign.tell(seed).join('\n'));
    if (performance.now() - shownAt < PROGRESS) continue;
    shownAt = performance.now();
    print(`${seed - first + 1} of ${histories} histories`);
  }
  const seconds = (performance.now() - begin) / 1000;
  const rate = `${seconds.toFixed(1)} s, ${(histories / seconds).toFixed(0)} a second`;
  print(`${histories} histories with ${packets} packets ended as they must (${rate})`);
  return 0;
}

export function readWords(words: readonly string[]): Words | undefined {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        histories: { type: 'string', default: '2000' },
        seed: { type: 'string', default: '1' },
        verbose: { type: 'boolean', default: false },
      },
    });
    const histories = Number(values.histories);
    const seed = Number(values.seed);
    const sensible = Number.isSafeInteger(histories) && histories >= 1 && Number.isSafeInteger(seed);
    return sensible && seed >= 0 ? { histories, seed, verbose: values.verbose } : undefined;
  } catch {
    return undefined;
  }
}
