/**
 * Each path's packets leave by its own link: its interface, its next hop, its source address, whatever the routing
 * table says (S4.6).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { behindRouter, type DualStack, outside } from '../addressing.ts';
import type { Namespace } from '../namespace.ts';
import { ping } from '../ping.ts';
import type { Sites } from '../sites.ts';
import { assertHostsReach, openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

const MISLEADING_METRIC = 5;

/** The most strict of what a machine may be set to: packets must come in where the way back leads out. */
async function checkReversePaths(...namespaces: Namespace[]): Promise<void> {
  for (const namespace of namespaces) {
    const interfaces = ['all', 'default', 'wan0', 'wan1'];
    const present = await Promise.all(interfaces.map((name) => hasSetting(namespace, name)));
    const settings = interfaces
      .filter((_, index) => present[index])
      .map((name) => `net.ipv4.conf.${name}.rp_filter=1`);
    await namespace.run('sysctl', ['-qw', ...settings]);
  }
}

async function hasSetting(namespace: Namespace, name: string): Promise<boolean> {
  return name === 'all' || name === 'default' || (await namespace.hasInterface(name));
}

/** What leaves towards the peer, by interface and source address; a row per packet seen. */
class Watch {
  readonly #captures: { interfaceName: string; stop(): Promise<string[]> }[] = [];

  static async start(namespace: Namespace, interfaceNames: readonly string[]): Promise<Watch> {
    const watch = new Watch();
    for (const interfaceName of interfaceNames) {
      const words = ['-i', interfaceName, '-n', '-l', '-e', '-q', '--immediate-mode', '-Q', 'out'];
      const child = await namespace.spawn('tcpdump', [...words, 'udp port 4500']);
      await child.waitFor(/listening on/);
      watch.#captures.push({
        interfaceName,
        stop: async () => {
          child.signal('SIGINT');
          await child.exited;
          return child.output.split('\n').filter((line) => line.includes(' > '));
        },
      });
    }
    return watch;
  }

  async stop(): Promise<{ interfaceName: string; lines: string[] }[]> {
    return Promise.all(
      this.#captures.map(async ({ interfaceName, stop }) => ({ interfaceName, lines: await stop() })),
    );
  }
}

/** The source address of a line of `tcpdump -n -q`, without the port. */
function sourceOf(line: string): string {
  return line.match(/IP6? ([0-9a-f.:]+)\.\d+ > /)?.[1] ?? line.match(/: ([0-9a-f.:]+)\.\d+ > /)?.[1] ?? line;
}

function both(address: DualStack): string[] {
  return [address.v4, address.v6];
}

async function exercise(sites: Sites): Promise<void> {
  const streams = [
    await TcpStream.start(sites),
    await TcpStream.start(sites, { towards: 'a', family: 'v6' }),
  ];
  await assertHostsReach(sites);
  for (const stream of streams) await stream.finish();
}

describe('two links with an interface each, on a machine whose routes say otherwise', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('ways', {
      prepare: async ({ gatewayA, gatewayB }) => {
        await checkReversePaths(gatewayA, gatewayB);
        for (const [gateway, far] of [
          [gatewayA, 2],
          [gatewayB, 1],
        ] as const) {
          // Everything by link 1, the far addresses of link 0 included; and a default route into the private network.
          for (const family of ['v4', 'v6'] as const) {
            const [zero, one] = [outside(0, far)[family], outside(1, far)[family]];
            await gateway.addRoute(family === 'v4' ? `${zero}/32` : `${zero}/128`, one, 'dev wan1');
            await gateway.addRoute('default', one, `dev wan1 metric ${MISLEADING_METRIC}`);
          }
        }
      },
    });
  });
  after(() => pair?.close());

  it('leave by their own interface with their own address', async () => {
    const { sites } = pair;
    const watches = [
      await Watch.start(sites.gatewayA, ['wan0', 'wan1']),
      await Watch.start(sites.gatewayB, ['wan0', 'wan1']),
    ];
    await exercise(sites);
    for (const [index, side] of (['a', 'b'] as const).entries()) {
      for (const [link, { lines }] of (await watches[index]!.stop()).entries()) {
        assert.ok(lines.length > 20, `link ${link} carries on side ${side}`);
        const sources = [...new Set(lines.map(sourceOf))].toSorted();
        assert.deepEqual(
          sources,
          both(sites.link(link).plan[side].address).toSorted(),
          `link ${link}, side ${side}`,
        );
      }
    }
  });

  it('have their packets counted on the path that took them', async () => {
    const start = (await pair.b.tunnel()).paths;
    await exercise(pair.sites);
    const end = (await pair.b.tunnel()).paths;
    for (const [index, path] of end.entries()) {
      assert.ok(path.rxPackets - start[index]!.rxPackets > 10, `path ${path.id} over ${path.link} receives`);
      assert.equal(path.state, 'up');
    }
  });
});

describe('two links that share one interface', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('shared', {
      shape: 'shared-interface',
      prepare: async ({ gatewayA, gatewayB }) => {
        await checkReversePaths(gatewayA, gatewayB);
        // A route of the operator to link 1's far address, by a router that is not there.
        const [far, nobody] = [outside(1, 2), behindRouter(0, 99)];
        await gatewayA.addRoute(`${far.v4}/32`, nobody.v4, 'dev wan0');
        await gatewayA.addRoute(`${far.v6}/128`, nobody.v6, 'dev wan0');
      },
    });
  });
  after(() => pair?.close());

  it('use their own next hop with their own address', async () => {
    const { sites } = pair;
    const { router } = sites;
    assert.ok(router !== undefined);
    const watch = await Watch.start(router, ['wan0', 'wan1']);
    await exercise(sites);
    for (const [link, { lines }] of (await watch.stop()).entries()) {
      assert.ok(lines.length > 20, `link ${link} carries: ${lines.length}`);
      assert.deepEqual([...new Set(lines.map(sourceOf))].toSorted(), both(behindRouter(link, 2)).toSorted());
    }
  });

  it('fail alone', async () => {
    await pair.sites.link(1).set({ blackHole: true });
    const onLink1 = (link: string) => link === 'link1';
    await pair.a.waitForTunnel(({ paths }) =>
      paths.every(({ link, state }) => (state === 'down') === onLink1(link)),
    );
    await assertHostsReach(pair.sites);
    await pair.sites.link(1).set({ blackHole: false });
    await pair.a.waitForTunnel(({ paths }) => paths.every(({ state }) => state === 'up'));
  });

  it("leave the machine's own traffic on its default route", async () => {
    const address = outside(0, 2).v4;
    const { received } = await ping(pair.sites.gatewayA, 3, { address, intervalMillis: 20 });
    assert.equal(received, 3);
  });
});
