/**
 * Traffic filters with real packets: what passes, what does not, what senders are told, and what is counted (S4.9).
 *
 * Only gateway A has filters. Ports are named for what becomes of them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FilterStatus } from '../../src/api/status.ts';
import { gatewayInside, hostInside, privateNetworks } from '../addressing.ts';
import { waitUntilUp } from '../gateways.ts';
import type { Namespace } from '../namespace.ts';
import { ping } from '../ping.ts';
import { knock, openPorts, type Protocol } from './knock.ts';
import { type MachineState, machineState } from './machine-state.ts';
import { openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

const port = { telnet: 23, accepted: 8000, dropped: 8001, rejected: 8002, unnamed: 8003, elsewhere: 8004 };
const ports = Object.values(port);
const transport = { protocol: ['tcp', 'udp'] };
const toB = Object.values(privateNetworks.b);
const elsewhere = ['10.2.99.0/24', 'fd00:2:99::/64'];

const filters = [
  { name: 'accepted', action: 'accept', ...transport, ports: port.accepted, direction: 'out', to: toB },
  { name: 'dropped', action: 'drop', ...transport, ports: port.dropped },
  { name: 'rejected', action: 'reject', ...transport, ports: port.rejected },
  { name: 'elsewhere', action: 'accept', ...transport, ports: port.elsewhere, to: elsewhere },
  { name: 'echo', action: 'accept', direction: 'out', protocol: 'icmp' },
  { name: 'calls', action: 'accept', direction: 'in', protocol: 'tcp', ports: port.accepted },
  { name: 'streams', action: 'accept', protocol: 'tcp', ports: '7100-7199' },
];
const gatewayFilters = [{ name: 'telnet', action: 'reject', protocol: 'tcp', ports: port.telnet }];

/** Somebody else's table, and connection tracking that was there before us. */
const theirs = `table inet theirs {
  chain forward {
    type filter hook forward priority filter; policy accept;
    tcp dport 65000 counter drop
  }
}`;

/** What a sender is told whose packet is rejected: a reset for TCP, ICMP's "administratively prohibited" for others. */
const refusal = {
  tcp: { v4: 'ECONNREFUSED', v6: 'ECONNREFUSED' },
  udp: { v4: 'EHOSTUNREACH', v6: 'EACCES' },
};
const families = ['v4', 'v6'] as const;

