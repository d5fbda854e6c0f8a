import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { good, probeConfig, roundOf } from '../../test/fixtures/probe-rig.ts';
import type { Config } from '../config/index.ts';
import { writeRoundRecord } from '../linux/round-record.ts';
import { LinkProbes } from './link-probes.ts';
import { RoundKeeper } from './round-keeper.ts';

const fibre = { name: 'fibre', interface: 'eth1', rateBps: undefined, probe: probeConfig };
const targets = ['icmp 192.0.2.1', 'icmp 192.0.2.2', 'icmp 192.0.2.3', 'neighbour next-hop'];
const rounds = [roundOf(good, -5_000), roundOf(good, -4_000)];

describe('the record of probe rounds', () => {
  let directory = '';
  let told: string[][] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'backstay-keeper-'));
    told = [];
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function open(saveMillis?: number) {
    const config = { links: [fibre], tunnels: [] } as unknown as Config;
    const probes = new LinkProbes({ config, record: () => {} }, { status: () => [], isInUse: () => true });
    const trouble = (problems: readonly string[]) => told.push([...problems]);
    return { probes, keeper: new RoundKeeper(directory, probes, trouble, saveMillis) };
  }
  const write = (link = 'fibre', asked = targets) =>
    writeRoundRecord(directory, [{ link, targets: asked, rounds }], performance.now());

  it('goes on over restarts, and the next round comes after a gap', async () => {
    await write();
    const first = open();
    first.keeper.load();
    assert.equal(first.probes.get('fibre')?.rounds().length, 2);
    assert.equal(first.probes.get('fibre')?.lastRound, undefined, 'what is old is no news');
    await first.keeper.close();
    const second = open();
    second.keeper.load();
    assert.equal(second.probes.get('fibre')?.replay({}).roundsUsed, 2);
    await second.keeper.close();
    assert.deepEqual(told.flat(), []);
  });

  it('of other targets or of a link that is not probed any more is left aside', async () => {
    for (const [link, asked] of [
      ['fibre', targets.slice(1)],
      ['dsl', targets],
    ] as const) {
      await write(link, [...asked]);
      const { probes, keeper } = open();
      keeper.load();
      assert.deepEqual(probes.get('fibre')?.rounds(), []);
      await keeper.close();
    }
    assert.deepEqual(told, []);
  });

  it('that is damaged is told by its code, not used, and replaced', async () => {
    writeFileSync(join(directory, 'probe-rounds.json'), '{"links":[');
    const { probes, keeper } = open();
    keeper.load();
    assert.match(told[0]?.[0] ?? '', /^BS_STATE_UNREADABLE .*probe-rounds\.json/);
    assert.deepEqual(probes.get('fibre')?.rounds(), []);
    probes.restore([{ link: 'fibre', targets, rounds }]);
    await keeper.close();
    const next = open();
    next.keeper.load();
    assert.equal(next.probes.get('fibre')?.rounds().length, 2);
    await next.keeper.close();
  });

  it('is written seldom, by itself; a full disk is told and stops nothing', async () => {
    symlinkSync('/dev/full', join(directory, 'probe-rounds.json.new'));
    const { probes, keeper } = open(50);
    keeper.load();
    probes.restore([{ link: 'fibre', targets, rounds }]);
    const deadline = performance.now() + 10_000;
    while (told.length < 2 && performance.now() < deadline) await sleep(10);
    // The first writing met the full disk and took its draft away; the next one has room.
    assert.match(told[0]?.[0] ?? '', /^BS_STATE_UNWRITABLE/);
    assert.deepEqual(told[1], []);
    await keeper.close();
  });

  it('is not written by a daemon that has not begun', async () => {
    await write();
    const { probes, keeper } = open();
    await keeper.close();
    assert.deepEqual(probes.record()[0]?.rounds, []);
    const next = open();
    next.keeper.load();
    assert.equal(next.probes.get('fibre')?.rounds().length, 2);
    await next.keeper.close();
  });
});
