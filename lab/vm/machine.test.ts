import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { moduleOrder } from './initrd.ts';
import { runInVm } from './machine.ts';
import { missingPackages, requiredPackages } from './requirements.ts';
import { VmError } from './vm-error.ts';

test('the virtual machine runs Node.js under Debian’s kernel, with modules, and hands back what it left', async () => {
  const program = `
    const { createHash } = require('node:crypto');
    require('node:fs').writeFileSync(process.env.BACKSTAY_VM_OUTPUT + '/digest', createHash('sha256').update('x').digest());
    const loaded = require('node:fs').readFileSync('/proc/modules', 'utf8').includes('sch_netem');
    console.log(JSON.stringify({ release: require('node:os').release(), loaded, word: process.env.WORD }));
    console.error('to standard error');
    process.exitCode = 7;`;
  const result = await runInVm({
    command: [process.execPath, '-e', program],
    modules: ['sch_netem'],
    env: { WORD: "it's" },
  });
  assert.equal(result.exitStatus, 7, result.stderr);
  const said = JSON.parse(result.stdout);
  assert.match(said.release, /^6\.\d+.*-amd64$/);
  assert.deepEqual([said.loaded, said.word], [true, "it's"]);
  assert.match(result.stderr, /to standard error/);
  assert.equal(result.files.get('digest')?.length, 32);
});

test('a program that takes too long is stopped with its machine, and what it said is in the error', async () => {
  const hanging = runInVm({ command: ['sh', '-c', 'echo here; sleep 1000'], timeoutMillis: 20_000 });
  await assert.rejects(hanging, (error: Error) => {
    assert.ok(error instanceof VmError);
    assert.match(error.message, /not done after 20000 ms.*--- standard output\nhere/s);
    return true;
  });
});

test('a kernel panic is reported as such', async () => {
  const crash = runInVm({ command: ['sh', '-c', 'echo c > /proc/sysrq-trigger; sleep 20'] });
  await assert.rejects(crash, { name: 'VmError', message: /kernel stopped: Kernel panic/ });
});

test('modules are loaded after what they need', () => {
  const modulesDep = 'a/x.ko: b/y-1.ko c/z.ko\nb/y-1.ko: c/z.ko\nc/z.ko:\nd/other.ko:\n';
  assert.deepEqual(moduleOrder(modulesDep, ['x', 'built_in']), ['c/z.ko', 'b/y-1.ko', 'a/x.ko']);
});

test('missing programs are named by their packages, and the list of packages is complete', async () => {
  assert.deepEqual(missingPackages('/nonexistent').sort(), requiredPackages);
  const listed = (await readFile(new URL('packages.txt', import.meta.url), 'utf8')).split('\n');
  assert.deepEqual(listed.filter((line) => line !== '' && !line.startsWith('#')).sort(), requiredPackages);
});
