import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import { CommandFailed } from './command.ts';
import { Lab } from './lab.ts';
import { connect, Namespace } from './namespace.ts';
import { isAlive } from './process-state.ts';
import { laboratoryNamespaces } from './sweep.ts';

const fixture = fileURLToPath(new URL('./fixtures/open-lab.ts', import.meta.url));

/** Another process with a laboratory of its own and a sleeping program in it. */
async function startOwner(test: TestContext) {
  const owner = await Child.start(process.execPath, [fixture]);
  test.after(() => owner.stop());
  const [, sleeper] = await owner.waitFor(/sleeper (\d+)/);
  return { owner, sleeper: Number(sleeper) };
}

describe('laboratory', () => {
  it('is removed with its scope, programs included', async () => {
    let sleeper: Child;
    {
      await using lab = await Lab.open('scope');
      const namespace = await Namespace.create(lab, 'a');
      sleeper = await namespace.spawn('sleep', ['600']);
      assert.deepEqual(laboratoryNamespaces(process.pid), [namespace.name]);
    }
    assert.deepEqual(laboratoryNamespaces(process.pid), []);
    assert.ok(!sleeper.running);
  });

  it('is removed when the scope ends by an error, programs that ignore signals included', async () => {
    const broken = async () => {
      await using lab = await Lab.open('failure');
      const namespace = await Namespace.create(lab, 'a');
      const stubborn = await namespace.spawn('bash', [
        '-c',
        'trap "" TERM; echo ready; sleep 600 & wait; wait',
      ]);
      await stubborn.waitFor(/ready/);
      throw new Error('the test failed');
    };
    await assert.rejects(broken(), /the test failed/);
    assert.deepEqual(laboratoryNamespaces(process.pid), []);
  });

  it('is removed on SIGTERM, and the signal is still the cause of death', async (test) => {
    const { owner, sleeper } = await startOwner(test);
    owner.signal('SIGTERM');
    assert.deepEqual(await owner.exited, { status: null, signal: 'SIGTERM' });
    assert.deepEqual(laboratoryNamespaces(owner.pid), []);
    assert.ok(!isAlive(sleeper));
  });

  it('is swept away by the next one after SIGKILL; that of a living process is not', async (test) => {
    const [killed, living] = await Promise.all([startOwner(test), startOwner(test)]);
    killed.owner.signal('SIGKILL');
    await killed.owner.exited;
    assert.equal(laboratoryNamespaces(killed.owner.pid).length, 1);
    {
      await using _lab = await Lab.open('sweeper');
      assert.deepEqual(laboratoryNamespaces(killed.owner.pid), []);
      assert.equal(laboratoryNamespaces(living.owner.pid).length, 1);
      assert.ok(!isAlive(killed.sleeper));
      assert.ok(isAlive(living.sleeper));
    }
    await living.owner.stop();
    assert.deepEqual(laboratoryNamespaces(living.owner.pid), []);
  });

  it('refuses a tag that would not make a name', async () => {
    await assert.rejects(Lab.open('No Tag'), /no tag/);
  });
});

describe('namespace', () => {
  it('reaches another over a cable, in both families at once', async () => {
    await using lab = await Lab.open('cable');
    const [a, b] = await Promise.all([Namespace.create(lab, 'a'), Namespace.create(lab, 'b')]);
    await connect({ namespace: a, name: 'x0' }, { namespace: b, name: 'x0' }, 1400);
    await a.addAddresses('x0', '198.18.0.1/24', '2001:db8::1/64');
    await b.addAddresses('x0', '198.18.0.2/24', '2001:db8::2/64');
    for (const address of ['198.18.0.2', '2001:db8::2']) {
      const { stdout } = await a.run('ping', ['-c', '1', '-W', '1', address]);
      assert.match(stdout, /1 received/);
    }
    assert.match((await b.run('ip', ['link', 'show', 'x0'])).stdout, /mtu 1400/);
  });

  it('throws what a failing command said', async () => {
    await using lab = await Lab.open('command');
    const namespace = await Namespace.create(lab, 'a');
    await assert.rejects(namespace.ip('link set nothing up'), (error: unknown) => {
      assert.ok(error instanceof CommandFailed);
      assert.match(error.message, /Cannot find device "nothing"/);
      return true;
    });
    await assert.rejects(namespace.run('sleep', ['60'], { timeoutMillis: 100 }), /SIGKILL/);
  });

  it('knows when a program ends without saying what is waited for', async () => {
    const child = await Child.start('echo', ['something else']);
    await assert.rejects(child.waitFor(/ready/), /has ended[\s\S]*something else/);
  });
});
