/** Half an hour of flapping links, in virtual time: changes are bounded, and nothing stays on a dead link. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InternetConfig } from '../config/index.ts';
import type { Grade, Grades } from './internet.ts';
import { InternetMachine } from './internet-machine.ts';

const HALF_HOUR = 30 * 60_000;
const SECOND = 1_000;
const grades: readonly Grade[] = ['good', 'good', 'good', 'degraded', 'unknown', 'held', 'down', 'gone'];

for (let round = 0; round < 40; round++) {
  const seed = Number(process.env['INTERNET_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  test(`links flap at random (INTERNET_SEED=${seed})`, () => {
    const random = generator(seed);
    const config = randomConfig(random);
    const run = flap(config, random);
    const mostForTheBetter = 1 + Math.floor(HALF_HOUR / config.holdMillis);
    assert.ok(
      run.better <= mostForTheBetter,
      `${run.better} changes for the better, at most ${mostForTheBetter}`,
    );
    assert.ok(run.failed <= run.failures, `${run.failed} changes by ${run.failures} failures`);
    assert.ok(run.changes > 0);
  });
}

type Run = { changes: number; better: number; failed: number; failures: number };

function flap(config: InternetConfig, random: () => number): Run {
  const machine = new InternetMachine(config, 0);
  const run: Run = { changes: 0, better: 0, failed: 0, failures: 0 };
  let now: Record<string, Grade> = {};
  const pace = 0.02 + random() * 0.3;
  for (let at = 0; at < HALF_HOUR; at += SECOND) {
    const before = now;
    now = { ...now };
    for (const { name } of config.links) {
      if (at === 0 || random() < pace) now[name] = grades[Math.floor(random() * grades.length)] ?? 'good';
    }
    const carriers = namesOf(machine);
    run.failures += carriers.filter((name) => life(now[name]) < life(before[name])).length;
    machine.look({ 4: now, 6: {} }, at);
    for (const move of machine.consider(at)) {
      machine.moved([move], at);
      if (move.canary !== undefined || move.reason === 'canaryFailed') continue;
      run.changes += 1;
      if (move.reason === 'better' || move.reason === 'joined') run.better += 1;
      if (move.reason === 'failed') run.failed += 1;
      // Better than one that is not there; it has failed already.
      run.failures += move.carriers.filter(({ link }) => !lives(now[link])).length;
    }
    assertWell(machine, now, at);
  }
  return run;
}

function assertWell(machine: InternetMachine, now: Grades, at: number): void {
  const carriers = namesOf(machine);
  const isThereOneThatWorks = Object.values(now).some((grade) => grade === 'good' || grade === 'degraded');
  const dead = carriers.filter((name) => !lives(now[name]));
  if (isThereOneThatWorks) assert.deepEqual(dead, [], `on a dead link at ${at}`);
  for (const { link, family } of machine.cuts()) {
    assert.equal(family, 4);
    assert.ok(!lives(now[link]), `${link} works and is cut off at ${at}`);
    machine.wasCut({ link, family });
  }
}

/** Two steps down: it fails, and it goes. */
function life(grade: Grade | undefined): number {
  if (lives(grade)) return 2;
  return grade === 'down' ? 1 : 0;
}

function lives(grade: Grade | undefined): boolean {
  return grade !== undefined && ['good', 'degraded', 'unknown', 'held'].includes(grade);
}

function namesOf(machine: InternetMachine): string[] {
  return machine.families[4].standing.carriers.map(({ link }) => link);
}

function randomConfig(random: () => number): InternetConfig {
  const pick = (count: number) => Math.floor(random() * count);
  const links = Array.from({ length: 2 + pick(4) }, (_, index) => {
    return { name: `link${index}`, tier: 1 + pick(3), weight: 1 + pick(4) };
  });
  return {
    links,
    masquerade: [],
    fallback: random() < 0.8 ? 'automatic' : 'manual',
    holdMillis: (1 + pick(60)) * SECOND,
    canary: random() < 0.5 ? undefined : { share: 0.1, forMillis: (1 + pick(30)) * SECOND },
  };
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
