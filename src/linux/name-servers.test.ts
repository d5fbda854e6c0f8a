import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findProgram } from './find-program.ts';
import { clearNameServers, setNameServers } from './name-servers.ts';

/** Programs of the test's own, before those of the machine. */
function programs(context: TestContext, scripts: Readonly<Record<string, string>>) {
  const directory = mkdtempSync(join(tmpdir(), 'bs-dns-'));
  const before = process.env['PATH'];
  context.after(() => {
    process.env['PATH'] = before;
    rmSync(directory, { recursive: true });
  });
  const log = join(directory, 'log');
  for (const [name, script] of Object.entries(scripts)) {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\necho ${name} "$@" >> ${log}\n${script}\n`.replaceAll('LOG', log));
    chmodSync(path, 0o755);
  }
  process.env['PATH'] = `${directory}:${before}`;
  return () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
}

const servers = ['192.0.2.53', '192.0.2.54'];

test('name servers are given to resolvectl, and taken back with the interface', async (context) => {
  const log = programs(context, { resolvectl: '', resolvconf: 'exit 1' });
  assert.equal(await setNameServers('ppp0', servers), undefined);
  assert.equal(await clearNameServers('ppp0'), undefined);
  assert.deepEqual(log(), ['resolvectl dns ppp0 192.0.2.53 192.0.2.54', 'resolvectl revert ppp0']);
});

test('they are given to resolvconf where resolvectl does not work', async (context) => {
  const log = programs(context, { resolvectl: 'exit 1', resolvconf: 'cat >> LOG' });
  assert.equal(await setNameServers('ppp0', servers), undefined);
  assert.deepEqual(log().slice(1), [
    'resolvconf -a ppp0.backstay',
    'nameserver 192.0.2.53',
    'nameserver 192.0.2.54',
  ]);
});

test('they are taken back from resolvconf where resolvectl does not work, which is no fault', async (context) => {
  const log = programs(context, { resolvectl: 'exit 1', resolvconf: 'exit 1' });
  assert.equal(await clearNameServers('ppp0'), undefined);
  assert.deepEqual(log(), ['resolvectl revert ppp0', 'resolvconf -d ppp0.backstay']);
});

test('when neither takes them it is told with what the first one said', async (context) => {
  programs(context, { resolvectl: 'echo is not running >&2; exit 1', resolvconf: 'exit 2' });
  assert.match(
    (await setNameServers('ppp0', servers)) ?? '',
    /resolvectl dns ppp0 .* failed: is not running/,
  );
});

test('a machine that has neither is left as it is', {
  skip: findProgram('resolvectl') !== undefined || findProgram('resolvconf') !== undefined,
}, async () => {
  assert.equal(await setNameServers('ppp0', servers), undefined);
  assert.equal(await clearNameServers('ppp0'), undefined);
});