describe('a gateway with traffic filters', () => {
  let pair: SitePair;
  let found: MachineState;
  before(async () => {
    pair = await openSitePair('filters', {
      overrides: {
        a: { gateway: { filters: gatewayFilters }, tunnel: { filters, 'filter-default': 'drop' } },
      },
      prepare: async ({ gatewayA }) => {
        await gatewayA.nft(theirs);
        found = await machineState(gatewayA);
      },
    });
    const { hostA, gatewayA, hostB } = pair.sites;
    await Promise.all([hostA, gatewayA, hostB].map((namespace) => openPorts(namespace, ports)));
  });
  after(() => pair?.close());

  /** What becomes of accepted, dropped, rejected, unnamed and elsewhere, over both families. */
  async function tryAll(
    from: Namespace,
    protocol: Protocol,
    to: { readonly v4: string; readonly v6: string },
  ): Promise<Record<'v4' | 'v6', string[]>> {
    const tried = [port.accepted, port.dropped, port.rejected, port.unnamed, port.elsewhere];
    const [v4 = [], v6 = []] = await Promise.all(families.map((it) => knock(from, protocol, to[it], tried)));
    return { v4, v6 };
  }

  for (const protocol of ['tcp', 'udp'] as const) {
    it(`accepts, drops and rejects ${protocol} of hosts behind it, and lets replies in`, async () => {
      const results = await tryAll(pair.sites.hostA, protocol, hostInside('b'));
      for (const family of families) {
        const refused = refusal[protocol][family];
        assert.deepEqual(results[family], ['answered', 'silent', refused, 'silent', 'silent'], family);
      }
    });

    it(`does the same with ${protocol} of its own`, async () => {
      const results = await tryAll(pair.sites.gatewayA, protocol, hostInside('b'));
      for (const family of families) {
        const [answered, dropped, refused, unnamed] = results[family];
        assert.deepEqual(
          [answered, dropped === 'answered', unnamed === 'answered'],
          ['answered', false, false],
        );
        assert.notEqual(refused, 'answered');
        assert.notEqual(refused, 'silent', 'its own programs are told at once');
      }
    });

    it(`filters ${protocol} that comes from the peer, and tells the sender through the tunnel`, async () => {
      const answer = protocol === 'tcp' ? 'answered' : 'silent';
      for (const to of [hostInside('a'), gatewayInside('a')]) {
        const results = await tryAll(pair.sites.hostB, protocol, to);
        for (const family of families) {
          const refused = refusal[protocol][family];
          assert.deepEqual(
            results[family],
            [answer, 'silent', refused, 'silent', 'silent'],
            `${family} ${to[family]}`,
          );
        }
      }
    });
  }

  it("asks the gateway's own filters before those of the tunnel", async () => {
    for (const family of families)
      assert.deepEqual(await knock(pair.sites.hostA, 'tcp', hostInside('b')[family], [port.telnet]), [
        'ECONNREFUSED',
      ]);
  });

  it('lets echoes out and their replies in, but no echoes in', async () => {
    const { hostA, hostB } = pair.sites;
    for (const family of families) {
      const options = { intervalMillis: 20 };
      const out = await ping(hostA, 5, { address: hostInside('b')[family], ...options });
      const back = await ping(hostB, 5, { address: hostInside('a')[family], ...options });
      assert.deepEqual([out.received, back.received], [5, 0], family);
    }
  });

  it('counts what each filter matched', async () => {
    const start = await counts(pair);
    const { hostA } = pair.sites;
    await Promise.all(
      families.map((family) => knock(hostA, 'udp', hostInside('b')[family], [port.accepted, port.dropped])),
    );
    const end = await counts(pair);
    const rise = (title: string) => end.get(title)!.packets! - start.get(title)!.packets!;
    assert.equal(rise('accepted'), 2, 'the first of each conversation');
    assert.equal(rise('dropped'), 6, 'three datagrams of each family');
    assert.deepEqual([rise('rejected'), rise('echo'), rise('telnet')], [0, 0, 0]);
    const datagram = { v4: 20 + 8 + 5, v6: 40 + 8 + 5 };
    const bytes = end.get('dropped')!.bytes! - start.get('dropped')!.bytes!;
    assert.equal(bytes, 3 * (datagram.v4 + datagram.v6));
    const replies = end.get('(accepted)')!.packets! - start.get('(accepted)')!.packets!;
    assert.ok(replies >= 2, `${replies} of what was accepted`);
    assert.deepEqual(
      [...end.values()].slice(0, 2).map(({ list }) => list),
      ['accepted', 'gateway'],
    );
  });

  it('that is killed leaves its filters closed, and the next start takes them over with their figures', async () => {
    const stream = await TcpStream.start(pair.sites);
    const [table, before] = [await filterTable(pair), await counts(pair)];
    pair.a.kill();
    await pair.a.child.exited;
    assert.deepEqual(await filterTable(pair), table);
    await pair.a.start();
    await waitUntilUp(pair);
    await stream.finish();
    assert.deepEqual(await filterTable(pair), table, 'nothing was loaded again');
    const after = await counts(pair);
    for (const [title, { packets = 0 }] of before) assert.ok(after.get(title)!.packets! >= packets, title);
    const [, dropped] = await knock(pair.sites.hostA, 'tcp', hostInside('b').v4, [
      port.accepted,
      port.dropped,
    ]);
    assert.equal(dropped, 'silent');
  });

  it('that loses its filters loads them again, and leaves the tables of others alone', async () => {
    const { gatewayA } = pair.sites;
    await gatewayA.nft('delete table inet backstay-filters');
    // Any change of the network makes the gateway look at all of it.
    await gatewayA.ip('address add 192.0.2.77/32 dev lo');
    await gatewayA.ip('address del 192.0.2.77/32 dev lo');
    await waitFor(async () => (await filterTable(pair)) !== '');
    assert.deepEqual(await knock(pair.sites.hostA, 'tcp', hostInside('b').v4, [port.rejected]), [
      'ECONNREFUSED',
    ]);
    const ruleset = (await gatewayA.run('nft', ['list', 'ruleset'])).stdout;
    assert.match(ruleset, /table inet theirs {[^}]*tcp dport 65000 counter packets 0 bytes 0 drop/);
  });

  it('that is ended leaves no rule behind', async () => {
    assert.equal((await pair.a.child.stop()).status, 0, pair.a.child.output);
    assert.deepEqual(await machineState(pair.sites.gatewayA), found);
  });
});

/** By the filter's name; the others by their list in brackets. */
async function counts(pair: SitePair): Promise<Map<string, FilterStatus>> {
  // What was read shortly before is shown again.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { filters: shown } = await pair.a.tunnel();
  return new Map(shown.map((filter) => [filter.name ?? `(${filter.list})`, filter]));
}

/** The table with its handles, which are new when it is loaded anew, and without its figures. */
async function filterTable({ sites }: SitePair): Promise<string> {
  const words = ['--stateless', '--handle', 'list', 'ruleset'];
  const { stdout } = await sites.gatewayA.run('nft', words);
  return stdout.match(/^table inet backstay-filters .*?^}/ms)?.[0] ?? '';
}

async function waitFor(wanted: () => Promise<boolean>, timeoutMillis = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMillis;
  while (!(await wanted())) {
    assert.ok(performance.now() < deadline, 'it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
