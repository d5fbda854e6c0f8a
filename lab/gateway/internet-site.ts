/**
 * A gateway with two providers and a client behind it, and a server in the internet that both providers reach.
 *
 *     client ── gateway ══ wan0 ══ router ══ link 0 ══ server        host A, gateway A, the router, gateway B
 *                       ══ wan1 ══        ══ link 1 ══               of the shape `nat` (sites.ts)
 *
 * Contract: the server has two addresses per family that are on no link. A provider is the router's side of one link: it leaves by
 * that link only and has no way back to the private network, and the server sees by the address it comes from which one it was. The gateway runs with strict `rp_filter`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createIdentity } from '../../src/linux/identity.ts';
import { outside, privateNetworks } from '../addressing.ts';
import type { Child } from '../child.ts';
import { gatewayFiles } from '../gateway-configs.ts';
import { GatewayDaemon } from '../gateways.ts';
import { Lab } from '../lab.ts';
import type { Namespace } from '../namespace.ts';
import type { LinkProfile } from '../profiles.ts';
import { openSites, type Sites } from '../sites.ts';

export const server = { v4: '203.0.113.1', v6: '2001:db8:ffff::1' } as const;
/** Of the same machine; for a target that may die alone. */
export const otherServer = { v4: '203.0.113.2', v6: '2001:db8:ffff::2' } as const;
const SERVER_PORT = '9000';
const serverMain = join(import.meta.dirname, 'internet', 'server-main.ts');
const clientMain = join(import.meta.dirname, 'internet', 'client-main.ts');

export type InternetSiteOptions = {
  readonly internet: object;
  /** By the link's name. */
  readonly links?: Readonly<Record<string, object>>;
  readonly profile?: readonly LinkProfile[];
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
      const sites = await openSites(lab, { profile: options.profile ?? ['plain', 'plain'], shape: 'nat' });
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

  /** A connection that lasts. */
  connect(from: Namespace, address: string): Promise<Child> {
    return from.spawn(process.execPath, [clientMain, address, SERVER_PORT]);
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

  close(): Promise<void> {
    return this.lab[Symbol.asyncDispose]();
  }
}

/** By the address from which the server was reached. */
export function linkOf(address: string): number | undefined {
  const plain = address.replace('::ffff:', '');
  const index = [0, 1].find((it) => Object.values(outside(it, 1)).includes(plain));
  return index;
}

async function prepare({ gatewayA, gatewayB }: Sites): Promise<void> {
  await gatewayB.addAddresses(
    'lo',
    ...[server, otherServer].flatMap(({ v4, v6 }) => [`${v4}/32`, `${v6}/128`]),
  );
  const names = ['all', 'wan0', 'wan1', 'lan0'];
  await gatewayA.run('sysctl', ['-qw', ...names.map((name) => `net.ipv4.conf.${name}.rp_filter=1`)]);
  const child = await gatewayB.spawn(process.execPath, [serverMain, SERVER_PORT]);
  await child.waitFor(/listening/);
}

function writeDaemon(lab: Lab, sites: Sites, { internet, links = {} }: InternetSiteOptions): GatewayDaemon {
  const directory = mkdtempSync(join(tmpdir(), `${lab.tag}-`));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  lab.onRemoval({ gracefully: async () => remove(), now: remove });
  const files = gatewayFiles(directory, 'a');
  mkdirSync(files.state, { recursive: true, mode: 0o700 });
  createIdentity(files.identity);
  const { config: _config, ...gateway } = files;
  const section = (index: number) => ({
    interface: `wan${index}`,
    probe: { targets: [{ icmp: server.v4 }, { icmp: otherServer.v4 }] },
    ...links[`link${index}`],
  });
  writeFileSync(
    files.config,
    stringify({
      gateway: { name: 'office', forwarding: true, ...gateway },
      links: { link0: section(0), link1: section(1) },
      internet,
    }),
  );
  return new GatewayDaemon('a', sites.gatewayA, files, []);
}

export const masqueraded = Object.values(privateNetworks.a);
