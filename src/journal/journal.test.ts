import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EventDetail } from './event.ts';
import { Journal, type JournalEntry } from './journal.ts';

const start = Date.UTC(2026, 10, 20, 12);
const at = (millis: number) => new Date(start + millis).toISOString();

function pathDown(id: number, unansweredProbes = 3): EventDetail {
  return {
    kind: 'pathDown',
    subject: { type: 'path', tunnel: 'head-office', id, link: 'lte' },
    evidence: { unansweredProbes, lastHeardMillis: 900 },
  };
}

function refused(address: string): EventDetail {
  return { kind: 'peerRefused', subject: { type: 'peer', address }, evidence: { reason: 'unknown key' } };
}

function linkDown(name: string): EventDetail {
  return {
    kind: 'linkDown',
    subject: { type: 'link', name },
    evidence: { interface: 'eth1', reason: 'no carrier' },
  };
}

function linkUp(name: string): EventDetail {
  return {
    kind: 'linkUp',
    subject: { type: 'link', name },
    evidence: { interface: 'eth1', addresses: ['192.0.2.2'], nextHops: ['192.0.2.1'] },
  };
}

test('numbers rise from 1 and since() gives what came after', () => {
  const journal = new Journal();
  journal.record(linkDown('fibre'), at(0));
  journal.record(pathDown(1), at(1));
  journal.record(pathDown(2), at(2));
  assert.deepEqual(
    journal.since(0).map((entry) => entry.sequence),
    [1, 2, 3],
  );
  assert.deepEqual(
    journal.since(1, 1).map((entry) => entry.sequence),
    [2],
  );
  assert.deepEqual(journal.since(3), []);
  assert.deepEqual(
    journal.newest(2).map((entry) => entry.sequence),
    [2, 3],
  );
  assert.equal(journal.newestSequence, 3);
});

test('a repetition raises the count, keeps the first time and takes the latest evidence', () => {
  const journal = new Journal();
  journal.record(pathDown(1, 3), at(0));
  const repeated = journal.record(pathDown(1, 7), at(5_000));
  assert.equal(journal.since(0).length, 1);
  assert.equal(repeated.count, 2);
  assert.equal(repeated.at, at(0));
  assert.equal(repeated.lastAt, at(5_000));
  assert.equal(repeated.kind === 'pathDown' && repeated.evidence.unansweredProbes, 7);
});

test('another subject, reason or generation is another entry', () => {
  const journal = new Journal();
  const rekeyed = (generation: number): EventDetail => ({
    kind: 'tunnelRekeyed',
    subject: { type: 'tunnel', name: 'head-office' },
    evidence: { generation, reason: 'one hour is over' },
  });
  journal.record(pathDown(1), at(0));
  journal.record(pathDown(2), at(1));
  journal.record(rekeyed(2), at(2));
  journal.record(rekeyed(3), at(3));
  assert.equal(journal.since(0).length, 4);
});

test('tallies of hostile input are added up', () => {
  const journal = new Journal();
  const hostile = (counts: Record<string, number>): EventDetail => ({
    kind: 'hostileInput',
    subject: { type: 'gateway', name: 'lyon' },
    evidence: { counts },
  });
  journal.record(hostile({ unknownSpi: 4, malformed: 1 }), at(0));
  const entry = journal.record(hostile({ unknownSpi: 6, malformed: 2 }), at(1_000));
  assert.deepEqual(entry.evidence, { counts: { unknownSpi: 10, malformed: 3 } });
});

test('a stranger with 50,000 addresses does not push out the history', () => {
  const journal = new Journal({ capacity: 1_000 });
  journal.record(linkDown('fibre'), at(0));
  for (let n = 0; n < 50_000; n += 1) journal.record(refused(`198.51.${n >> 8}.${n & 255}`), at(n));
  assert.equal(journal.since(0)[0]?.kind, 'linkDown');
  assert.ok(journal.since(0).length <= 21);
  assert.equal(total(journal.since(0)), 50_001);
});

test('a flapping link does not push out the history, and its last state can be told', () => {
  const journal = new Journal({ capacity: 1_000 });
  journal.record(linkDown('lte'), at(0));
  for (let n = 0; n < 10_000; n += 1)
    journal.record(n % 2 === 0 ? linkDown('fibre') : linkUp('fibre'), at(n * 100));
  const entries = journal.since(0);
  assert.equal(entries[0]?.subject.type === 'link' && entries[0].subject.name, 'lte');
  assert.equal(total(entries), 10_001);
  const [down, up] = entries.slice(-2);
  assert.equal(down?.kind, 'linkDown');
  assert.ok(up !== undefined && down !== undefined && up.lastAt > down.lastAt);
});

test('the budget is there again after an hour', () => {
  const journal = new Journal();
  for (let n = 0; n < 100; n += 1) journal.record(refused(`192.0.2.${n}`), at(n));
  const before = journal.since(0).length;
  journal.record(refused('192.0.2.200'), at(3_600_001));
  assert.equal(journal.since(0).length, before + 1);
});

test('the journal is bounded and goes on counting', () => {
  const journal = new Journal({ capacity: 100 });
  for (let n = 0; n < 1_000; n += 1) journal.record(pathDown(n), at(n));
  assert.ok(journal.since(0).length <= 100 + 256);
  assert.equal(journal.newestSequence, 1_000);
  assert.equal(journal.since(990).length, 10);
});

test('a history goes on where it ended, gaps included', () => {
  const earlier = new Journal();
  for (let n = 0; n < 6; n += 1) earlier.record(pathDown(n), at(n));
  const history = earlier.since(0).filter((entry) => entry.sequence !== 3);
  const journal = new Journal({ history });
  assert.equal(journal.record(pathDown(9), at(10)).sequence, 7);
  assert.deepEqual(
    journal.since(2, 2).map((entry) => entry.sequence),
    [4, 5],
  );
});

test('listeners hear new entries and repetitions at powers of two, until they leave', () => {
  const journal = new Journal();
  const heard: number[] = [];
  const leave = journal.subscribe((entry) => heard.push(entry.count));
  for (let n = 0; n < 9; n += 1) journal.record(pathDown(1), at(n));
  leave();
  journal.record(pathDown(2), at(20));
  assert.deepEqual(heard, [1, 2, 4, 8]);
});

test('law: whatever happens, nothing is uncounted and numbers rise', () => {
  const details = fc.oneof(
    fc.nat(3).map((id) => pathDown(id)),
    fc.nat(255).map((host) => refused(`192.0.2.${host}`)),
    fc.constantFrom(linkDown('fibre'), linkUp('fibre'), linkDown('lte'), linkUp('lte')),
  );
  fc.assert(
    fc.property(fc.array(details, { maxLength: 300 }), (happenings) => {
      const journal = new Journal();
      for (const [n, detail] of happenings.entries()) journal.record(detail, at(n * 10));
      const entries = journal.since(0);
      assert.equal(total(entries), happenings.length);
      for (const [n, entry] of entries.entries()) assert.equal(entry.sequence, n + 1);
    }),
    { numRuns: 60 },
  );
});

function total(entries: readonly JournalEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.count, 0);
}
