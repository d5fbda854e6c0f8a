import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { entryOf, linkDown, linkUp } from '../../test/fixtures/alarm-rig.ts';
import type { EventDetail } from '../journal/event.ts';
import { Journal } from '../journal/journal.ts';
import type { Alarm } from './alarm.ts';
import { AlarmFilter, SETTLE_MILLIS } from './alarm-filter.ts';

const settled = SETTLE_MILLIS + 1;

const degraded: EventDetail = {
  kind: 'linkDegraded',
  subject: { type: 'link', name: 'fibre' },
  evidence: {
    interface: 'eth1',
    reason: 'lossy',
    probe: { rule: 'all', rounds: 1, afterMillis: 1, holdMillis: 1, targets: [] },
  },
};

const refused = (address: string): EventDetail => ({
  kind: 'peerRefused',
  subject: { type: 'peer', address },
  evidence: { reason: 'its key is not configured' },
});

function kinds(filter: AlarmFilter, details: readonly EventDetail[], nowMillis = settled) {
  return details.map((detail) => filter.noticed(entryOf(detail), nowMillis)?.kind);
}

describe('alarms', () => {
  it('are told of trouble once, and of its end, whose own severity is less', () => {
    const filter = new AlarmFilter('warning', [], 0);
    const details = [linkUp(), linkDown(), linkDown('fibre', 'no address'), linkUp(), linkUp(), linkDown()];
    assert.deepEqual(kinds(filter, details), [
      undefined,
      'linkDown',
      undefined,
      'linkUp',
      undefined,
      'linkDown',
    ]);
  });

  it('are told when trouble becomes worse or less', () => {
    const filter = new AlarmFilter('warning', [], 0);
    assert.deepEqual(kinds(filter, [degraded, linkDown(), degraded, linkUp()]), [
      'linkDegraded',
      'linkDown',
      'linkDegraded',
      'linkUp',
    ]);
  });

  it('are told of nothing below `from`, nor of the end of what was below it', () => {
    const filter = new AlarmFilter('alarm', [], 0);
    assert.deepEqual(kinds(filter, [linkDown(), linkUp()]), [undefined, undefined]);
    assert.deepEqual(filter.standing, []);
  });

  it('of trouble that goes on after a restart are not told again', () => {
    const before = new AlarmFilter('warning', [], 0);
    before.noticed(entryOf(linkDown()), 5);
    const after = new AlarmFilter('warning', before.standing, 0);
    // Its interface is there: it looks well until its probe has judged.
    assert.deepEqual(kinds(after, [linkUp(), linkDown()], 100), [undefined, undefined]);
    assert.deepEqual(after.pollDue(settled), []);
    assert.deepEqual(kinds(after, [linkUp()]), ['linkUp']);
  });

  it('of the end of trouble across a restart are told when it has settled', () => {
    const before = new AlarmFilter('warning', [], 0);
    before.noticed(entryOf(linkDown()), 5);
    const after = new AlarmFilter('warning', before.standing, 0);
    assert.deepEqual(kinds(after, [linkUp()], 100), [undefined]);
    assert.equal(after.nextDeadline(), SETTLE_MILLIS);
    assert.deepEqual(after.pollDue(SETTLE_MILLIS - 1), []);
    assert.deepEqual(
      after.pollDue(SETTLE_MILLIS).map(({ kind }) => kind),
      ['linkUp'],
    );
    assert.deepEqual([after.standing, after.nextDeadline()], [[], undefined]);
  });

  it('of strangers are one an hour, whatever addresses they take, and the last is not lost', () => {
    const filter = new AlarmFilter('warning', [], 0);
    const told = Array.from({ length: 200 }, (_, index) =>
      filter.noticed(entryOf(refused(`198.51.100.${index}:4500`)), settled + index),
    );
    assert.equal(told.filter((alarm) => alarm !== undefined).length, 1);
    const [last, ...more] = filter.pollDue(settled + 3_600_000);
    assert.match(last?.text ?? '', /198\.51\.100\.199/);
    assert.deepEqual(more, []);
  });

  it('that a count has risen are no news', () => {
    const filter = new AlarmFilter('warning', [], 0);
    const journal = new Journal();
    const told: (Alarm | undefined)[] = [];
    journal.subscribe((entry) => told.push(filter.noticed(entry, settled + 7_200_000 * told.length)));
    for (let index = 0; index < 8; index++)
      journal.record(refused('198.51.100.7:1'), '2026-11-20T12:00:00.000Z');
    assert.deepEqual(
      told.map((alarm) => alarm?.kind),
      ['peerRefused', undefined, undefined, undefined],
    );
  });

  it('law: what was told last of a link is how it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('fibre', 'lte'), fc.constantFrom('up', 'down'), fc.nat(20_000))),
        (steps) => {
          const filter = new AlarmFilter('warning', [], 0);
          const told = new Map<string, string>();
          const is = new Map<string, string>();
          const keep = (alarm: Alarm | undefined) => alarm && told.set(alarm.matter, alarm.kind);
          let now = 0;
          for (const [name, state, pause] of steps) {
            now += pause;
            for (const alarm of filter.pollDue(now)) keep(alarm);
            keep(filter.noticed(entryOf(state === 'up' ? linkUp(name) : linkDown(name)), now));
            is.set(`link/${name}/state`, state === 'up' ? 'linkUp' : 'linkDown');
          }
          for (const alarm of filter.pollDue(now + SETTLE_MILLIS)) keep(alarm);
          for (const [matter, kind] of is) assert.equal(told.get(matter) ?? 'linkUp', kind);
        },
      ),
    );
  });
});
