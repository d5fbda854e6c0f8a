/** The packet path alone between two sites: no daemon, fixed keys, real packets over two links. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseIpAddress, parsePrefix } from '../src/network/ip-address.ts';
import { privateNetworks, type Side } from './addressing.ts';
import type { Child } from './child.ts';
import { assertHostsReach } from './gateway/site-pair.ts';
import { TcpStream } from './gateway/tcp-stream.ts';
import { Lab } from './lab.ts';
import { openSites, type Sites } from './sites.ts';

const DEVICE = 'bs-path';
const PORT = 4500;
/** Room for IPv6, UDP, ESP and its padding within 1500. */
const INNER_MTU = 1410;

type Counters = {
  readonly tunnel: Record<string, number>;
  readonly paths: readonly Record<string, number>[];
  readonly worker: Record<string, number>;
};

/** One end's program in its gateway's namespace. */
class PathEnd {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static async start(sites: Sites, side: Side, options: object): Promise<PathEnd> {
    const gateway = side === 'a' ? sites.gatewayA : sites.gatewayB;
    const program = join(import.meta.dirname, 'packet-path.ts');
    const child = await gateway.spawn(process.execPath, [program, JSON.stringify(options)]);
    await child.waitFor(/ready/, 20_000);
    const far = privateNetworks[side === 'a' ? 'b' : 'a'];
    // The device must have nothing to say itself: what it would say is no packet of the sites.
    await gateway.ip(
      `link set ${DEVICE} addrgenmode none`,
      `link set ${DEVICE} mtu ${INNER_MTU} multicast off up`,
      `route add ${far.v4} dev ${DEVICE}`,
      `route add ${far.v6} dev ${DEVICE}`,
    );
    await gateway.enableForwarding();
    return new PathEnd(child);
  }

  /** Waits until this path was said to be in this state. */
  async reaches(path: number, state: string): Promise<void> {
    await this.#child.waitFor(new RegExp(`"pathState".*"path":${path},.*"to":"${state}"`));
  }

  async finish(): Promise<Counters> {
    this.#child.closeInput();
    const [line] = await this.#child.waitFor(/^\{"tunnel":.*$/m);
    assert.equal((await this.#child.exited).status, 0);
    return JSON.parse(line) as Counters;
  }
}

async function openEnds(sites: Sites, family: 'v4' | 'v6', finish: boolean): Promise<[PathEnd, PathEnd]> {
  const [keyOfA, keyOfB] = [randomBytes(36).toString('hex'), randomBytes(36).toString('hex')];
  const [spiOfA, spiOfB] = [0x1000_0001, 0x2000_0001];
  const endOf = (side: Side) => {
    const far = side === 'a' ? 'b' : 'a';
    const own = side === 'a';
    return PathEnd.start(sites, side, {
      tun: DEVICE,
      spiIn: own ? spiOfB : spiOfA,
      spiOut: own ? spiOfA : spiOfB,
      keyIn: own ? keyOfB : keyOfA,
      keyOut: own ? keyOfA : keyOfB,
      finish,
      innerSources: Object.values(privateNetworks[far]).map((text) => {
        const prefix = parsePrefix(text) ?? assert.fail(text);
        return { hex: Buffer.from(prefix.address.bytes).toString('hex'), length: prefix.length };
      }),
      paths: sites.links.map(({ plan }) => ({
        interface: plan[side].interfaceName,
        local: hexOf(plan[side].address[family]),
        port: PORT,
        remote: hexOf(plan[far].address[family]),
        remotePort: PORT,
      })),
    });
  };
  return Promise.all([endOf('a'), endOf('b')]);
}

function hexOf(text: string): string {
  return Buffer.from(parseIpAddress(text)?.bytes ?? assert.fail(text)).toString('hex');
}

/** What was refused or lost for a reason that must not come up on healthy links. */
function troubles({ tunnel, worker }: Counters): string[] {
  return Object.entries({ ...tunnel, ...worker })
    .filter(
      ([name, value]) => /^refused|^dropped(NotIp|NoKeys|TooBig|SendFailed)|Failed$/.test(name) && value > 0,
    )
    .map(([name, value]) => `${name} ${value}`);
}

describe('the packet path', () => {
  for (const [family, finish] of [
    ['v4', false],
    ['v6', true],
  ] as const) {
    const checksums = finish ? 'complete' : 'open';
    it(`carries both families over ${family} with ${checksums} checksums, and outlives a dead link`, async () => {
      await using lab = await Lab.open(`path-${family}`);
      const sites = await openSites(lab, { profile: ['plain', 'plain'] });
      const ends = await openEnds(sites, family, finish);
      for (const end of ends) for (const path of [0, 1]) await end.reaches(path, 'up');
      await assertHostsReach(sites);

      const streams = [
        await TcpStream.start(sites, { bytesPerSecond: 10_000_000 }),
        await TcpStream.start(sites, { family: 'v6', towards: 'a' }),
      ];
      await sites.link(1).set({ blackHole: true });
      for (const end of ends) await end.reaches(1, 'down');
      await assertHostsReach(sites);
      for (const stream of streams) await stream.finish();

      for (const end of ends) {
        const counters = await end.finish();
        assert.deepEqual(troubles(counters), []);
        for (const path of counters.paths) {
          assert.ok((path['sentDataBytes'] ?? 0) > 0 && (path['receivedBytes'] ?? 0) > 0);
        }
      }
    });
  }
});
