/**
 * A gateway with two providers and a client behind it, and a server in the internet that both providers reach.
 *
 *     client ── gateway ══ wan0 ══ router ══ link 0 ══ server        host A, gateway A, the router, gateway B
 *                       ══ wan1 ══        ══ link 1 ══               of the shape `nat` (sites.ts)
 *
 * Contract: the server has two addresses per family that are on no link. A provider is the router's side of one link: it leaves by
 * that link only and has no way back to the private network, and the server sees by the address it comes from which one it was. The gateway runs with strict `rp_filter`.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createIdentity } from '../../src/linux/identity.ts';
import { behindRouter, onOutsideSubnet, outside, privateNetworks } from '../addressing.ts';
import type { Child } from '../child.ts';
import { gatewayFiles } from '../gateway-configs.ts';
import { GatewayDaemon, quickStart } from '../gateways.ts';
import { Lab } from '../lab.ts';
import { connect, type Namespace } from '../namespace.ts';
import type { LinkProfile } from '../profiles.ts';
import { openSites, type Sites } from '../sites.ts';

export const server = { v4: '203.0.113.1', v6: '2001:db8:ffff::1' } as const;
/** Of the same machine; for a target that may die alone. */
export const otherServer = { v4: '203.0.113.2', v6: '2001:db8:ffff::2' } as const;
const SERVER_PORT = '9000';
const serverMain = join(import.meta.dirname, 'internet', 'server-main.ts');
const clientsMain = join(import.meta.dirname, 'internet', 'clients-main.ts');
const clientMain = join(import.meta.dirname, 'internet', 'client-main.ts');

export type InternetSiteOptions = {
  readonly internet: object;
  /** By the link's name. */
  readonly links?: Readonly<Record<string, object>>;
  readonly profile?: readonly LinkProfile[];
  /** Default `nat`; with `shared-interface` both links are addresses of `wan0`. */
  readonly shape?: 'nat' | 'shared-interface';
  /** Of the daemon, beside that of the test. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Of `gateway` and of the whole file, over what is written by itself. */
  readonly gateway?: object;
};

export class InternetSite {
  readonly lab: Lab;
  readonly sites: Sites;
  readonly daemon: GatewayDaemon;

  private constructor(lab: Lab, sites: Sites, daemon: GatewayDaemon) {
    this.lab = lab;
    this.sites = sites;
    this.daemon = daemon;
  }

