import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { noAlarms } from '../../../test/fixtures/alarm-rig.ts';
import { checkAlarms } from './file-checks.ts';

test('the secrets of alarms are looked at, each once', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'bs-doctor-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const headersFile = join(directory, 'headers');
  writeFileSync(headersFile, 'a: b\n', { mode: 0o600 });
  const webhook = (path: string | undefined) => ({ url: 'https://example.org/', headersFile: path });
  const webhooks = [headersFile, headersFile, undefined, join(directory, 'missing')].map(webhook);
  const found = () => checkAlarms({ ...noAlarms, webhooks }).map(({ status, found: text }) => [status, text]);
  assert.deepEqual(found(), [
    ['ok', headersFile],
    ['problem', `${directory}/missing: There is no such file.`],
  ]);
  chmodSync(headersFile, 0o644);
  assert.deepEqual(found()[0], ['problem', `${headersFile}: Its mode is 0644.`]);
  assert.deepEqual(checkAlarms(noAlarms), []);
});
