/**
 * Daemons that end, die, or stand still, and what the peer, the machine and the connections inside notice of it.
 */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCatalogue } from '../../src/errors.ts';
import { readIdentity } from '../../src/linux/identity.ts';
import { privateNetworks, type Side } from '../addressing.ts';
import { gatewayConfig, tunnelInterface } from '../gateway-configs.ts';
import { type GatewayDaemon, waitUntilUp } from '../gateways.ts';
import { fillUp } from './full-disk.ts';
import { JournalWatch } from './journal-watch.ts';
import { type MachineState, machineState } from './machine-state.ts';
import { program, withMounts } from './refusal.ts';
import { assertHostsReach, openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

const HEAL_MILLIS = 8_000;
const other: Readonly<Record<Side, Side>> = { a: 'b', b: 'a' };
const sides = ['a', 'b'] as const;

describe('a daemon', () => {
  let pair: SitePair;
  const found = {} as Record<Side, MachineState>;
  before(async () => {
    pair = await openSitePair('restart', {
      prepare: async ({ gatewayA, gatewayB }) => {
        found.a = await machineState(gatewayA);
        found.b = await machineState(gatewayB);
      },
    });
  });
  after(() => pair?.close());

  for (const side of sides) {
    it(`that is ended (side ${side}) tells its peer, leaves the machine as it was, and can start again`, async () => {
      const peer = pair[other[side]];
      const watch = await JournalWatch.start(peer);
      const endedAt = Date.now();
      const { status } = await pair[side].child.stop();
      assert.equal(status, 0, pair[side].child.output);
      const down = await watch.waitFor('tunnelDown', undefined, 1_000);
      assert.equal(down.evidence.reason, 'The peer shut down.');
      assert.ok(Date.parse(down.at) - endedAt < 1_000);
      assert.deepEqual(await machineState(pair[side].namespace), found[side]);
      assert.equal((await peer.tunnel()).state, 'down');
      await pair[side].start();
      await waitUntilUp(pair, HEAL_MILLIS);
      await assertHostsReach(pair.sites);
    });

    it(`that is killed (side ${side}) leaves what the next start takes over, and no connection breaks`, async () => {
      const streams = [
        await TcpStream.start(pair.sites),
        await TcpStream.start(pair.sites, { towards: 'a' }),
      ];
      await sleep(200);
      const running = await machineState(pair[side].namespace);
      await kill(pair[side]);
      const left = await machineState(pair[side].namespace);
      for (const part of ['addresses', 'IPv4 rules', 'IPv6 rules', 'packet filters', 'settings']) {
        assert.equal(withoutCarrier(left[part]), withoutCarrier(running[part]), part);
      }
      assert.match(
        left['IPv4 routes'] ?? '',
        new RegExp(`"unreachable","dst":"${privateNetworks[other[side]].v4}"`),
      );
      await pair[side].start();
      await waitUntilUp(pair, HEAL_MILLIS);
      const [adopted] = (await pair[side].events())
        .filter(({ kind }) => kind === 'adoptedLeftovers')
        .slice(-1);
      assert.ok(adopted?.kind === 'adoptedLeftovers');
      assert.ok(
        adopted.evidence.adopted.includes(`interface ${tunnelInterface}`),
        adopted.evidence.adopted.join(),
      );
      for (const stream of streams) await stream.finish();
    });

    it(`that stands still for three seconds (side ${side}) goes on`, async () => {
      const stream = await TcpStream.start(pair.sites);
      const watch = await JournalWatch.start(pair[other[side]]);
      pair[side].child.signal('SIGSTOP');
      await watch.waitFor('tunnelDown');
      await sleep(2_000);
      pair[side].child.signal('SIGCONT');
      await waitUntilUp(pair, HEAL_MILLIS);
      await assertHostsReach(pair.sites);
      await stream.finish();
    });
  }

  it('whose packet worker fails ends with one line, and leaves its network closed for the next start', async () => {
    const { child, namespace } = pair.b;
    const peer = await JournalWatch.start(pair.a);
    const quiet = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=epoll_wait'];
    const fault = await namespace.spawn('strace', [
      ...quiet,
      '-e',
      'inject=epoll_wait:error=EBADF',
      '-p',
      `${child.pid}`,
    ]);
    const { status } = await child.exited;
    await fault.exited;
    assert.equal(status, errorCatalogue.BS_INTERNAL.exitStatus);
    assert.match(
      child.output,
      /^Backstay .* runs as site-b\.\nBS_INTERNAL packet worker: .*epoll_wait.*\.\n$/,
    );
    await peer.waitFor('tunnelDown', ({ evidence }) => evidence.reason === 'The peer shut down.');
    const left = await machineState(namespace);
    assert.match(left['IPv4 routes'] ?? '', new RegExp(`"unreachable","dst":"${privateNetworks.a.v4}"`));
    await pair.b.start();
    await waitUntilUp(pair, HEAL_MILLIS);
    await assertHostsReach(pair.sites);
  });

  it('whose disk is full goes on, says so, and writes down what was missing when there is room again', async () => {
    await pair.b.child.stop();
    const { state, config } = pair.b.files;
    const small = withMounts(`mount -t tmpfs -o size=64k,mode=700 none ${state}`);
    const [first = '', ...rest] = [...small, program, 'run', '--config', config];
    const daemon = await pair.b.namespace.spawn(first, rest);
    await daemon.waitFor(/runs as/);
    await waitUntilUp(pair, HEAL_MILLIS);
    const inside = `/proc/${daemon.pid}/root${state}`;
    fillUp(join(inside, 'filler'));
    const watch = await JournalWatch.start(pair.b);
    // The last page of the journal has room for some more.
    for (let change = 0; change < 5 && (await watch.of('diskTrouble')).length === 0; change++)
      await changeLink(pair);
    const trouble = await watch.waitFor('diskTrouble', undefined, 0);
    assert.match(trouble.evidence.reason, /ENOSPC/);
    await assertHostsReach(pair.sites);
    rmSync(join(inside, 'filler'));
    await watch.waitFor('diskRecovered', undefined, HEAL_MILLIS);
    const written = readFileSync(join(inside, 'journal.jsonl'), 'utf8').trim().split('\n');
    // An entry that is repeated is written again.
    const sequences = [
      ...new Set(written.map((line) => (JSON.parse(line) as { sequence: number }).sequence)),
    ];
    const [oldest = 0] = sequences;
    assert.deepEqual(
      sequences.toSorted((one, another) => one - another),
      sequences.map((_, index) => oldest + index),
      'nothing is missing',
    );
    assert.equal((await daemon.stop()).status, 0);
    await pair.b.start();
    await waitUntilUp(pair, HEAL_MILLIS);
  });

  it('that is killed leaves what a start with another configuration takes away', async () => {
    await kill(pair.a);
    const fingerprints = {
      a: readIdentity(pair.a.files.identity).fingerprint,
      b: readIdentity(pair.b.files.identity).fingerprint,
    };
    const overrides = { tunnel: { interface: 'bs-other', networks: ['10.77.0.0/16'] } };
    const options = { fingerprints, families: 'v4', overrides } as const;
    writeFileSync(
      pair.a.files.config,
      gatewayConfig(pair.sites.links.slice(0, 1), 'a', pair.a.files, options),
    );
    await pair.a.start();
    const state = await machineState(pair.a.namespace);
    assert.doesNotMatch(JSON.stringify(state), new RegExp(tunnelInterface));
    assert.doesNotMatch(JSON.stringify(state), new RegExp(privateNetworks.b.v4));
    assert.doesNotMatch(state['IPv6 rules'] ?? '', /73\d\d/, 'no link has IPv6 any more');
    assert.match(state['IPv4 routes'] ?? '', /10\.77\.0\.0\/16/);
    const [adopted] = (await pair.a.events()).filter(({ kind }) => kind === 'adoptedLeftovers').slice(-1);
    assert.ok(adopted?.kind === 'adoptedLeftovers');
    assert.deepEqual(adopted.evidence.removed, [`interface ${tunnelInterface}`]);
    assert.equal((await pair.a.child.stop()).status, 0);
    assert.deepEqual(await machineState(pair.a.namespace), found.a);
  });
});

async function kill(daemon: GatewayDaemon): Promise<void> {
  daemon.kill();
  await daemon.child.exited;
}

/** Something for the journals of both sides. */
async function changeLink(pair: SitePair): Promise<void> {
  const watch = await JournalWatch.start(pair.b);
  await pair.sites.link(1).set({ blackHole: true });
  await watch.waitFor('pathDown');
  await pair.sites.link(1).set({ blackHole: false });
  await waitUntilUp(pair, HEAL_MILLIS);
}

/** A TUN device that nobody holds has no carrier. */
function withoutCarrier(text: string | undefined): string {
  return (text ?? '')
    .replaceAll('"NO-CARRIER",', '')
    .replaceAll(',"LOWER_UP"', '')
    .replaceAll(/"operstate":"\w+"/g, '');
}
