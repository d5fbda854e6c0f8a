import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runTestFile } from './test-file.ts';

async function run(context: TestContext, source: string, timeoutMillis = 20_000) {
  const directory = mkdtempSync(join(tmpdir(), 'bs-runner-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'planted.test.mjs');
  writeFileSync(file, `import { describe, it, test } from 'node:test';\n${source}`);
  const { passed, failed, skipped, failures } = await runTestFile(file, timeoutMillis);
  return { counts: [passed, failed, skipped], failures: failures.join('\n') };
}

test('passes, failures, skips and subtests are counted once each', async (context) => {
  const { counts, failures } = await run(
    context,
    `test('good', () => {});
     test('bad', () => { throw new Error('boom'); });
     test('not here', { skip: 'no kernel' }, () => {});
     test('later', { todo: true }, () => { throw new Error('not yet'); });
     describe('room', () => { it('is tidy', () => {}); it('is not', () => { throw new Error('dust'); }); });
     test('outer', async (t) => { await t.test('inner', () => { throw new Error('within'); }); });`,
  );
  assert.deepEqual(counts, [2, 3, 2]);
  for (const text of ['boom', 'dust', 'within']) assert.match(failures, new RegExp(text));
});

test('a crash after passed tests is a failure, and what was printed is shown', async (context) => {
  const { counts, failures } = await run(
    context,
    `test('good', () => {}); setTimeout(() => { console.log('last words'); process.exit(7); }, 200);
     test('long', () => new Promise((resolve) => setTimeout(resolve, 5000)));`,
  );
  assert.deepEqual(counts, [1, 1, 0]);
  assert.match(failures, /exit status 7.*last words/s);
});

test('a file that cannot be read, kills itself, or holds no test fails', async (context) => {
  for (const [source, reason] of [
    ['a syntax error', /SyntaxError/],
    ["process.kill(process.pid, 'SIGKILL')", /SIGKILL/],
    ["console.log('nothing to see')", /no test/],
    ["test('good', () => {}); (await import('node:test')).after(() => { throw new Error('late'); })", /late/],
  ] as const) {
    const { counts, failures } = await run(context, source);
    assert.equal(counts[1], 1, source);
    assert.match(failures, reason);
  }
});

test('a file that hangs is ended together with its children', async (context) => {
  const { counts, failures } = await run(
    context,
    `import { spawn } from 'node:child_process'; spawn('sleep', ['60'], { stdio: 'inherit' });
     test('good', () => {}); setInterval(() => {}, 1000);`,
    1_000,
  );
  assert.deepEqual(counts, [1, 1, 0]);
  assert.match(failures, /did not end within 1 s/);
});
