import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkConfig } from '../src/config/index.ts';
import { gatewayInside, hostInside } from './addressing.ts';
import { writeGatewayConfigs } from './gateway-configs.ts';
import { Lab } from './lab.ts';
import type { Namespace } from './namespace.ts';
import { ping } from './ping.ts';
import { openSites, routePlainly, type Sites } from './sites.ts';
import { laboratoryNamespaces } from './sweep.ts';
import { measureThroughput } from './throughput.ts';

async function assertReaches(from: Namespace, address: string, roundTripMillis?: number): Promise<void> {
  await ping(from, 1, { address }); // The neighbours get to know each other.
  const { received, medianMillis } = await ping(from, 5, { address, intervalMillis: 20 });
  assert.equal(received, 5, `${from.name} reaches ${address}`);
  if (roundTripMillis === undefined) return;
  assertWentOver(medianMillis, roundTripMillis);
}

/** The links' delays differ by 20 ms and more; what a busy machine adds says nothing about the way. */
function assertWentOver(medianMillis: number, roundTripMillis: number): void {
  const added = medianMillis - roundTripMillis;
  assert.ok(added > -1 && added < 15, `${medianMillis} ms, expected ${roundTripMillis}`);
}

async function assertDead(from: Namespace, address: string): Promise<void> {
  const { received } = await ping(from, 3, { address, intervalMillis: 20 });
  assert.equal(received, 0, `${from.name} must not reach ${address}`);
}

const fingerprints = {
  a: `SHA256:${'A'.repeat(43)}`,
  b: `SHA256:${'E'.repeat(43)}`,
};

function assertConfigsAreGood(sites: Sites): void {
  const directory = mkdtempSync(join(tmpdir(), 'bs-sites-test-'));
  try {
    const files = writeGatewayConfigs(sites, directory, { fingerprints });
    for (const { config } of [files.a, files.b]) {
      const checked = checkConfig(readFileSync(config, 'utf8'), config);
      assert.ok(checked.ok, JSON.stringify(checked));
      assert.equal(Object.keys(checked.config.links).length, sites.links.length);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('sites', () => {
  it('are joined by links with their profile; hosts reach each other only over a tunnel or plain routes', async () => {
    await using lab = await Lab.open('direct');
    const sites = await openSites(lab, { profile: 'uneven' });
    await assertReaches(sites.hostA, gatewayInside('a').v4);
    await assertReaches(sites.hostB, gatewayInside('b').v6);
    for (const [index, roundTripMillis] of [20, 60].entries()) {
      const { plan } = sites.link(index);
      await assertReaches(sites.gatewayA, plan.b.address.v4, roundTripMillis);
      await assertReaches(sites.gatewayB, plan.a.address.v6, roundTripMillis);
    }
    await assertDead(sites.hostA, hostInside('b').v4);
    await routePlainly(sites, 1);
    await assertReaches(sites.hostA, hostInside('b').v4, 60);
    await assertReaches(sites.hostB, hostInside('a').v6, 60);
    assertConfigsAreGood(sites);
  });

  it('lose one link without the other', async () => {
    await using lab = await Lab.open('faults');
    const sites = await openSites(lab, { profile: 'equal' });
    const far = [sites.link(0).plan.b.address.v4, sites.link(1).plan.b.address.v4] as const;
    await sites.link(0).set({ blackHole: true });
    await assertDead(sites.gatewayA, far[0]);
    await assertReaches(sites.gatewayA, far[1]);
    await sites.link(0).set({ blackHole: false });
    await sites.gatewayA.ip('link delete wan1');
    await assertReaches(sites.gatewayA, far[0]);
    await sites.link(1).repair();
    await assertReaches(sites.gatewayA, far[1]);
  });

  it('can be joined by plain links, which only know the black hole', async () => {
    await using lab = await Lab.open('plain');
    const sites = await openSites(lab, { profile: 'fast' });
    await routePlainly(sites);
    const { hostA, hostB } = sites;
    const run = { from: hostA, to: hostB, address: hostInside('b').v4, seconds: 1 };
    const { receivedMbit } = await measureThroughput(run);
    assert.ok(receivedMbit > 1000, `${receivedMbit} Mbit/s: are the offloads on?`);
    const address = sites.link(1).plan.b.address.v4;
    await sites.link(1).set({ blackHole: true });
    await assertDead(sites.gatewayA, address);
    await sites.link(1).set({ blackHole: false });
    await assertReaches(sites.gatewayA, address);
    await assert.rejects(sites.link(0).set({ lossPercent: 3 }), /lossPercent/);
    assertConfigsAreGood(sites);
  });

  it('can have a masquerading router before gateway A', async () => {
    await using lab = await Lab.open('nat');
    const sites = await openSites(lab, { profile: 'equal', shape: 'nat' });
    for (const link of sites.links) {
      await assertReaches(sites.gatewayA, link.plan.b.address.v4, 20);
      await assertReaches(sites.gatewayA, link.plan.b.address.v6, 20);
      await assert.rejects(ping(sites.gatewayB, 1, { address: link.plan.a.address.v4 }), /unreachable/);
    }
    assertConfigsAreGood(sites);
  });

  it('can have all links of gateway A on one interface', async () => {
    await using lab = await Lab.open('shared');
    const sites = await openSites(lab, { profile: 'uneven', shape: 'shared-interface' });
    for (const [index, roundTripMillis] of [20, 60].entries()) {
      const { a, b } = sites.link(index).plan;
      assert.equal(a.interfaceName, 'wan0');
      const { medianMillis } = await pingFrom(sites.gatewayA, a.address.v4, b.address.v4);
      assertWentOver(medianMillis, roundTripMillis);
      await assertReaches(sites.gatewayB, a.address.v6, roundTripMillis);
    }
    await routePlainly(sites, 0);
    await assertReaches(sites.hostA, hostInside('b').v4, 20);
    assertConfigsAreGood(sites);
  });

  it('leave nothing behind', () => {
    assert.deepEqual(laboratoryNamespaces(process.pid), []);
  });
});

async function pingFrom(from: Namespace, source: string, address: string) {
  await ping(from, 1, { address, source });
  return ping(from, 5, { address, source, intervalMillis: 20 });
}