  /** The daemon is not started. */
  static async open(tag: string, options: InternetSiteOptions): Promise<InternetSite> {
    const lab = await Lab.open(tag);
    try {
      const { profile = ['plain', 'plain'], shape = 'nat' } = options;
      const sites = await openSites(lab, { profile, shape });
      await prepare(sites);
      return new InternetSite(lab, sites, writeDaemon(lab, sites, options));
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  get client(): Namespace {
    return this.sites.hostA;
  }

  get gateway(): Namespace {
    return this.sites.gatewayA;
  }

  /** Who carries IPv4, as the daemon says. */
  async carriers(): Promise<string[]> {
    const { internet } = await this.daemon.status();
    const [v4] = internet?.families ?? [];
    return (v4?.carriers ?? []).map(({ link }) => link);
  }

  async carriedBy(wanted: readonly string[], withinMillis = 15_000): Promise<void> {
    const deadline = performance.now() + withinMillis;
    for (let seen: string[] = []; ; seen = await this.carriers()) {
      if (seen.join() === wanted.join()) return;
      if (performance.now() > deadline) assert.fail(`carried by ${seen.join()}\n${this.daemon.child.output}`);
      await sleep(30);
    }
  }

  /** Waits until the probe of each link has the verdict. */
  async verdicts(wanted: Readonly<Record<string, string>>, withinMillis = 15_000): Promise<void> {
    const deadline = performance.now() + withinMillis;
    for (;;) {
      const { links } = await this.daemon.status();
      if (links.every(({ name, probe }) => probe?.verdict === (wanted[name] ?? probe?.verdict))) return;
      if (performance.now() > deadline) assert.fail(JSON.stringify(links, undefined, 1));
      await sleep(50);
    }
  }

  /** Gives the interface of a link the addresses and the default routes that a fault took away. */
  async dressAgain(index = 0): Promise<void> {
    const [hop, own] = [behindRouter(index, 1), behindRouter(index, 2)];
    const device = `wan${index}`;
    await this.gateway.addAddresses(device, `${own.v4}/24`, `${own.v6}/64`);
    for (const via of Object.values(hop))
      await this.gateway.addRoute('default', via, `dev ${device} metric ${100 + index}`);
  }

  /** Lays the cable of a link again after its interface was deleted. */
  async layAgain(index: number): Promise<void> {
    const { router } = this.sites;
    if (router === undefined) throw new Error('there is no router to lay a cable to');
    const [device, far] = [`wan${index}`, `in${index}`];
    await connect({ namespace: this.gateway, name: device }, { namespace: router, name: far });
    await router.addAddresses(far, ...onOutsideSubnet(behindRouter(index, 1)));
    await this.gateway.run('sysctl', ['-qw', `net.ipv4.conf.${device}.rp_filter=1`]);
    await this.dressAgain(index);
  }

  /** A connection that lasts. @param source its own address; the kernel's choice where it is left out */
  connect(from: Namespace, address: string, source = ''): Promise<Child> {
    return from.spawn(process.execPath, [clientMain, address, SERVER_PORT, '', source]);
  }

  /** One new connection. @returns the link that it came over, as the server sees it; undefined when it did not come */
  async wayOf(from: Namespace, address: string, withinMillis = 1_500): Promise<number | undefined> {
    const child = await from.spawn(process.execPath, [clientMain, address, SERVER_PORT, '1']);
    try {
      const [, seen] = await child.waitFor(/1 (\S+)/, withinMillis);
      return linkOf(seen ?? '');
    } catch {
      return undefined;
    } finally {
      child.killNow();
    }
  }

  /** One new connection of the client from each of its addresses. @returns the links, in no order; undefined for each that failed */
  async waysOf(
    address: string,
    sources: readonly string[],
  ): Promise<(readonly [string, number | undefined])[]> {
    const words = [clientsMain, address, SERVER_PORT, ...sources];
    const { stdout } = await this.client.run(process.execPath, words);
    return stdout
      .trim()
      .split('\n')
      .map((text) => text.split(' '))
      .map(([source = '', seen = '']) => [source, linkOf(seen)] as const);
  }

  close(): Promise<void> {
    return this.lab[Symbol.asyncDispose]();
  }
}

/** By the address from which the server was reached. */
export function linkOf(address: string): number | undefined {
  const plain = address.replace('::ffff:', '');
  const index = [0, 1].find((it) =>
    [outside(it, 1), behindRouter(it, 2)].flatMap((pair) => Object.values(pair)).includes(plain),
  );
  return index;
}

async function prepare({ gatewayA, gatewayB, shape }: Sites): Promise<void> {
  await gatewayB.addAddresses(
    'lo',
    ...[server, otherServer].flatMap(({ v4, v6 }) => [`${v4}/32`, `${v6}/128`]),
  );
  const names = ['all', 'wan0', 'lan0', ...(shape === 'nat' ? ['wan1'] : [])];
  await gatewayA.run('sysctl', ['-qw', ...names.map((name) => `net.ipv4.conf.${name}.rp_filter=1`)]);
  const child = await gatewayB.spawn(process.execPath, [serverMain, SERVER_PORT]);
  await child.waitFor(/listening/);
}

function writeDaemon(
  lab: Lab,
  sites: Sites,
  { internet, links = {}, gateway: more, environment }: InternetSiteOptions,
): GatewayDaemon {
  const directory = mkdtempSync(join(tmpdir(), `${lab.tag}-`));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  lab.onRemoval({ gracefully: async () => remove(), now: remove });
  const files = gatewayFiles(directory, 'a');
  mkdirSync(files.state, { recursive: true, mode: 0o700 });
  createIdentity(files.identity);
  const { config: _config, ...gateway } = files;
  const section = (index: number) => ({
    interface: sites.shape === 'nat' ? `wan${index}` : 'wan0',
    ...(sites.shape === 'nat' ? {} : sharedAddress(index)),
    probe: { targets: [{ icmp: server.v4 }, { icmp: otherServer.v4 }] },
    ...links[`link${index}`],
  });
  writeFileSync(
    files.config,
    stringify({
      gateway: { name: 'office', forwarding: true, ...gateway, ...more },
      links: { link0: section(0), link1: section(1) },
      internet,
    }),
  );
  return new GatewayDaemon('a', sites.gatewayA, files, quickStart, environment);
}

/** Where the interface alone does not say which link it is. */
function sharedAddress(index: number): object {
  return { address: Object.values(behindRouter(index, 2)), gateway: Object.values(behindRouter(index, 1)) };
}

export const masqueraded = Object.values(privateNetworks.a);
