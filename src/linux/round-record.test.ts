import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import type { AskedTarget } from '../link/probe-round.ts';
import { mostRounds, type RecordedRound } from '../link/round-history.ts';
import { readRoundRecord, writeRoundRecord } from './round-record.ts';

const noon = { boot: 'one', sinceBootMillis: 500_000, wallMillis: 1_800_000_000_000 };
const targets = ['icmp 192.0.2.1', 'neighbour next-hop'];
const round: RecordedRound = {
  startedAtMillis: 1_000,
  endedAtMillis: 1_412.5,
  targets: [
    { sent: 3, delaysMillis: [12.3, 14.1], elsewhere: 'answers', isPeer: true },
    { sent: 3, delaysMillis: [], reason: 'ENETUNREACH' },
  ],
  loadBps: 12_345,
};

describe('the rounds of probes on disk', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'backstay-rounds-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const path = () => join(directory, 'probe-rounds.json');
  const write = (rounds: readonly RecordedRound[], nowMillis: number) =>
    writeRoundRecord(directory, [{ link: 'fibre', targets, rounds }], nowMillis, noon);
  const damaged = { code: 'BS_STATE_UNREADABLE' };

  it('are none where nothing was written', () => {
    assert.deepEqual(readRoundRecord(directory, 0), []);
  });

  it('come back as they were, as long ago as they are, by the clock that does not jump', async () => {
    await write([round], 2_000);
    // The wall clock was set back by a day meanwhile; the machine has not booted.
    const later = {
      ...noon,
      sinceBootMillis: noon.sinceBootMillis + 30_000,
      wallMillis: noon.wallMillis - 86_400_000,
    };
    const [link] = readRoundRecord(directory, 70_000, later);
    assert.deepEqual(link, {
      link: 'fibre',
      targets,
      rounds: [{ ...round, startedAtMillis: 39_000, endedAtMillis: 39_412.5 }],
    });
  });

  it('are as old as the wall clock says after a boot, and never of the future', async () => {
    await write([round], 2_000);
    const began = (wallMillis: number) =>
      readRoundRecord(directory, 100, { boot: 'two', sinceBootMillis: 9, wallMillis })[0]?.rounds[0]
        ?.startedAtMillis;
    assert.equal(began(noon.wallMillis + 60_000), 100 - 60_000 - 1_000);
    assert.equal(began(noon.wallMillis - 60_000), 100 - 1_000);
  });

  it('are what they were, whatever they are', async () => {
    const millis = fc.integer({ min: 0, max: 1e6 }).map((tenths) => tenths / 10);
    const target = fc.record<AskedTarget>(
      {
        sent: fc.nat(20),
        delaysMillis: fc.array(millis, { maxLength: 5 }),
        reason: fc.string({ maxLength: 20 }),
        elsewhere: fc.constantFrom('answers' as const, 'silent' as const),
        isPeer: fc.constant(true as const),
      },
      { requiredKeys: ['sent', 'delaysMillis'], noNullPrototype: true },
    );
    const any = fc.record<RecordedRound>(
      {
        startedAtMillis: millis,
        endedAtMillis: fc.constant(0),
        targets: fc.array(target, { maxLength: 8 }),
        loadBps: fc.nat(),
        after: fc.constantFrom('gap' as const, 'loss' as const),
      },
      { requiredKeys: ['startedAtMillis', 'endedAtMillis', 'targets'], noNullPrototype: true },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(any, { maxLength: 5 }), async (some) => {
        const rounds = some.map((it) => ({ ...it, endedAtMillis: it.startedAtMillis + 5 }));
        await write(rounds, 200_000);
        const [link] = readRoundRecord(directory, 200_000, noon);
        const near = (it: RecordedRound) => ({
          ...it,
          startedAtMillis: Math.round(it.startedAtMillis * 10),
          endedAtMillis: Math.round(it.endedAtMillis * 10),
        });
        assert.deepEqual(link?.rounds.map(near), rounds.map(near));
      }),
      { numRuns: 50 },
    );
  });

  it('are refused as a whole when the file is cut off anywhere, or any byte is another', async () => {
    await write([round, { ...round, after: 'loss' }], 2_000);
    const whole = readFileSync(path());
    for (let length = 0; length < whole.length - 1; length++) {
      writeFileSync(path(), whole);
      truncateSync(path(), length);
      assert.throws(() => readRoundRecord(directory, 0, noon), damaged, `${length} bytes`);
    }
    for (let at = 0; at < whole.length - 1; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] as number) ^ 4;
      writeFileSync(path(), changed);
      assert.throws(() => readRoundRecord(directory, 0, noon), damaged, `byte ${at}`);
    }
  });

  it('of another shape are refused, however right the digest', async () => {
    await writeRoundRecord(
      directory,
      [{ link: 'fibre', targets, rounds: [{ ...round, loadBps: 'much' as unknown as number }] }],
      2_000,
      noon,
    );
    assert.throws(() => readRoundRecord(directory, 0, noon), damaged);
  });

  it('that do not fit on the disk are told, and leave the ones before as they were', async () => {
    await write([round], 2_000);
    symlinkSync('/dev/full', `${path()}.new`);
    await assert.rejects(write([round, round], 3_000), { code: 'BS_STATE_UNWRITABLE' });
    assert.equal(readRoundRecord(directory, 2_000, noon)[0]?.rounds.length, 1);
    assert.equal(existsSync(`${path()}.new`), false);
  });

  it('take less than a megabyte for a full record of a link with the default probe', async () => {
    const full = Array.from({ length: mostRounds }, (_, index) => ({
      ...round,
      startedAtMillis: index * 1_000,
      endedAtMillis: index * 1_000 + 400,
      targets: Array.from({ length: 4 }, () => ({ sent: 3, delaysMillis: [12.3, 13.4, 14.5] })),
    }));
    await write(full, mostRounds * 1_000);
    assert.ok(statSync(path()).size < 1_000_000, `${statSync(path()).size} bytes`);
  });
});
