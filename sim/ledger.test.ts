import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Flow } from './inner-packets.ts';
import { Ledger } from './ledger.ts';

const flow: Flow = { id: 3, from: 'a', family: 4, payload: 100, open: false, segments: 1 };

function ledger(sent: number): Ledger {
  const fresh = new Ledger([flow]);
  fresh.offered(flow, sent);
  return fresh;
}

describe('the ledger', () => {
  it('finds nothing wrong with packets that come once and in order, some missing', () => {
    const books = ledger(5);
    for (const number of [0, 2, 4]) assert.equal(books.delivered('b', 3, number), undefined);
    assert.deepEqual([books.missing('a'), books.missing('b')], [2, 0]);
  });

  it('finds what was delivered twice', () => {
    const books = ledger(2);
    books.delivered('b', 3, 0);
    assert.match(books.delivered('b', 3, 0) ?? '', /twice/);
  });

  it('finds what was never sent', () => {
    const books = ledger(2);
    assert.match(books.delivered('b', 3, 2) ?? '', /never sent/);
    assert.match(books.delivered('b', 4, 0) ?? '', /never sent/);
  });

  it('finds what came back to the end that sent it', () => {
    assert.match(ledger(1).delivered('a', 3, 0) ?? '', /the end that sent it/);
  });

  it('lets as many packets come late as were counted, and no more', () => {
    const books = ledger(5);
    books.delivered('b', 3, 4);
    books.allowedLate = 1;
    assert.equal(books.delivered('b', 3, 0), undefined);
    assert.match(books.delivered('b', 3, 1) ?? '', /after 4/);
  });
});
