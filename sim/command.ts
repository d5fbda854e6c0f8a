/**
 * What `./run sim` does with its words: plays histories and stops at the first that goes wrong, which it then tells.
 *
 * Contract: `runSimulator` returns the exit status: 0 when all went as they must, 1 when one did not. `readWords` returns
 * undefined for wrong words.
 */
import { parseArgs } from 'node:util';
import { failureText, type HistoryKind, type PlayedCampaign } from './expect-histories.ts';

export const usage = `usage: ./run sim [--failover [--plain]] [--histories N] [--seed S] [--verbose]

Plays random histories of two tunnel ends over links that fail, in virtual time.

  --failover       half an hour each of a whole gateway whose links flap
  --plain          and no tunnel: plain traffic only
  --histories N    how many (default 2000, with --failover 20)
  --seed S         the first history's seed; the others follow (default 1)
  --verbose        tell what happens in each
`;

export type Words = {
  readonly kind: HistoryKind;
  readonly histories: number;
  readonly seed: number;
  readonly verbose: boolean;
};

const HISTORIES = 2_000;
const FAILOVER_HISTORIES = 20;

/** Between two lines of progress (ms). */
const PROGRESS = 5_000;

export async function runSimulator(
  { histories, seed: first, verbose, kind }: Words,
  campaign: Pick<PlayedCampaign, 'play' | 'tell'>,
  print: (line: string) => void,
): Promise<number> {
  const begin = performance.now();
  let shownAt = begin;
  let packets = 0;
  for (let seed = first; seed < first + histories; seed++) {
    const outcome = await campaign.play(seed);
    packets += outcome.packets;
    if (outcome.wrong !== undefined) {
      print(failureText(seed, outcome.wrong, await campaign.tell(seed), kind));
      return 1;
    }
    if (verbose) print((await campaign.tell(seed)).join('\n'));
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
        failover: { type: 'boolean', default: false },
        plain: { type: 'boolean', default: false },
        histories: { type: 'string' },
        seed: { type: 'string', default: '1' },
        verbose: { type: 'boolean', default: false },
      },
    });
    const { failover, plain, verbose } = values;
    const kind = failover ? (plain ? 'plain' : 'failover') : 'tunnel';
    const histories = Number(values.histories ?? (failover ? FAILOVER_HISTORIES : HISTORIES));
    const seed = Number(values.seed);
    const sensible =
      (failover || !plain) && Number.isSafeInteger(histories) && histories >= 1 && Number.isSafeInteger(seed);
    return sensible && seed >= 0 ? { kind, histories, seed, verbose } : undefined;
  } catch {
    return undefined;
  }
}
