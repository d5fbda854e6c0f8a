import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventDetail } from '../journal/event.ts';
import { Journal } from '../journal/journal.ts';
import { JournalFile } from './journal-file.ts';

const time = '2026-11-20T12:00:00.000Z';

function stateDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'bs-journal-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'state');
}

function pathDown(id: number): EventDetail {
  return {
    kind: 'pathDown',
    subject: { type: 'path', tunnel: 'head-office', id, link: 'lte' },
    evidence: { unansweredProbes: 3 },
  };
}

function open(path: string, options?: ConstructorParameters<typeof JournalFile>[1]) {
  const file = new JournalFile(path, options);
  const journal = new Journal({ history: file.history });
  file.follow(journal, 'lyon');
  return { file, journal };
}

test('entries are there again after a restart, and the numbers go on', (context) => {
  const path = join(stateDirectory(context), 'journal.jsonl');
  const first = open(path);
  for (let id = 1; id <= 3; id += 1) first.journal.record(pathDown(id), time);
  first.journal.record(pathDown(3), time);
  first.file.close();
  assert.equal(statSync(path).mode & 0o777, 0o640);

  const second = open(path);
  context.after(() => second.file.close());
  assert.deepEqual(second.journal.since(0), first.journal.since(0));
  assert.equal(second.journal.record(pathDown(4), time).sequence, 4);
});

test('a last line that was cut off costs only itself', (context) => {
  const path = join(stateDirectory(context), 'journal.jsonl');
  const first = open(path);
  first.journal.record(pathDown(1), time);
  first.file.close();
  appendFileSync(path, '{"at":"2026-11-20T12:0');

  const second = open(path);
  second.journal.record(pathDown(2), time);
  second.file.close();
  assert.equal(second.file.damagedLines, 1);

  const third = new JournalFile(path);
  assert.deepEqual(
    third.history.map((entry) => entry.sequence),
    [1, 2],
  );
});

test('the files are turned over by size, and the oldest goes', (context) => {
  const path = join(stateDirectory(context), 'journal.jsonl');
  const { file, journal } = open(path, { maxFileBytes: 2_000, fileCount: 3 });
  for (let id = 1; id <= 100; id += 1) journal.record(pathDown(id), time);
  file.close();
  for (const name of [path, `${path}.1`, `${path}.2`]) assert.ok(statSync(name).size <= 2_000, name);
  assert.equal(existsSync(`${path}.3`), false);
  const { history } = new JournalFile(path, { fileCount: 3 });
  assert.equal(history.at(-1)?.sequence, 100);
  assert.ok(history.length > 10 && history.length < 30);
});

test('a full disk: one event, nothing thrown, and all is made up for later', async (context) => {
  const directory = stateDirectory(context);
  const path = join(directory, 'journal.jsonl');
  const { file, journal } = open(path, { retryMillis: 10 });
  context.after(() => file.close());
  mkdirSync(directory);
  symlinkSync('/dev/full', path);
  for (let id = 1; id <= 3; id += 1) journal.record(pathDown(id), time);
  await sleep(50);
  const troubles = journal.since(0).filter((entry) => entry.kind === 'diskTrouble');
  assert.deepEqual(
    troubles.map((entry) => [entry.count, entry.evidence.reason]),
    [[1, 'ENOSPC']],
  );

  rmSync(path);
  await sleep(60);
  const recovered = journal.since(0).at(-1);
  assert.deepEqual(recovered?.evidence, { path, entriesWritten: 4, entriesLost: 0 });
  assert.equal(readFileSync(path, 'utf8').trim().split('\n').length, 5);
});

test('a state directory that cannot be made does not stop the daemon', async (context) => {
  const directory = stateDirectory(context);
  appendFileSync(directory, 'a file where the directory should be');
  const { file, journal } = open(join(directory, 'journal.jsonl'));
  context.after(() => file.close());
  journal.record(pathDown(1), time);
  await sleep(1);
  assert.equal(journal.since(0).at(-1)?.kind, 'diskTrouble');
});
