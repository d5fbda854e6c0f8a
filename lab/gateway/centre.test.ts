/** Several sites call one centre (S4.12): each has its own tunnel there, and through it they reach one another. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createIdentity } from '../../src/linux/identity.ts';
import { gatewayInside, hostInside, outside } from '../addressing.ts';
import { type GatewayFiles, gatewayFiles } from '../gateway-configs.ts';
import { GatewayDaemon, quickStart } from '../gateways.ts';
import { Lab } from '../lab.ts';
import { connect, Namespace } from '../namespace.ts';
import { openSites, type Sites } from '../sites.ts';
import { JournalWatch } from './journal-watch.ts';
import { assertReaches } from './site-pair.ts';

const HEAL_MILLIS = 8_000;
/** The third site has a network and one link, to the centre only. */
const third = {
  network: '10.3.0.0/24',
  address: '10.3.0.1',
  link: { near: outside(2, 1).v4, far: outside(2, 2).v4 },
};

describe('a centre', () => {
  let lab: Lab;
  let sites: Sites;
  let branch: GatewayDaemon;
  let centre: GatewayDaemon;
  let outpost: GatewayDaemon;
  let directory: string;
  before(async () => {
    lab = await Lab.open('centre');
    sites = await openSites(lab, { profile: 'fast' });
    const namespace = await Namespace.create(lab, 'gateway-c');
    await connect({ namespace, name: 'wan2' }, { namespace: sites.gatewayB, name: 'wan2' });
    await namespace.addAddresses('wan2', `${third.link.near}/24`);
    await namespace.addAddresses('lo', `${third.address}/24`);
    await sites.gatewayB.addAddresses('wan2', `${third.link.far}/24`);
    directory = mkdtempSync(join(tmpdir(), 'bs-centre-'));
    const files = {
      a: gatewayFiles(directory, 'a'),
      b: gatewayFiles(directory, 'b'),
      c: { ...gatewayFiles(join(directory, 'third'), 'a') },
    };
    const keys = { a: newKey(files.a), b: newKey(files.b), c: newKey(files.c) };
    const calls = (addresses: string[]) => ({ fingerprint: keys.b, addresses });
    const links = (side: 'a' | 'b') =>
      Object.fromEntries(
        sites.links.map(({ plan }, index) => [
          `link${index}`,
          linkOf(plan[side].interfaceName, plan[side].address.v4),
        ]),
      );
    write(files.a, 'branch', links('a'), {
      centre: {
        peer: calls(sites.links.map(({ plan }) => plan.b.address.v4)),
        networks: ['10.2.0.0/24', third.network],
      },
    });
    write(
      files.b,
      'centre',
      { ...links('b'), spare: linkOf('wan2', third.link.far) },
      {
        branch: { peer: { fingerprint: keys.a }, links: ['link0', 'link1'], networks: ['10.1.0.0/24'] },
        outpost: { peer: { fingerprint: keys.c }, links: ['spare'], networks: [third.network] },
      },
    );
    write(
      files.c,
      'outpost',
      { only: linkOf('wan2', third.link.near) },
      {
        centre: { peer: calls([third.link.far]), networks: ['10.2.0.0/24', '10.1.0.0/24'] },
      },
    );
    branch = new GatewayDaemon('a', sites.gatewayA, files.a, quickStart);
    centre = new GatewayDaemon('b', sites.gatewayB, files.b, quickStart);
    outpost = new GatewayDaemon('a', namespace, files.c, quickStart);
    await Promise.all([branch.start(), centre.start(), outpost.start()]);
    await allUp();
  });
  after(async () => {
    await lab?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  async function allUp(): Promise<void> {
    for (const daemon of [branch, outpost])
      await daemon.waitForTunnel(({ state }) => state === 'up', HEAL_MILLIS);
    const deadline = performance.now() + HEAL_MILLIS;
    while ((await centre.status()).tunnels.some(({ state }) => state !== 'up')) {
      assert.ok(performance.now() < deadline, 'the centre has all tunnels up');
      await sleep(50);
    }
  }

  it('is reached from each site, and each site from the others', async () => {
    await assertReaches(sites.hostA, hostInside('b').v4);
    await assertReaches(outpost.namespace, hostInside('b').v4);
    await assertReaches(sites.hostA, third.address);
    await assertReaches(outpost.namespace, gatewayInside('a').v4);
  });

  it('has paths of a tunnel over its own links only, and counts each tunnel for itself', async () => {
    const [toBranch, toOutpost] = (await centre.status()).tunnels;
    assert.deepEqual(toBranch?.paths.map(({ link }) => link).toSorted(), ['link0', 'link1']);
    assert.deepEqual(
      toOutpost?.paths.map(({ link }) => link),
      ['spare'],
    );
    assert.ok(toOutpost.counters.innerPacketsIn >= 15 && toBranch.counters.innerPacketsIn >= 15);
    const spoofed = [toBranch, toOutpost].map(({ counters }) => counters.drops.spoofedInner ?? 0);
    assert.deepEqual(spoofed, [0, 0], 'what the kernel sends by itself on a new device stays there');
  });

  it('loses one site without the others noticing, and takes it back', async () => {
    const watch = await JournalWatch.start(centre);
    const { generation } = await branch.tunnel();
    outpost.kill();
    await outpost.child.exited;
    const down = await watch.waitFor('tunnelDown');
    assert.equal(down.subject.name, 'outpost');
    await assertReaches(sites.hostA, hostInside('b').v4);
    await outpost.start();
    await allUp();
    await assertReaches(sites.hostA, third.address);
    assert.equal((await branch.tunnel()).generation, generation);
    assert.deepEqual(
      (await watch.of('tunnelDown')).map(({ subject }) => subject.name),
      ['outpost'],
    );
  });

  it('lets nothing through that comes from the wrong site', async () => {
    await outpost.namespace.addAddresses('lo', '10.1.0.77/32');
    const before = (await centre.status()).tunnels[1]?.counters.drops.spoofedInner ?? 0;
    const words = ['-n', '-c', '3', '-i', '0.02', '-W', '1', '-I', '10.1.0.77', hostInside('b').v4];
    await assert.rejects(outpost.namespace.run('ping', words));
    const after = (await centre.status()).tunnels[1]?.counters.drops.spoofedInner ?? 0;
    assert.equal(after - before, 3);
  });
});

function newKey(files: GatewayFiles): string {
  mkdirSync(files.state, { recursive: true, mode: 0o700 });
  return createIdentity(files.identity).fingerprint;
}

function linkOf(device: string, address: string): object {
  return { interface: device, address };
}

function write(
  { config, identity, state, socket }: GatewayFiles,
  name: string,
  links: object,
  tunnels: object,
): void {
  writeFileSync(config, stringify({ gateway: { name, identity, state, socket }, links, tunnels }));
}
