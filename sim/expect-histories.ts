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

type Played = { readonly wrong: string | undefined; readonly packets: number };

/** What plays histories of one kind. */
export type PlayedCampaign = {
  play(seed: number): Played | Promise<Played>;
  tell(seed: number): string[] | Promise<string[]>;
  close(): void;
};

/** Which histories: of two tunnel ends, of a gateway whose links flap, of such a one without a tunnel. */
export type HistoryKind = 'tunnel' | 'failover' | 'plain';

const options: Readonly<Record<HistoryKind, string>> = {
  tunnel: '',
  failover: '--failover ',
  plain: '--failover --plain ',
};

export async function expectHistories(
  seeds: readonly number[],
  progress: (text: string) => void,
  campaign: PlayedCampaign = new Campaign(),
  kind: HistoryKind = 'tunnel',
): Promise<void> {
  try {
    for (const [index, seed] of seeds.entries()) {
      const { wrong } = await campaign.play(seed);
      if (wrong !== undefined) throw new Error(failureText(seed, wrong, await campaign.tell(seed), kind));
      if ((index + 1) % PROGRESS_HISTORIES === 0) progress(`${index + 1} of ${seeds.length} histories`);
    }
  } finally {
    campaign.close();
  }
}

/** `count` seeds from `first` on. */
export function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** The seeds of `kept-seeds.txt`: a number at the beginning of each line that is no comment, behind the kind where it is not `tunnel`. */
export function keptSeeds(kind: HistoryKind = 'tunnel'): number[] {
  const text = readFileSync(new URL('kept-seeds.txt', import.meta.url), 'utf8');
  const line = kind === 'tunnel' ? /^(\d+)/ : new RegExp(`^${kind} (\\d+)`);
  return text.split('\n').flatMap((it) => line.exec(it)?.slice(1).map(Number) ?? []);
}

export function failureText(
  seed: number,
  wrong: string,
  story: readonly string[],
  kind: HistoryKind = 'tunnel',
): string {
  const again = `again: ./run sim ${options[kind]}--seed ${seed} --histories 1; keep the seed in sim/kept-seeds.txt`;
  return [...story, '', `seed ${seed} failed: ${wrong}`, again].join('\n');
}
