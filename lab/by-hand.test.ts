import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import { laboratoryNamespaces } from './sweep.ts';

const program = fileURLToPath(new URL('./by-hand.ts', import.meta.url));

describe('sites by hand', () => {
  it('obey faults, answer mistakes, and are gone at the end of the input', async (test) => {
    const sites = await Child.start(process.execPath, [program, 'uneven']);
    test.after(() => sites.stop());
    await sites.waitFor(/link 1: .*198\.18\.1\.1 .*198\.18\.1\.2/);
    sites.write('0 aToB blackHole=true blocked=udp,icmp\n');
    await sites.waitFor(/link 0 aToB: \{"blackHole":true,"blocked":\["udp","icmp"\]\}/);
    sites.write('7 blackHole=true\nnonsense\n0 blackHoles=true\n0 statistics\n');
    await sites.waitFor(/no link 7[\s\S]*no link NaN[\s\S]*no impairment blackHoles[\s\S]*swallowedFrames/);
    assert.equal(laboratoryNamespaces(sites.pid).length, 5);
    sites.closeInput();
    assert.deepEqual(await sites.exited, { status: 0, signal: null });
    assert.deepEqual(laboratoryNamespaces(sites.pid), []);
  });
});
