/**
 * The rounds of the links' probes on disk, so that `backstay link try` has them after a restart.
 *
 * Contract: `<state>/probe-rounds.json`, written whole or not at all: a digest, and what it is of. A file that is cut off or damaged
 * is refused as a whole. How long ago it was written is told by the clock that does not jump, and only after a boot by the wall clock; never
 * less than nothing. Throws BS_STATE_UNREADABLE, BS_STATE_UNWRITABLE.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { BackstayError } from '../errors.ts';
import type { RecordedRound } from '../link/round-history.ts';
import { type RoundRow, roundOfRow, rowOfRound } from '../link/round-row.ts';
import { saveDurableFile } from './durable-file.ts';
import { readSetting } from './sysctl.ts';

export type LinkRounds = {
  readonly link: string;
  /** Names of who was asked, in the order of a round's targets. */
  readonly targets: readonly string[];
  /** Oldest first. */
  readonly rounds: readonly RecordedRound[];
};

/** When it is: `boot` tells whether `sinceBootMillis` may be compared. */
export type Moment = {
  readonly boot: string;
  readonly sinceBootMillis: number;
  readonly wallMillis: number;
};

/** A hundred links with full records have less. */
const MOST_BYTES = 64 * 1024 * 1024;

const millis = z.number().min(0);
const targetRow = z.union([
  z.tuple([z.int().min(0), z.array(millis)]),
  z.tuple([
    z.int().min(0),
    z.array(millis),
    z.object({
      reason: z.string().max(1000).exactOptional(),
      elsewhere: z.enum(['answers', 'silent']).exactOptional(),
      isPeer: z.literal(true).exactOptional(),
    }),
  ]),
]);
const roundRow = z.tuple([
  millis,
  millis,
  millis.nullable(),
  z.union([z.literal(0), z.literal(1), z.literal(2)]),
  z.array(targetRow),
]);
const recordSchema = z.object({
  boot: z.string(),
  sinceBootMillis: z.number(),
  wallMillis: z.number(),
  links: z.array(z.object({ link: z.string(), targets: z.array(z.string()), rounds: z.array(roundRow) })),
});

/** @param nowMillis of the clock of the rounds. @returns nothing where there is no record */
export function readRoundRecord(
  stateDirectory: string,
  nowMillis: number,
  moment = presentMoment(),
): LinkRounds[] {
  const path = pathOf(stateDirectory);
  if (!existsSync(path)) return [];
  const { links, ...written } = parseRecord(path);
  const writtenAtMillis = nowMillis - ageMillis(written, moment);
  return links.map(({ rounds, ...link }) => ({
    ...link,
    rounds: rounds.map((row: RoundRow) => roundOfRow(row, writtenAtMillis)),
  }));
}

/** Holds nobody up. */
export async function writeRoundRecord(
  stateDirectory: string,
  links: readonly LinkRounds[],
  nowMillis: number,
  moment = presentMoment(),
): Promise<void> {
  const rows = links.map(({ rounds, ...link }) => ({
    ...link,
    rounds: rounds.map((round) => rowOfRound(round, nowMillis)),
  }));
  const text = JSON.stringify({ ...moment, links: rows });
  await saveDurableFile(pathOf(stateDirectory), `${digestOf(text)}\n${text}\n`);
}

function parseRecord(path: string): z.output<typeof recordSchema> {
  try {
    if (statSync(path).size > MOST_BYTES) throw new Error('too long');
    const [digest, text = '', ...rest] = readFileSync(path, 'utf8').split('\n');
    if (digest !== digestOf(text) || rest.join() !== '') throw new Error('not what was written');
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    const message = `${path} is damaged: the probes' rounds of the runs before are not used.`;
    throw new BackstayError('BS_STATE_UNREADABLE', message, { place: path, cause });
  }
}

function ageMillis(written: Moment, now: Moment): number {
  const isSameBoot = written.boot === now.boot && now.boot !== '';
  const age = isSameBoot
    ? now.sinceBootMillis - written.sinceBootMillis
    : now.wallMillis - written.wallMillis;
  // A wall clock that was set back would put the rounds into the future.
  return Math.max(0, age);
}

function presentMoment(): Moment {
  return {
    boot: readSetting('kernel/random/boot_id') ?? '',
    sinceBootMillis: Number(process.hrtime.bigint() / 1000n) / 1000,
    wallMillis: Date.now(),
  };
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function pathOf(stateDirectory: string): string {
  return `${stateDirectory}/probe-rounds.json`;
}
