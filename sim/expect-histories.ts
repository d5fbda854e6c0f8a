/**
 * Plays histories for a test: all must end as they must.
 *
 * Contract: throws at the first that does not, with its seed and what happened in it.
 */
import { readFileSync } from 'node:fs';
import { Campaign } from './campaign.ts';

/** For tests that play histories. */
export const needsRoot = { skip: process.getuid?.() !== 0 && 'binding to an interface needs root' };

/** Between two lines of progress. */
const PROGRESS_HISTORIES = 250;

export function expectHistories(
  seeds: readonly number[],
  progress: (text: string) => void,
  campaign: Pick<Campaign, 'play' | 'tell' | 'close'> = new Campaign(),
): void {
  try {
    seeds.forEach((seed, index) => {
      const { wrong } = campaign.play(seed);
      if (wrong !== undefined) throw new Error(failureText(seed, wrong, campaign.tell(seed)));
      if ((index + 1) % PROGRESS_HISTORIES === 0) progress(`${index + 1} of ${seeds.length} histories`);
    });
  } finally {
    campaign.close();
  }
}

/** `count` seeds from `first` on. */
export function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** The seeds of `kept-seeds.txt`: a number at the beginning of each line that is no comment. */
export function keptSeeds(): number[] {
  const text = readFileSync(new URL('kept-seeds.txt', import.meta.url), 'utf8');
  return text.split('\n').flatMap((line) => /^\d+/.exec(line)?.map(Number) ?? []);
}

export function failureText(seed: number, wrong: string, story: readonly string[]): string {
  const again = `again: ./run sim --seed ${seed} --histories 1; keep the seed in sim/kept-seeds.txt`;
  return [...story, '', `seed ${seed} failed: ${wrong}`, again].join('\n');
}
