import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OnDemandRecord } from './on-demand-record.ts';

const lte = { interface: 'wwan0', downCommand: ['/etc/backstay/lte', 'down'], withinMillis: 30_000 };

function place(context: TestContext): { state: string; file: string } {
  const state = mkdtempSync(join(tmpdir(), 'bs-record-'));
  context.after(() => rmSync(state, { recursive: true }));
  return { state, file: join(state, 'on-demand.json') };
}

test('what was dialled and not hung up is known to the next start', (context) => {
  const { state, file } = place(context);
  const record = new OnDemandRecord(state);
  assert.equal(record.links.size, 0);
  record.add('lte', lte);
  record.add('isdn', { ...lte, interface: 'ppp0' });
  record.remove('isdn');
  const modem = { interface: 'ppp1', ppp: true, withinMillis: 280_000 } as const;
  record.add('modem', modem);
  assert.deepEqual(
    [...new OnDemandRecord(state).links],
    [
      ['lte', lte],
      ['modem', modem],
    ],
  );
  record.remove('modem');
  record.remove('lte');
  assert.equal(existsSync(file), false);
});

test('a record from before the last boot, or a damaged one, is worth nothing', (context) => {
  const { state, file } = place(context);
  new OnDemandRecord(state).add('lte', lte);
  const written = readFileSync(file, 'utf8');
  for (const text of [written.replace(/"boot":"./, '"boot":"x'), written.slice(0, -9), '{}', '']) {
    writeFileSync(file, text);
    assert.equal(new OnDemandRecord(state).links.size, 0, text);
  }
});
