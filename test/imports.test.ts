import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { breaches, importsOf } from './import-rules.ts';

const src = fileURLToPath(new URL('../src/', import.meta.url));

test('no file of src/ imports what its room must not know', () => {
  const files = globSync('**/*.ts', { cwd: src });
  assert.ok(files.length > 20);
  const found = files.flatMap((file) => breaches(file, readFileSync(src + file, 'utf8')));
  const lines = found.map(({ file, line, what, reason }) => `src/${file}:${line} ${what}: ${reason}`);
  assert.deepEqual(lines, []);
});

test('every form of import is seen, and comments and strings are not', () => {
  const text = `
import { a } from './a.ts';
import type {
  B,
} from "./b.ts";
import './c.ts';
export * from './d.ts';
export type { E } from './e.ts';
const f = await import('./f.ts');
const g = new Worker(new URL('./g.ts', import.meta.url));
type H = import('./h.ts').H;
const i = require('./i.ts');
import j, * as k from './j.ts';
// import { no } from './comment.ts';
/* import './block.ts'; */
const text = "it's // not a comment"; import './l.ts';
export const from = 'nowhere';
`;
  const specifiers = importsOf(text)
    .map(({ specifier }) => specifier)
    .sort();
  assert.deepEqual(
    specifiers,
    'abcdefghijl'.split('').map((name) => `./${name}.ts`),
  );
});

test('a planted breach of each rule is found, with its line and its reason', () => {
  const planted: [string, string, RegExp][] = [
    ['tunnel/esp/a.ts', "import { readFileSync } from 'node:fs';", /deciding is pure/],
    ['link/a.ts', 'const now = Date.now();', /time comes in as an argument/],
    ['pair/a.ts', 'const term = Math.random();', /random bytes/],
    ['journal/a.ts', "import { x } from '../linux/libc.ts';", /without the machine/],
    ['cluster/a.ts', "await import('../gateway/daemon.ts');", /without the machine and the daemon/],
    ['config/a.ts', "export * from '../tunnel/path.ts';", /arrows go downward/],
    ['gateway/a.ts', "import koffi from 'koffi';", /only linux\/ loads FFI/],
    ['api/a.ts', "import { spawn } from 'node:child_process';", /only linux\/ runs programs/],
    ['linux/a.ts', "import { Gateway } from '../gateway/gateway.ts';", /linux\/ is thin/],
    ['api/a.ts', "import { Gateway } from '../gateway/gateway.ts';", /wiring is in one room/],
    ['api/a.ts', "import { openTun } from '../linux/tun.ts';", /reach the machine through linux/],
    ['dataplane/a.ts', "new Worker(new URL('../cli/main.ts', import.meta.url))", /outermost room/],
    ['gateway/a.ts', "import { lab } from '../../lab/lab.ts';", /nothing outside/],
    ['dataplane/a.ts', "import { play } from '../../sim/simulation.ts';", /nothing outside/],
    ['network/a.ts', "import { z } from 'zod';", /config/],
    ['cli/a.ts', "import chalk from 'chalk';", /not a dependency/],
    ['attic/a.ts', "import { x } from '../network/x.ts';", /not in the table of rooms/],
  ];
  for (const [file, line, reason] of planted) {
    const found = breaches(file, `/** A file. */\n\n${line}\n`);
    assert.equal(found.length, 1, `${file}: ${line}`);
    assert.equal(found[0]?.line, 3, line);
    assert.match(found[0]?.reason ?? '', reason);
  }
});

test('what a room may do is not a breach', () => {
  assert.deepEqual(breaches('tunnel/a.test.ts', "import { test } from 'node:test';"), []);
  assert.deepEqual(
    breaches('tunnel/a.ts', "import { Prefix } from '../network/ip-address.ts'; new Date(millis);"),
    [],
  );
  assert.deepEqual(breaches('linux/a.ts', "import koffi from 'koffi'; import 'node:fs'; Date.now();"), []);
});
