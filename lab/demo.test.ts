/** The demonstration as a person runs it, with a smaller file: what it answers, and what it leaves behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Child } from './child.ts';
import { laboratoryNamespaces } from './sweep.ts';

const program = join(import.meta.dirname, 'demo.ts');

describe('the demonstration', () => {
  it('carries a file over a failing link, says so as JSON, and leaves nothing behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bs-demo-test-'));
    try {
      const json = join(folder, 'result.json');
      const demo = await startDemo(folder, '--megabytes', '40', '--json', json);
      assert.equal((await demo.exited).status, 0, demo.output);
      const result = JSON.parse(readFileSync(json, 'utf8'));
      const fields = ['bytes', 'sha256Match', 'longestStallMs', 'linkShares', 'mbps'];
      assert.deepEqual(Object.keys(result), fields);
      assert.equal(result.bytes, 40_000_000);
      assert.equal(result.sha256Match, true);
      assert.ok(result.linkShares.link0 > 0.05 && result.linkShares.link1 > result.linkShares.link0);
      assert.match(demo.output, /Path \d+ of sites over link0 is down/);
      assert.deepEqual(leftBy(demo, folder), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bs-demo-test-'));
    try {
      const demo = await startDemo(folder, '--megabytes', '210');
      await demo.waitFor(/[1-9]\d? %/, 30_000);
      demo.signal('SIGINT');
      assert.equal((await demo.exited).signal, 'SIGINT');
      assert.deepEqual(leftBy(demo, folder), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says how it is used when the words are wrong', async () => {
    const demo = await startDemo(tmpdir(), '--megabytes', 'many');
    assert.equal((await demo.exited).status, 2);
    assert.match(demo.output, /^usage: /);
  });
});

function startDemo(folder: string, ...words: string[]): Promise<Child> {
  return Child.start(process.execPath, [program, ...words], { env: { ...process.env, TMPDIR: folder } });
}

/** Namespaces and temporary folders. */
function leftBy(demo: Child, folder: string): string[] {
  return [...laboratoryNamespaces(demo.pid), ...readdirSync(folder).filter((name) => name !== 'result.json')];
}
