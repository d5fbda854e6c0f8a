/** Two sites behind one address translation call the same centre (S4.12): it sees them at one address. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { TunnelStatus } from '../../src/api/status.ts';
import { createIdentity } from '../../src/linux/identity.ts';
import { behindRouter, outside } from '../addressing.ts';
import { type GatewayFiles, gatewayFiles } from '../gateway-configs.ts';
import { GatewayDaemon, quickStart } from '../gateways.ts';
import { Lab } from '../lab.ts';
import { connect, Namespace } from '../namespace.ts';
import { JournalWatch } from './journal-watch.ts';
import { assertReaches } from './site-pair.ts';

const HEAL_MILLIS = 8_000;
const [translated, centreAddress] = [outside(0, 1).v4, outside(0, 2).v4];
const centreInside = '10.2.0.1';

type Site = { readonly name: string; readonly index: number; readonly network: string };
const sites: readonly Site[] = [
  { name: 'first', index: 0, network: '10.3.0.0/24' },
  { name: 'second', index: 1, network: '10.4.0.0/24' },
];

describe('a centre whose sites are behind one address', () => {
  let lab: Lab;
  let directory: string;
  let router: Namespace;
  let centre: GatewayDaemon;
  let branches: GatewayDaemon[];
  before(async () => {
    lab = await Lab.open('centre-nat');
    directory = mkdtempSync(join(tmpdir(), 'bs-centre-nat-'));
    router = await Namespace.create(lab, 'router');
    const middle = await Namespace.create(lab, 'centre');
    await connect({ namespace: router, name: 'wan0' }, { namespace: middle, name: 'wan0' });
    await router.addAddresses('wan0', `${translated}/24`);
    await middle.addAddresses('wan0', `${centreAddress}/24`);
    await middle.addAddresses('lo', `${centreInside}/24`);
    await router.enableForwarding();
    await router.nft(translation);
    const files = gatewayFiles(directory, 'b');
    const key = newKey(files);
    const peers = await Promise.all(sites.map((site) => openBranch(site, key)));
    branches = peers.map(({ daemon }) => daemon);
    const tunnels = peers.map(({ fingerprint, site: { name, network } }) => [
      name,
      { peer: { fingerprint }, networks: [network] },
    ]);
    write(files, 'centre', centreAddress, Object.fromEntries(tunnels));
    centre = new GatewayDaemon('b', middle, files, quickStart);
    await Promise.all([centre, ...branches].map((daemon) => daemon.start()));
    await allUp();
  });
  after(async () => {
    await lab?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  async function openBranch(site: Site, centreKey: string) {
    const namespace = await Namespace.create(lab, site.name);
    const [inside, near] = [behindRouter(site.index, 1).v4, behindRouter(site.index, 2).v4];
    await connect({ namespace, name: 'wan0' }, { namespace: router, name: `in${site.index}` });
    await router.addAddresses(`in${site.index}`, `${inside}/24`);
    await namespace.addAddresses('wan0', `${near}/24`);
    await namespace.addRoute('default', inside);
    await namespace.addAddresses('lo', site.network.replace('.0/24', '.1/24'));
    const files = gatewayFiles(join(directory, site.name), 'a');
    const fingerprint = newKey(files);
    const peer = { fingerprint: centreKey, addresses: [centreAddress] };
    write(files, site.name, 'auto', { centre: { peer, networks: [`${centreInside}/32`] } });
    return { site, fingerprint, daemon: new GatewayDaemon('a', namespace, files, quickStart) };
  }

  async function allUp(): Promise<readonly TunnelStatus[]> {
    for (const daemon of branches) await daemon.waitForTunnel(({ state }) => state === 'up', HEAL_MILLIS);
    const deadline = performance.now() + HEAL_MILLIS;
    for (;;) {
      const { tunnels } = await centre.status();
      if (tunnels.every(({ state }) => state === 'up')) return tunnels;
      assert.ok(performance.now() < deadline, 'the centre has both tunnels up');
      await sleep(50);
    }
  }

  async function remotes(): Promise<string[]> {
    return (await allUp()).map(({ paths }) => paths[0]?.remote ?? '');
  }

  async function assertBothReach(): Promise<void> {
    for (const { namespace } of branches) await assertReaches(namespace, centreInside);
  }

  it('tells them apart, though they come from the same address', async () => {
    const seen = await remotes();
    assert.deepEqual(
      seen.map((remote) => remote.replace(/:\d+$/, '')),
      [translated, translated],
    );
    assert.equal(new Set(seen).size, 2);
    await assertBothReach();
  });

  it('follows the one that is given another port, and lets the other be', async () => {
    const watch = await JournalWatch.start(centre);
    const [, unmoved] = await remotes();
    await router.nft(translationAnew);
    const moved = await watch.waitFor(
      'pathMoved',
      ({ evidence }) => /:43\d{3}$/.test(evidence.after),
      HEAL_MILLIS,
    );
    assert.ok(moved.subject.type === 'path' && moved.subject.tunnel === 'first');
    await assertBothReach();
    assert.equal((await remotes())[1], unmoved);
    assert.equal((await watch.of('pathMoved')).length, 1);
    // The first one has only this path, and is down until its peer has answered at the new port.
    const down = await watch.of('tunnelDown');
    assert.ok(down.every(({ subject }) => subject.name === 'first'));
  });
});

const firstSite = behindRouter(0, 2).v4;

const translation = `
table ip laboratory {
  chain zones { type filter hook prerouting priority raw; }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan0" ip saddr ${firstSite} meta l4proto udp masquerade to :41000-41999
    oifname "wan0" meta l4proto udp masquerade to :42000-42999
    oifname "wan0" masquerade
  }
}`;

/** In another zone the kernel does not find what it remembers of the first site, and chooses a port anew. */
const translationAnew = `
add rule ip laboratory zones ip saddr ${firstSite} meta l4proto udp ct zone set 1
add rule ip laboratory zones iifname "wan0" udp dport 43000-43999 ct zone set 1
flush chain ip laboratory postrouting
add rule ip laboratory postrouting oifname "wan0" ip saddr ${firstSite} meta l4proto udp masquerade to :43000-43999
add rule ip laboratory postrouting oifname "wan0" meta l4proto udp masquerade to :42000-42999
add rule ip laboratory postrouting oifname "wan0" masquerade
`;

function newKey(files: GatewayFiles): string {
  mkdirSync(files.state, { recursive: true, mode: 0o700 });
  return createIdentity(files.identity).fingerprint;
}

function write(files: GatewayFiles, name: string, address: string, tunnels: object): void {
  const { config, identity, state, socket } = files;
  const links = { only: { interface: 'wan0', address } };
  writeFileSync(config, stringify({ gateway: { name, identity, state, socket }, links, tunnels }));
}
