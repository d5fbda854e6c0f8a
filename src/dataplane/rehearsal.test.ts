import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Outbound } from './outbound.ts';
import { prove, rehearse } from './rehearsal.ts';

const options = { skip: process.getuid?.() !== 0 && 'binding to an interface needs root' };

test('the packet path brings packets through unharmed on this machine', options, () => {
  assert.equal(prove(), true);
});

test('a packet path that harms packets is found out', options, (t) => {
  const drain = Outbound.prototype.drain;
  let drains = 0;
  t.mock.method(Outbound.prototype, 'drain', function (this: Outbound, ...args: Parameters<typeof drain>) {
    // After some packets nothing leaves any more.
    return ++drains < 40 ? drain.apply(this, args) : true;
  });
  assert.throws(() => prove(), { code: 'BS_SELF_TEST_FAILED' });
});

test('a machine that is too busy to be warmed starts all the same', options, (t) => {
  const drain = Outbound.prototype.drain;
  // The rounds that prove the path are over by then.
  const silence = { from: 600, to: 640 };
  let drains = 0;
  t.mock.method(Outbound.prototype, 'drain', function (this: Outbound, ...args: Parameters<typeof drain>) {
    drains++;
    return drains > silence.from && drains < silence.to ? true : drain.apply(this, args);
  });
  assert.equal(rehearse(), true);
  assert.ok(drains >= silence.to, 'there was a silence');
});

test('code that is compiled in the rehearsal is kept by workers that come after it', options, () => {
  const program = fileURLToPath(new URL('../../test/fixtures/rehearse-twice.ts', import.meta.url));
  const output = execFileSync(process.execPath, ['--trace-deopt', '--expose-gc', program], {
    encoding: 'utf8',
  });
  const [rehearsal, after] = output.split(/^rehearsed(?: again)?$/m) as [string, string, string];
  assert.ok(givenUp(rehearsal) > 0, 'V8 tells what it gives up');
  // A change of a path's state at an odd moment may still surprise it.
  assert.ok(givenUp(after) <= 2, after);
});

test('what is an integer in the packet path stays one', options, () => {
  const program = fileURLToPath(new URL('../../test/fixtures/rehearse-twice.ts', import.meta.url));
  const trace = execFileSync(process.execPath, ['--trace-generalization', '--expose-gc', program], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.match(trace, /generalizing/, 'V8 tells what it learns of fields');
  const becameDoubles = trace
    .split('\n')
    .filter((line) => /:s\{[^}]*\}->d/.test(line) && /src\/(dataplane|tunnel)\//.test(line))
    // Commands are made anew each time.
    .filter((line) => !/rehearsal-stage|drainCommands/.test(line));
  assert.deepEqual(becameDoubles, []);
});

function givenUp(trace: string): number {
  return trace.match(/bailout \(kind|marking dependent code/g)?.length ?? 0;
}
