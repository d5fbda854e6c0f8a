import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { InternetConfig } from '../../src/config/index.ts';
import type { Grade, Move } from '../../src/internet/internet.ts';
import { ChangeWatch } from './change-watch.ts';
import { KnownLinks } from './known-links.ts';

function stage() {
  const known = new KnownLinks(['fibre', 'lte']);
  const watch = new ChangeWatch({ holdMillis: 10_000 } as InternetConfig, known);
  const look = (fibre: Grade, at: number) => watch.worse(known.look({ fibre, lte: 'good' }, at));
  const move = (from: string, to: string, reason: Move['reason'], at: number) => {
    const carriersOf = (link: string) => (link === '' ? [] : [{ link, weight: 1 }]);
    const [before, carriers] = [carriersOf(from), carriersOf(to)];
    return watch.moved({ family: 4, before, carriers, canary: undefined, reason }, at);
  };
  look('good', 0);
  assert.equal(move('', 'fibre', 'first', 0), undefined);
  look('down', 20_000);
  assert.equal(move('fibre', 'lte', 'failed', 20_100), undefined);
  return { watch, look, move };
}

describe('changes of what carries', () => {
  it('are permitted for a failure each, and for the better after the hold', () => {
    const { watch, look, move } = stage();
    look('good', 30_000);
    assert.equal(move('lte', 'fibre', 'better', 40_000), undefined);
    look('gone', 50_000);
    assert.equal(move('fibre', 'lte', 'failed', 50_100), undefined);
    assert.deepEqual([watch.changes, watch.better, watch.failed, watch.failures], [4, 1, 2, 2]);
  });

  it('are too soon after the last one', () => {
    const { look, move } = stage();
    look('good', 20_200);
    assert.match(move('lte', 'fibre', 'better', 29_000) ?? '', /8900 ms after the last change/);
  });

  it('are too soon for a link that was good for less than the hold', () => {
    const { look, move } = stage();
    look('good', 35_000);
    assert.match(move('lte', 'fibre', 'better', 40_000) ?? '', /changed to fibre, good for 5000 ms/);
  });

  it('are too many when nothing that carried has failed', () => {
    const { move } = stage();
    assert.match(move('lte', 'fibre', 'failed', 40_000) ?? '', /2 changes for \d failures/);
  });
});
