import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readWords, runSimulator } from './command.ts';
import { expectHistories, keptSeeds } from './expect-histories.ts';
import type { Outcome } from './simulation.ts';

/** Histories of which one goes wrong. */
function campaignThatFailsAt(bad: number) {
  const outcome: Outcome = { wrong: undefined, at: 1, packets: 10, datagrams: 20, digest: 0 };
  return {
    play: (seed: number): Outcome => (seed === bad ? { ...outcome, wrong: 'a packet twice' } : outcome),
    tell: (seed: number) => [`what happened in ${seed}`],
    close: () => {},
  };
}

describe('./run sim', () => {
  it('tells the seed and the story of the first history that fails, and how to see it again', async () => {
    const lines: string[] = [];
    const words = { kind: 'tunnel' as const, histories: 10, seed: 5, verbose: false };
    const print = (line: string) => void lines.push(line);
    assert.equal(await runSimulator(words, campaignThatFailsAt(8), print), 1);
    assert.match(lines.join('\n'), /what happened in 8\n\nseed 8 failed: a packet twice\nagain: .*--seed 8 /);
  });

  it('tells how many there were when none fails', async () => {
    const lines: string[] = [];
    const words = { kind: 'tunnel' as const, histories: 3, seed: 5, verbose: true };
    const print = (line: string) => void lines.push(line);
    assert.equal(await runSimulator(words, campaignThatFailsAt(8), print), 0);
    assert.equal(lines[0], 'what happened in 5');
    assert.match(lines.at(-1) ?? '', /^3 histories with 30 packets/);
  });

  it('has defaults, and refuses words that it does not know', () => {
    assert.deepEqual(readWords([]), { kind: 'tunnel' as const, histories: 2_000, seed: 1, verbose: false });
    assert.deepEqual(readWords(['--failover']), { kind: 'failover', histories: 20, seed: 1, verbose: false });
    assert.equal(readWords(['--failover', '--plain'])?.kind, 'plain');
    assert.deepEqual(readWords(['--histories', '7', '--seed', '9', '--verbose']), {
      kind: 'tunnel',
      histories: 7,
      seed: 9,
      verbose: true,
    });
    for (const wrong of [['--histories', '0'], ['--seed', 'x'], ['--seed', '-1'], ['--plain'], ['more']]) {
      assert.equal(readWords(wrong), undefined, wrong.join(' '));
    }
  });
});

describe('histories in a test', () => {
  it('fail it with seed and story', async () => {
    const play = () => expectHistories([1, 2, 3], () => {}, campaignThatFailsAt(2));
    await assert.rejects(play, /what happened in 2\n\nseed 2 failed: a packet twice/);
  });

  it('are read from the file of kept seeds, without its comments', () => {
    for (const kind of ['tunnel', 'failover', 'plain'] as const)
      assert.ok(keptSeeds(kind).every((seed) => Number.isSafeInteger(seed)));
  });
});
